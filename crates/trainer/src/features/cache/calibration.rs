//! Batch-norm statistics of untrained networks that were calibrated before: one safetensors file for each, with
//! `LAYER/moving_mean` and `LAYER/moving_variance`, f32.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use safetensors::SafeTensors;
use sha2::{Digest, Sha256};
use xfer_backbones::BatchNormStatistics;
use xfer_loader::Flow;

use super::content::{Content, FileId, FileStat, hex};
use super::records::{self, Record};
use super::space::Space;
use super::store::load_records;
use super::table::Table;
use super::{CALIBRATIONS, FILES};
use crate::atomic_file::{AtomicFile, Existing};
use crate::error::TrainerError;
use crate::model::{decode_statistics, encode_statistics};

const FORMAT: &str = "xfer calibration 1";
const KEY: &str = "key";
const WEIGHTS: &str = "weights_digest";
const CHECKSUM: &str = "sha256";

/// The calibrations in a cache folder.
#[derive(Debug)]
pub struct Calibrations {
    cache: PathBuf,
}

/// All that a calibration depends on: the weights, how photos are read, and what is in each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalibrationKey(String);

/// What a calibration comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibrated {
    /// Mean and variance of each batch norm.
    pub statistics: BatchNormStatistics,
    /// Digest of the weights that have them.
    pub weights_digest: String,
}

impl Calibrations {
    /// Those in the cache folder `cache`, which is created when there is something to write.
    pub fn new(cache: &Path) -> Self {
        Self { cache: cache.to_owned() }
    }

    /// The key of a calibration on the photos of `flow`, in its order and batches; `space` says which weights and how
    /// photos are read. Photos that the cache does not know are read. `None` where one cannot be.
    pub fn key(&self, space: &Space, flow: &Flow) -> Option<CalibrationKey> {
        let folder = self.cache.join(FILES);
        let known = load_records(&folder);
        let mut new = Vec::new();
        let mut digest = Sha256::new();
        let options = flow.options();
        digest.update(space.digest());
        digest.update(format!(" {} {:?} {:?}", options.batch_size, options.on_error, options.error_budget));
        for sample in 0..flow.samples() {
            digest.update(content(&flow.path(sample), &known, &mut new)?.0);
        }
        if !new.is_empty() && fs::create_dir_all(&folder).is_ok() {
            // What is not remembered is read again.
            let _ = records::write(&folder, &new);
        }
        Some(CalibrationKey(hex(&digest.finalize())))
    }

    /// What was kept under `key`, if it is as it was written.
    pub fn find(&self, key: &CalibrationKey) -> Option<Calibrated> {
        let path = self.path(key);
        let found = read(&path).filter(|(kept, _)| kept == key)?.1;
        if let Ok(file) = File::open(&path) {
            // When it was last used.
            let _ = file.set_modified(SystemTime::now());
        }
        Some(found)
    }

    /// Keeps a calibration, in place of one under the same key.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn keep(&self, key: &CalibrationKey, calibrated: &Calibrated) -> Result<(), TrainerError> {
        let path = self.path(key);
        let folder = self.cache.join(CALIBRATIONS);
        fs::create_dir_all(&folder).map_err(|source| TrainerError::Write { path: folder, source })?;
        let about = BTreeMap::from([
            ("format".to_owned(), FORMAT.to_owned()),
            (KEY.to_owned(), key.0.clone()),
            (WEIGHTS.to_owned(), calibrated.weights_digest.clone()),
            (CHECKSUM.to_owned(), checksum(key, calibrated)),
        ]);
        AtomicFile::write_all(&path, &encode_statistics(&calibrated.statistics, Some(about)), Existing::Replace)?;
        Ok(())
    }

    fn path(&self, key: &CalibrationKey) -> PathBuf {
        self.cache.join(CALIBRATIONS).join(format!("calibration-{}.safetensors", &key.0[..16.min(key.0.len())]))
    }
}

/// Whether the file of a calibration is as it was written.
pub(super) fn is_sound(path: &Path) -> bool {
    read(path).is_some()
}

fn read(path: &Path) -> Option<(CalibrationKey, Calibrated)> {
    let bytes = fs::read(path).ok()?;
    let (_, header) = SafeTensors::read_metadata(&bytes).ok()?;
    let about = header.metadata().as_ref()?;
    let key = CalibrationKey(about.get(KEY)?.clone());
    let statistics = decode_statistics(path, &bytes).ok()?;
    let calibrated = Calibrated { statistics, weights_digest: about.get(WEIGHTS)?.clone() };
    (about.get("format")? == FORMAT && *about.get(CHECKSUM)? == checksum(&key, &calibrated))
        .then_some((key, calibrated))
}

/// What a file holds: as it is known, or as it is read while it stays the same.
fn content(path: &Path, known: &Table<FileId, Content>, new: &mut Vec<Record>) -> Option<Content> {
    let now = SystemTime::now();
    let path = std::path::absolute(path).ok()?;
    let stat = FileStat::of(&path).ok()?;
    let bytes = path.as_os_str().as_encoded_bytes();
    if let Some(content) = known.get(&stat.id(bytes)) {
        return Some(content);
    }
    let content = Content::of_file(&path).ok()?;
    if FileStat::of(&path).ok()? != stat {
        return None;
    }
    if stat.is_settled(now) {
        new.push(Record { path: bytes.to_owned(), stat, content });
    }
    Some(content)
}

fn checksum(key: &CalibrationKey, calibrated: &Calibrated) -> String {
    let mut digest = Sha256::new();
    for text in [&key.0, &calibrated.weights_digest] {
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text);
    }
    digest.update(encode_statistics(&calibrated.statistics, None));
    hex(&digest.finalize())
}
