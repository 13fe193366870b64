//! Why an attempt failed, by what to do about it.

use std::io;
use std::time::Duration;

use crate::HubError;

/// The outcome of an attempt that did not bring the file.
#[derive(Debug)]
pub(super) enum Failure {
    /// The same address may work a little later.
    Transient {
        error: HubError,
        /// What the server asks to wait.
        retry_after: Option<Duration>,
        /// Whether a server answered at all.
        reached: bool,
    },
    /// This address does not have the file.
    Address(HubError),
    /// What came, or the part that it was added to, is not the file.
    WrongContent(HubError),
    /// This machine is the reason; no address will help.
    Local(HubError),
}

impl Failure {
    pub(super) fn into_error(self) -> HubError {
        match self {
            Failure::Transient { error, .. }
            | Failure::Address(error)
            | Failure::WrongContent(error)
            | Failure::Local(error) => error,
        }
    }

    /// The same failure, with the pause that was asked for as the reason to give up.
    pub(super) fn too_busy(self, url: &str, asked: Duration) -> Failure {
        match self.into_error() {
            HubError::Status { status, .. } => {
                Failure::Address(HubError::Busy { url: url.to_owned(), status, seconds: asked.as_secs() })
            }
            error => Failure::Address(error),
        }
    }

    /// A request that brought no answer.
    pub(super) fn of_request(url: &str, error: ureq::Error) -> Failure {
        let lasting = is_lasting(&error);
        let stage = match &error {
            ureq::Error::HostNotFound | ureq::Error::Timeout(ureq::Timeout::Resolve) => "looking up the host",
            ureq::Error::ConnectProxyFailed(_) => "connecting through the proxy",
            ureq::Error::Timeout(ureq::Timeout::RecvResponse | ureq::Timeout::PerRead) => "waiting for the answer",
            _ => "connecting",
        };
        let reached = matches!(
            &error,
            ureq::Error::Protocol(_) | ureq::Error::Timeout(ureq::Timeout::RecvResponse | ureq::Timeout::PerRead)
        ) || matches!(&error, ureq::Error::Io(source) if is_cut(source));
        let error = HubError::Transfer { url: url.to_owned(), stage, source: Box::new(error) };
        if lasting {
            return Failure::Address(error);
        }
        Failure::Transient { error, retry_after: None, reached }
    }

    /// A body that broke off or stalled.
    pub(super) fn of_body(url: &str, source: io::Error) -> Failure {
        Failure::Transient {
            error: HubError::Transfer { url: url.to_owned(), stage: "receiving", source: Box::new(source) },
            retry_after: None,
            reached: true,
        }
    }
}

/// Whether another try must end the same way.
fn is_lasting(error: &ureq::Error) -> bool {
    match error {
        // A certificate that does not verify arrives as invalid data.
        ureq::Error::Io(source) => source.kind() == io::ErrorKind::InvalidData,
        ureq::Error::Timeout(_)
        | ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Protocol(_) => false,
        _ => true,
    }
}

fn is_cut(source: &io::Error) -> bool {
    matches!(
        source.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
    )
}
