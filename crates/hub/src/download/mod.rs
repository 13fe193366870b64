//! From a list of addresses to one verified file under its name.

mod attempt;
mod client;
mod failure;
mod headers;
mod part;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use self::failure::Failure;
use self::part::Part;
use crate::lock::FileLock;
use crate::{Checksum, FailedAddress, HttpOptions, HubError, Progress, Wanted};

/// One file to bring: where from, where to, what it must be.
#[derive(Debug, Clone)]
pub struct Download {
    /// Addresses of the same file, tried in this order.
    pub urls: Vec<String>,
    /// Where the file appears, once it is whole and verified. Its folder is created.
    pub path: PathBuf,
    /// What it must sum to. Without one, a file that is there already counts as the file, and a part of an earlier run
    /// is used only if the server confirms that its file has not changed.
    pub checksum: Option<Checksum>,
    /// Its size in bytes.
    pub bytes: Option<u64>,
}

impl Download {
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted {
            file_name: self.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            urls: self.urls.clone(),
            bytes: self.bytes,
            checksum: self.checksum.clone(),
            path: self.path.clone(),
        }
    }
}

/// Brings the file: nothing to do if it is there, else from the first address that has it.
///
/// What arrives is kept beside the file as `<name>.part` and used by the next attempt or the next run; the name itself
/// appears by rename, after size and checksum were verified. A second process that wants the same file waits for the
/// first (`<name>.lock`) and then finds it.
///
/// # Errors
///
/// [`HubError::WrongChecksum`] or [`HubError::WrongSize`] if an address brought another file and none brought this one,
/// else [`HubError::Unreachable`] with the reason for each address; [`HubError::DiskFull`], [`HubError::Io`] or
/// [`HubError::BadProxy`] at once.
pub fn download(
    download: &Download,
    http: &HttpOptions,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), HubError> {
    if let Some(folder) = download.path.parent() {
        std::fs::create_dir_all(folder).map_err(|source| HubError::io(folder, "create the folder", source))?;
    }
    let _lock = FileLock::acquire(&with_suffix(&download.path, ".lock"), || {
        progress(Progress::Waiting { path: &download.path });
    })?;
    if is_there(download, progress)? {
        return Ok(());
    }
    let mut part = Part::open(&download.path);
    let mut attempts: Vec<FailedAddress> = Vec::new();
    for url in &download.urls {
        if let Some(previous) = attempts.last() {
            progress(Progress::NextAddress { error: &previous.error });
        }
        match from_address(url, download, &mut part, http, progress) {
            Ok(()) => return part.finish(&download.path),
            Err(Failure::Local(error)) => return Err(error),
            Err(failure) => attempts.push(FailedAddress { url: url.clone(), error: failure.into_error() }),
        }
    }
    Err(conclusion(download, attempts))
}

/// Attempts at one address until the part is the whole, verified file.
fn from_address(
    url: &str,
    download: &Download,
    part: &mut Part,
    http: &HttpOptions,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), Failure> {
    let agent = client::agent(url, http).map_err(Failure::Local)?;
    let mut pauses = pauses(http);
    let (mut retry, mut unreached) = (0, 0);
    let mut most_bytes = part.len();
    let mut may_start_over = true;
    loop {
        let outcome = attempt::attempt(&agent, url, download, part, progress)
            .and_then(|()| verify(url, download, part, progress));
        let failure = match outcome {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        match failure {
            Failure::WrongContent(error) => {
                part.discard().map_err(Failure::Local)?;
                if !may_start_over {
                    return Err(Failure::WrongContent(error));
                }
                may_start_over = false;
                progress(Progress::StartingOver { error: &error });
            }
            Failure::Transient { error, retry_after, reached } => {
                unreached = if reached { 0 } else { unreached + 1 };
                // New bytes are progress: a file that comes in a hundred pieces is still a file. The mark only rises,
                // so a server that never resumes and always cuts comes to its end.
                if part.len() > most_bytes {
                    most_bytes = part.len();
                    pauses = self::pauses(http);
                    retry = 0;
                }
                let give_up = Failure::Transient { error, retry_after, reached };
                if unreached > http.connect_retries {
                    return Err(give_up);
                }
                let Some(pause) = pauses.next() else {
                    return Err(give_up);
                };
                let pause = retry_after.map_or(pause, |asked| asked.max(pause));
                if let Some(asked) = retry_after.filter(|asked| *asked > http.max_retry_after) {
                    return Err(give_up.too_busy(url, asked));
                }
                retry += 1;
                let error = &give_up.into_error();
                progress(Progress::Retrying { error, retry, delay: pause });
                thread::sleep(pause);
            }
            final_failure => return Err(final_failure),
        }
    }
}

fn pauses(http: &HttpOptions) -> impl Iterator<Item = Duration> + use<> {
    ExponentialBuilder::default()
        .with_min_delay(http.min_delay)
        .with_max_delay(http.max_delay)
        .with_max_times(http.retries)
        .with_jitter()
        .build()
}

fn verify(url: &str, download: &Download, part: &Part, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), Failure> {
    let Some(expected) = &download.checksum else {
        return Ok(());
    };
    let got = sum(part.path(), expected, progress).map_err(Failure::Local)?;
    if got == *expected {
        return Ok(());
    }
    Err(Failure::WrongContent(HubError::WrongChecksum { url: url.to_owned(), expected: expected.clone(), got }))
}

fn is_there(download: &Download, progress: &mut dyn FnMut(Progress<'_>)) -> Result<bool, HubError> {
    let path = &download.path;
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => {
            let source = std::io::Error::from(std::io::ErrorKind::IsADirectory);
            return Err(HubError::io(path, "put a file here", source));
        }
        Err(_) => return Ok(false),
    }
    let Some(expected) = &download.checksum else {
        return Ok(true);
    };
    let got = sum(path, expected, progress)?;
    if got == *expected {
        return Ok(true);
    }
    progress(Progress::Ignored { path, expected, got: &got });
    Ok(false)
}

fn sum(path: &Path, expected: &Checksum, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Checksum, HubError> {
    let total = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let mut bytes = 0;
    Checksum::of_file(expected.algorithm(), path, |count| {
        bytes += count;
        progress(Progress::Verifying { bytes, total });
    })
    .map_err(|source| HubError::io(path, "read", source))
}

/// A wrong file says more than an address that is down; among the rest every reason counts.
fn conclusion(download: &Download, mut attempts: Vec<FailedAddress>) -> HubError {
    let wrong = attempts
        .iter()
        .position(|attempt| matches!(attempt.error, HubError::WrongChecksum { .. } | HubError::WrongSize { .. }));
    match wrong {
        Some(index) => attempts.swap_remove(index).error,
        None => HubError::Unreachable { wanted: Box::new(download.wanted()), attempts },
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
