//! From a published weight file to a path: Keras' folder, this project's cache, the network.

use std::path::{Path, PathBuf};

use crate::verified::Verified;
use crate::{Algorithm, Checksum, Download, FetchOptions, HubError, Progress, WeightFile};

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

/// The checksum of any file, without reading it where it was summed before and its size and modification time are the
/// same. What is summed is recorded in `models_dir`, as for files that [`fetch`] finds.
///
/// # Errors
///
/// [`HubError::Io`] where the file cannot be read.
pub fn checksum_of(path: &Path, algorithm: Algorithm, models_dir: &Path) -> Result<Checksum, HubError> {
    // A record belongs to one file, wherever the process stands.
    let absolute = std::path::absolute(path).map_err(|source| HubError::io(path, "resolve", source))?;
    Verified::in_models_dir(models_dir)
        .checksum_of(&absolute, algorithm, |_, _| {})
        .map_err(|source| HubError::io(path, "read", source))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_file_is_summed_and_its_sum_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let (path, records) = (folder.path().join("abc"), folder.path().join("models"));
        std::fs::write(&path, "abc").unwrap();
        for _ in 0..2 {
            let sum = checksum_of(&path, Algorithm::Sha256, &records).unwrap();
            assert_eq!(sum.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        }
        assert_eq!(std::fs::read_dir(records.join(".verified")).unwrap().count(), 1);
        let error = checksum_of(&folder.path().join("none"), Algorithm::Md5, &records).unwrap_err();
        assert!(error.to_string().contains("none"), "{error}");
    }
}
