//! From a published weight file to a path: Keras' folder, this project's cache, the network.

use std::path::{Path, PathBuf};

use crate::verified::Verified;
use crate::{Checksum, Download, FetchOptions, HubError, Progress, WeightFile};

/// The verified local path of `file`, downloaded if it is not on this machine.
///
/// # Errors
///
/// [`HubError::Offline`], [`HubError::Unreachable`] or [`HubError::WrongChecksum`] where the file cannot be had,
/// [`HubError::DiskFull`] or [`HubError::Io`] where it cannot be kept.
pub fn fetch(
    file: &WeightFile,
    options: &FetchOptions,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<PathBuf, HubError> {
    if let Some(path) = locate(file, options, progress)? {
        return Ok(path);
    }
    let download = described(file, options)?;
    if options.offline {
        return Err(HubError::Offline { wanted: Box::new(download.wanted()) });
    }
    crate::download(&download, &options.http, progress)?;
    if let Some(checksum) = &download.checksum {
        Verified::in_models_dir(&options.models_dir).record(&download.path, checksum);
    }
    Ok(download.path)
}

/// The verified local path of `file` if it is on this machine; the network is not used.
///
/// A file of the right name and the wrong content is told as [`Progress::Ignored`] and not used.
///
/// # Errors
///
/// [`HubError::BadChecksum`] where the published checksum is malformed. A file that cannot be read counts as absent in
/// Keras' folder and is [`HubError::Io`] in this project's cache.
pub fn locate(
    file: &WeightFile,
    options: &FetchOptions,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Option<PathBuf>, HubError> {
    let expected: Checksum = file.md5.parse()?;
    let verified = Verified::in_models_dir(&options.models_dir);
    if let Some(folder) = &options.keras_models_dir {
        let path = folder.join(file.keras_name);
        // Someone else's folder: what cannot be read there is no reason to fail.
        if path.is_file() && matches(&path, &expected, &verified, progress).unwrap_or(false) {
            return Ok(Some(path));
        }
    }
    let path = options.models_dir.join(file.file_name);
    if path.is_file() && matches(&path, &expected, &verified, progress)? {
        return Ok(Some(path));
    }
    Ok(None)
}

fn matches(
    path: &Path,
    expected: &Checksum,
    verified: &Verified,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<bool, HubError> {
    let got = verified
        .checksum_of(path, expected.algorithm(), |bytes, total| {
            progress(Progress::Verifying { bytes, total });
        })
        .map_err(|source| HubError::io(path, "read", source))?;
    if got == *expected {
        return Ok(true);
    }
    progress(Progress::Ignored { path, expected, got: &got });
    Ok(false)
}

fn described(file: &WeightFile, options: &FetchOptions) -> Result<Download, HubError> {
    let urls = match &options.mirror {
        Some(base) => vec![format!("{}/{}", base.trim_end_matches('/'), file.file_name)],
        None => file.urls.iter().map(|url| (*url).to_owned()).collect(),
    };
    Ok(Download {
        urls,
        path: options.models_dir.join(file.file_name),
        checksum: Some(file.md5.parse()?),
        bytes: Some(file.bytes),
    })
}
