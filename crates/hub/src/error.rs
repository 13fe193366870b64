//! Everything that can go wrong on the way from a name to a file.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::Checksum;

/// Why there is no verified file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HubError {
    /// No published file has this name.
    #[error("no published weights are called {name:?}; known are {}", known.join(", "))]
    UnknownName {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// Neither a cache folder nor a home folder is known.
    #[error("no cache folder is known: set XFER_CACHE_DIR, or HOME")]
    NoCacheDir,
    /// A checksum is neither MD5 nor SHA-256.
    #[error(
        "{text:?} is no checksum: expected 32 hexadecimal digits (md5) or 64 (sha256), got {}",
        text.len()
    )]
    BadChecksum {
        /// What was given.
        text: String,
    },
    /// A proxy variable holds no proxy address. Its value is not repeated: it may hold a password.
    #[error("the proxy in {variable} cannot be used: expected http://[user:password@]host:port or socks5://host:port")]
    BadProxy {
        /// The environment variable.
        variable: &'static str,
        /// What the HTTP client says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file is not here and downloading is switched off.
    #[error("{} is not on this machine, and downloads are switched off\n{wanted}", wanted.file_name)]
    Offline {
        /// What to put where.
        wanted: Box<Wanted>,
    },
    /// No address brought the file.
    #[error(
        "cannot download {}: {}\n{wanted}",
        wanted.file_name,
        reasons(attempts)
    )]
    Unreachable {
        /// What to put where.
        wanted: Box<Wanted>,
        /// Every address and why it failed.
        attempts: Vec<FailedAddress>,
    },
    /// A server brought a complete file of another content.
    #[error("{url} holds another file: expected {expected}, got {got}")]
    WrongChecksum {
        /// The address.
        url: String,
        /// The published sum.
        expected: Checksum,
        /// The sum of what came.
        got: Checksum,
    },
    /// A server announced or brought a file of another size.
    #[error("{url} holds another file: expected {expected} bytes, got {got}")]
    WrongSize {
        /// The address.
        url: String,
        /// The published size in bytes.
        expected: u64,
        /// The size of what came, in bytes; the count at which reading was given up where the server sends on and on.
        got: u64,
    },
    /// The file at the address is not the one that the first part came from.
    #[error("the file at {url} changed during the download: {what}")]
    Changed {
        /// The address.
        url: String,
        /// How that shows.
        what: String,
    },
    /// The server answered with a status that is no file.
    #[error("{url} answered with status {status}")]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The server asks for a longer pause than is granted.
    #[error("{url} answered with status {status} and asks for a pause of {seconds} s")]
    Busy {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The pause asked for, in seconds.
        seconds: u64,
    },
    /// Connecting, sending or receiving failed.
    #[error("{url}: {stage} failed")]
    Transfer {
        /// The address.
        url: String,
        /// What was being done.
        stage: &'static str,
        /// What the HTTP client says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The connection ended before the file did.
    #[error("{url}: the connection ended after {got} of {expected} bytes")]
    Cut {
        /// The address.
        url: String,
        /// Bytes of the whole file.
        expected: u64,
        /// Bytes that are here.
        got: u64,
    },
    /// The disk is full; what has arrived is kept for the next run.
    #[error(
        "{}: no space left on the disk; free some, or set XFER_CACHE_DIR to a folder on another one",
        path.display()
    )]
    DiskFull {
        /// The file that was being written.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A local file or folder could not be used.
    #[error("{}: cannot {stage}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        stage: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

/// One address and why it did not bring the file.
#[derive(Debug)]
pub struct FailedAddress {
    /// The address.
    pub url: String,
    /// What happened at the last attempt.
    pub error: HubError,
}

/// A file that could not be had, as instructions to get it by hand.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The file's name.
    pub file_name: String,
    /// Where it is published.
    pub urls: Vec<String>,
    /// Its size in bytes, where known.
    pub bytes: Option<u64>,
    /// Its checksum, where known.
    pub checksum: Option<Checksum>,
    /// Where it is looked for.
    pub path: PathBuf,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  to get it by hand, download{}", if self.urls.len() > 1 { " one of" } else { "" })?;
        for url in &self.urls {
            write!(f, "\n    {url}")?;
        }
        match (self.bytes, &self.checksum) {
            (Some(bytes), Some(checksum)) => write!(f, "\n  ({bytes} bytes, {checksum})")?,
            (Some(bytes), None) => write!(f, "\n  ({bytes} bytes)")?,
            (None, Some(checksum)) => write!(f, "\n  ({checksum})")?,
            (None, None) => {}
        }
        write!(f, "\n  and put it at\n    {}", self.path.display())
    }
}

impl HubError {
    /// An error of a local file, a full disk told apart.
    pub(crate) fn io(path: &std::path::Path, stage: &'static str, source: io::Error) -> HubError {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => HubError::DiskFull { path, source },
            _ => HubError::Io { path, stage, source },
        }
    }
}

/// A line for each address: these errors have no one `source` that a caller could print instead.
fn reasons(attempts: &[FailedAddress]) -> String {
    let lines: Vec<_> = attempts.iter().map(ToString::to_string).collect();
    match lines.as_slice() {
        [] => "no address is known".to_owned(),
        [line] => line.clone(),
        lines => format!("no address works\n    {}", lines.join("\n    ")),
    }
}

/// The host, what happened, and why.
impl fmt::Display for FailedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.error.to_string();
        let what = text.strip_prefix(&self.url).unwrap_or(&text).trim_start_matches([':', ' ']);
        let host = self.url.split("://").last().and_then(|rest| rest.split('/').next()).unwrap_or(&self.url);
        write!(f, "{host}: {what}")?;
        let mut source = self.error.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
