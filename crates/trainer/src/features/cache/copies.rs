//! What the cache keeps beside features: calibrated statistics, and copies of weights that are quick to open.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use xfer_backbones::weights::is_sound_copy;

use super::store::{modified, name};
use super::{CALIBRATIONS, calibration};
use crate::error::TrainerError;

/// A file that was never finished is taken to be given up after so long.
const GIVEN_UP: Duration = Duration::from_secs(3600);

/// A file that saves work and can be made again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyEntry {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: CopyKind,
    /// Bytes on the disk.
    pub bytes: u64,
    /// When it was last used or written.
    pub used: SystemTime,
}

/// What a [`CopyEntry`] is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CopyKind {
    /// Batch-norm statistics of an untrained network.
    Calibration,
    /// A weights file in a format that is mapped instead of parsed.
    Weights,
}

impl CopyKind {
    /// As it is listed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calibration => "calibration",
            Self::Weights => "weights",
        }
    }
}

impl CopyEntry {
    /// Whether it is as it was written.
    pub(super) fn is_sound(&self) -> bool {
        match self.kind {
            CopyKind::Calibration => calibration::is_sound(&self.path),
            CopyKind::Weights => is_sound_copy(&self.path),
        }
    }
}

/// The calibrations in the cache folder `cache`, and the copies of weights in `converted`; the one used last first.
pub fn copies(cache: &Path, converted: Option<&Path>) -> Vec<CopyEntry> {
    let entry = |kind: CopyKind, path: PathBuf| {
        let bytes = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?.len();
        let used = modified(&path);
        let whole = name(&path).is_some_and(|name| !name.starts_with('.') && name.ends_with(".safetensors"));
        whole.then_some(CopyEntry { path, kind, bytes, used })
    };
    let mut entries: Vec<CopyEntry> = places(cache, converted)
        .flat_map(|(kind, folder)| files(&folder).into_iter().filter_map(move |path| entry(kind, path)))
        .collect();
    entries.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.path.cmp(&b.path)));
    entries
}

/// Removes files that were begun long ago and never finished; the bytes that are free again.
pub(super) fn sweep(cache: &Path, converted: Option<&Path>) -> Result<u64, TrainerError> {
    let mut freed = 0;
    for path in places(cache, converted).flat_map(|(_, folder)| files(&folder)) {
        let old = SystemTime::now().duration_since(modified(&path)).is_ok_and(|age| age > GIVEN_UP);
        let unfinished = name(&path).is_some_and(|name| name.starts_with(".xfer-") || name.ends_with(".tmp"));
        if old && unfinished {
            freed += fs::metadata(&path).map_or(0, |metadata| metadata.len());
            super::inventory::remove(&path)?;
        }
    }
    Ok(freed)
}

fn places(cache: &Path, converted: Option<&Path>) -> impl Iterator<Item = (CopyKind, PathBuf)> {
    let calibrations = (CopyKind::Calibration, cache.join(CALIBRATIONS));
    std::iter::once(calibrations).chain(converted.map(|folder| (CopyKind::Weights, folder.to_owned())))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
