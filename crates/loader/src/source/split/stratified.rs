//! A side for each sample, by what is in it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::GroupBy;
use crate::error::{LoaderError, Stage};
use crate::source::index::Index;
use crate::source::parallel;

/// Bytes of a file that are hashed at once.
const CHUNK: usize = 128 << 10;

/// A number of each sample, uniform over `u64`: equal for equal content, or for equal groups.
pub(super) fn keys(index: &Index, seed: u64, group_by: Option<&GroupBy>) -> Result<Vec<u64>, LoaderError> {
    parallel::try_map(index.len(), |sample| {
        if let Some(group) = group_by.and_then(|groups| groups.group(index.name(sample))) {
            return Ok(draw(seed, "group", &group));
        }
        let path = index.path(sample);
        let content = digest(&path).map_err(|source| LoaderError::Io { path, stage: Stage::Read, source })?;
        Ok(draw(seed, "content", &content))
    })
}

fn draw(seed: u64, kind: &str, key: &[u8]) -> u64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update([kind.len() as u8]);
    hash.update(kind);
    hash.update(key);
    let digest: [u8; 32] = hash.finalize().into();
    u64::from_be_bytes(digest.as_chunks().0[0])
}

fn digest(path: &Path) -> io::Result<[u8; 32]> {
    // Looked at before it is opened: opening a pipe would wait for a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(read) => hash.update(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether each sample is for validation. `classes` tells those of a sample; a sample without any belongs to
/// one class with the others that have none.
pub(super) fn sides<'a>(
    keys: &[u64],
    classes: impl Fn(usize) -> &'a [u32],
    class_count: usize,
    fraction: f64,
) -> Vec<bool> {
    // 2^64 scales the fraction without rounding it.
    let threshold = (fraction * 2f64.powi(64)).ceil() as u64;
    let mut strata = Strata::new(keys, classes, class_count, threshold);
    for class in 0..strata.counts.len() {
        strata.complete(class);
    }
    keys.iter().map(|key| strata.is_validation(*key)).collect()
}

/// The different keys of each class.
struct Strata {
    threshold: u64,
    /// (class, key), ascending.
    by_class: Vec<(usize, u64)>,
    /// (key, class), ascending.
    by_key: Vec<(u64, usize)>,
    /// Keys of each class on each side: training, validation.
    counts: Vec<[usize; 2]>,
    /// Keys that are not on the side that the threshold gives.
    moved: HashMap<u64, bool>,
}

impl Strata {
    fn new<'a>(keys: &[u64], classes: impl Fn(usize) -> &'a [u32], class_count: usize, threshold: u64) -> Self {
        let mut by_class = Vec::with_capacity(keys.len());
        for (sample, &key) in keys.iter().enumerate() {
            match classes(sample) {
                [] => by_class.push((class_count, key)),
                classes => by_class.extend(classes.iter().map(|&class| (class as usize, key))),
            }
        }
        by_class.sort_unstable();
        by_class.dedup();
        let mut by_key: Vec<(u64, usize)> = by_class.iter().map(|&(class, key)| (key, class)).collect();
        by_key.sort_unstable();
        let mut counts = vec![[0; 2]; class_count + 1];
        for &(class, key) in &by_class {
            counts[class][usize::from(key < threshold)] += 1;
        }
        Self { threshold, by_class, by_key, counts, moved: HashMap::new() }
    }

    fn is_validation(&self, key: u64) -> bool {
        self.moved.get(&key).copied().unwrap_or(key < self.threshold)
    }

    /// Moves the key nearest to the threshold to a side on which a class of several keys has none.
    fn complete(&mut self, class: usize) {
        let [training, validation] = self.counts[class];
        if training + validation < 2 || (training > 0 && validation > 0) {
            return;
        }
        let to_validation = validation == 0;
        let from = usize::from(!to_validation);
        let start = self.by_class.partition_point(|&(other, _)| other < class);
        let own = &self.by_class[start..start + training + validation];
        // All are on one side of the threshold: the nearest is the lowest above it or the highest below.
        let spare = |&key: &u64| {
            self.classes_of(key).all(|(_, other)| {
                let [training, validation] = self.counts[*other];
                training + validation < 2 || self.counts[*other][from] > 1
            })
        };
        let mut nearest: Box<dyn Iterator<Item = u64>> = Box::new(own.iter().map(|&(_, key)| key));
        if !to_validation {
            nearest = Box::new(own.iter().rev().map(|&(_, key)| key));
        }
        let Some(key) = nearest.find(spare) else { return };
        let classes: Vec<usize> = self.classes_of(key).map(|&(_, class)| class).collect();
        for class in classes {
            self.counts[class][from] -= 1;
            self.counts[class][1 - from] += 1;
        }
        self.moved.insert(key, to_validation);
    }

    fn classes_of(&self, key: u64) -> impl Iterator<Item = &(u64, usize)> {
        let start = self.by_key.partition_point(|&(other, _)| other < key);
        self.by_key[start..].iter().take_while(move |(other, _)| *other == key)
    }
}
