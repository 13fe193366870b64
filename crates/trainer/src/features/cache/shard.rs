//! Feature vectors with the keys that they are found by: in memory while they are collected, then a file each.
//!
//! A file is a safetensors file of these tensors, one row a vector:
//!
//! | tensor | type | holds |
//! |---|---|---|
//! | `view` | I64 `[rows]` | 1 where the photo is mirrored left to right, plus 2 top to bottom; or the digest of a draw |
//! | `bytes` | I64 `[rows]` | the size of the photo's file |
//! | `checksum` | I64 `[rows]` | CRC-32 of the row: content, view, bytes (8 each), features |
//! | `features` | F32 or F16 `[rows, length]` | the features |
//! | `content` | U8 `[rows, 32]` | SHA-256 of the photo's file |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use half::f16;
use half::slice::HalfFloatSliceExt;
use safetensors::Dtype;
use sha2::{Digest, Sha256};

use super::content::{Content, hex};
use super::tensors::{self, Column, Mapped, integer, integers};
use crate::error::TrainerError;

/// What names of files begin with.
pub(super) const PREFIX: &str = "features-";
/// What names of files end with.
pub(super) const SUFFIX: &str = ".safetensors";

/// What features are stored as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stored {
    /// As they are.
    #[default]
    F32,
    /// Rounded to half precision: half the room, and not the numbers of a training without the cache.
    F16,
}

impl std::fmt::Display for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        })
    }
}

impl Stored {
    /// The type that is called `f32` or `f16`.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::F32, Self::F16].into_iter().find(|stored| stored.to_string() == name)
    }

    pub(super) const fn dtype(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
        }
    }

    pub(super) const fn bytes(self, features: usize) -> usize {
        match self {
            Self::F32 => features * 4,
            Self::F16 => features * 2,
        }
    }

    /// Appends what is stored for `features`.
    fn encode(self, features: &[f32], out: &mut Vec<u8>) {
        match self {
            Self::F32 => out.extend(features.iter().flat_map(|value| value.to_le_bytes())),
            Self::F16 => out.extend(features.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes())),
        }
    }

    fn decode(self, bytes: &[u8], out: &mut [f32]) {
        match self {
            Self::F32 => {
                for (value, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *value = f32::from_le_bytes(*bytes);
                }
            }
            Self::F16 => {
                let halves: Vec<f16> = bytes.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes)).collect();
                halves.convert_to_f32_slice(out);
            }
        }
    }

    /// Makes `features` what will be read back, so that it makes no difference whether they were computed just now.
    pub(super) fn round(self, features: &mut [f32]) {
        if self == Self::F16 {
            features.iter_mut().for_each(|value| *value = f16::from_f32(*value).to_f32());
        }
    }
}

/// What a row is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) content: Content,
    pub(super) view: u64,
}

impl Key {
    /// 64 bits of it, spread evenly: an index of millions of rows has to be small. Whoever finds a row by them compares
    /// the rest.
    pub(super) fn short(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.content.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h]) ^ self.view.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// Rows in memory.
#[derive(Debug)]
pub(super) struct Rows {
    stored: Stored,
    features: usize,
    keys: Vec<(Key, u64)>,
    checksums: Vec<u32>,
    values: Vec<u8>,
}

impl Rows {
    pub(super) fn new(stored: Stored, features: usize) -> Self {
        Self { stored, features, keys: Vec::new(), checksums: Vec::new(), values: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Bytes of features.
    pub(super) fn size(&self) -> usize {
        self.values.len()
    }

    /// Appends the features of a photo whose file has `bytes` bytes.
    pub(super) fn push(&mut self, key: Key, bytes: u64, features: &[f32]) {
        let start = self.values.len();
        self.stored.encode(features, &mut self.values);
        self.checksums.push(checksum(&key, bytes, &self.values[start..]));
        self.keys.push((key, bytes));
    }

    /// Whether row `row` has this key; its features then are in `out`.
    pub(super) fn read(&self, row: usize, key: &Key, out: &mut [f32]) -> bool {
        let len = self.stored.bytes(self.features);
        let found = self.keys.get(row).is_some_and(|(found, _)| found == key);
        match self.values.get(row * len..(row + 1) * len) {
            Some(values) if found => {
                self.stored.decode(values, out);
                true
            }
            _ => false,
        }
    }

    /// Writes the rows to a file in `folder` that is called after them: the same rows make the same file.
    pub(super) fn write(&self, folder: &Path, metadata: &BTreeMap<String, String>) -> Result<PathBuf, TrainerError> {
        let rows = self.len();
        let view = integers(self.keys.iter().map(|(key, _)| key.view as i64));
        let bytes = integers(self.keys.iter().map(|&(_, bytes)| bytes as i64));
        let checksum = integers(self.checksums.iter().map(|&sum| i64::from(sum)));
        let content: Vec<u8> = self.keys.iter().flat_map(|(key, _)| key.content.0).collect();
        let mut digest = Sha256::new();
        [&view, &bytes, &checksum, &content].into_iter().for_each(|column| digest.update(column));
        let path = folder.join(format!("{PREFIX}{}{SUFFIX}", hex(&digest.finalize()[..8])));
        let column = |name, dtype, shape: &[usize], bytes| Column { name, dtype, shape: shape.to_vec(), bytes };
        tensors::write(
            &path,
            metadata,
            &[
                column("view", Dtype::I64, &[rows], &view),
                column("bytes", Dtype::I64, &[rows], &bytes),
                column("checksum", Dtype::I64, &[rows], &checksum),
                column("features", self.stored.dtype(), &[rows, self.features], &self.values),
                column("content", Dtype::U8, &[rows, 32], &content),
            ],
        )?;
        Ok(path)
    }
}

/// Rows in a file.
#[derive(Debug)]
pub(super) struct Shard {
    file: Mapped,
    stored: Stored,
    features: usize,
    rows: usize,
    /// Where the columns begin.
    view: usize,
    bytes: usize,
    checksum: usize,
    content: usize,
    values: usize,
}

impl Shard {
    /// Maps a file of vectors of `features` values. What is in its rows has not been looked at.
    pub(super) fn open(path: &Path, stored: Stored, features: usize) -> Result<Self, TrainerError> {
        let file = Mapped::open(path)?;
        let rows = file.rows("features").unwrap_or(0);
        let column = |name: &'static str, dtype, shape: &[usize]| {
            file.column(name, dtype, shape).ok_or_else(|| TrainerError::Tensor {
                path: path.to_owned(),
                tensor: name.to_owned(),
                expected: format!("{dtype:?} {shape:?}"),
                got: "another type or shape, or none".to_owned(),
            })
        };
        let (view, bytes) = (column("view", Dtype::I64, &[rows])?, column("bytes", Dtype::I64, &[rows])?);
        let checksum = column("checksum", Dtype::I64, &[rows])?;
        let content = column("content", Dtype::U8, &[rows, 32])?;
        let values = column("features", stored.dtype(), &[rows, features])?;
        Ok(Self { stored, features, rows, view, bytes, checksum, content, values, file })
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// The key of a row and the size of its photo's file, as they are written.
    pub(super) fn key(&self, row: usize) -> Option<(Key, u64)> {
        let number = |column: usize| integer(self.file.bytes(column + row * 8, 8)?, 0);
        let content = Content(self.file.bytes(self.content + row * 32, 32)?.try_into().ok()?);
        Some((Key { content, view: number(self.view)? as u64 }, number(self.bytes)? as u64))
    }

    /// The key, the size, and the stored features of a row that is as it was written.
    pub(super) fn sound(&self, row: usize) -> Option<(Key, u64, &[u8])> {
        if row >= self.rows {
            return None;
        }
        let (key, bytes) = self.key(row)?;
        let (offset, len) = self.extent(row);
        let values = self.file.bytes(offset, len)?;
        let sum = integer(self.file.bytes(self.checksum + row * 8, 8)?, 0)?;
        (sum == i64::from(checksum(&key, bytes, values))).then_some((key, bytes, values))
    }

    /// Whether row `row` is as it was written and has this key; its features then are in `out`.
    pub(super) fn read(&self, row: usize, key: &Key, out: &mut [f32]) -> bool {
        match self.sound(row) {
            Some((found, _, values)) if found == *key => {
                self.stored.decode(values, out);
                true
            }
            _ => false,
        }
    }

    /// Has the system begin to read the features of a row.
    pub(super) fn will_need(&self, row: usize) {
        let (offset, len) = self.extent(row);
        self.file.will_need(offset, len);
    }

    /// See [`Mapped::let_go`].
    pub(super) fn let_go(&self) {
        self.file.let_go();
    }

    /// The rows that are as they were written.
    pub(super) fn sound_rows(&self) -> Rows {
        let mut rows = Rows::new(self.stored, self.features);
        for (key, bytes, values) in (0..self.rows).filter_map(|row| self.sound(row)) {
            rows.values.extend_from_slice(values);
            rows.checksums.push(checksum(&key, bytes, values));
            rows.keys.push((key, bytes));
        }
        rows
    }

    fn extent(&self, row: usize) -> (usize, usize) {
        let len = self.stored.bytes(self.features);
        (self.values + row * len, len)
    }
}

fn checksum(key: &Key, bytes: u64, values: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&key.content.0);
    sum.update(&key.view.to_le_bytes());
    sum.update(&bytes.to_le_bytes());
    sum.update(values);
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn key(number: u8, view: u64) -> Key {
        Key { content: Content([number; 32]), view }
    }

    fn rows(stored: Stored) -> Rows {
        let mut rows = Rows::new(stored, 3);
        rows.push(key(1, 0), 100, &[1.0, 2.5, -3.0]);
        rows.push(key(1, 1), 100, &[0.1, 1e-9, 65504.0]);
        rows.push(key(2, 0), 7, &[0.0, -0.0, 4.0]);
        rows
    }

    fn read(shard: &Shard, row: usize, key: Key) -> Option<[f32; 3]> {
        let mut out = [f32::NAN; 3];
        shard.read(row, &key, &mut out).then_some(out)
    }

    #[test]
    fn rows_are_read_as_they_were_given_and_by_other_readers_of_safetensors() {
        let folder = tempfile::tempdir().unwrap();
        let path = rows(Stored::F32).write(folder.path(), &BTreeMap::from([("a".into(), "b".into())])).unwrap();
        let shard = Shard::open(&path, Stored::F32, 3).unwrap();
        assert_eq!(read(&shard, 1, key(1, 1)), Some([0.1, 1e-9, 65504.0]));
        assert_eq!(read(&shard, 1, key(1, 0)), None, "another key");
        assert_eq!(read(&shard, 3, key(1, 0)), None, "no such row");
        let bytes = fs::read(&path).unwrap();
        let tensors = SafeTensorsOf(&bytes);
        assert_eq!(tensors.shape("features"), [3, 3]);
        assert_eq!(tensors.shape("content"), [3, 32]);
        assert!(Shard::open(&path, Stored::F16, 3).is_err(), "another type");
        assert!(Shard::open(&path, Stored::F32, 4).is_err(), "another length");
    }

    struct SafeTensorsOf<'a>(&'a [u8]);

    impl SafeTensorsOf<'_> {
        fn shape(&self, name: &str) -> Vec<usize> {
            safetensors::SafeTensors::deserialize(self.0).unwrap().tensor(name).unwrap().shape().to_vec()
        }
    }

    #[test]
    fn half_precision_gives_what_rounding_gives() {
        let folder = tempfile::tempdir().unwrap();
        let path = rows(Stored::F16).write(folder.path(), &BTreeMap::new()).unwrap();
        let shard = Shard::open(&path, Stored::F16, 3).unwrap();
        let mut rounded = [0.1, 1e-9, 65504.0];
        Stored::F16.round(&mut rounded);
        assert_eq!(read(&shard, 1, key(1, 1)), Some(rounded));
        assert_ne!(rounded[0], 0.1);
    }

    // invariant 5: a damaged row is never taken for features.
    #[test]
    fn a_byte_that_flips_anywhere_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = rows(Stored::F32).write(folder.path(), &BTreeMap::new()).unwrap();
        let whole = fs::read(&path).unwrap();
        let damaged = folder.path().join("damaged");
        let keys = [key(1, 0), key(1, 1), key(2, 0)];
        let right = [[1.0, 2.5, -3.0], [0.1, 1e-9, 65504.0], [0.0, -0.0, 4.0]];
        let mut noticed = 0;
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << (place % 8);
            fs::write(&damaged, &bytes).unwrap();
            let Ok(shard) = Shard::open(&damaged, Stored::F32, 3) else {
                noticed += 1;
                continue;
            };
            let found: Vec<_> = (0..3).map(|row| read(&shard, row, keys[row])).collect();
            noticed += usize::from(found.contains(&None));
            for (found, right) in found.iter().zip(right) {
                assert!(found.is_none_or(|found| found == right), "byte {place}: {found:?}");
            }
            assert_eq!(shard.sound_rows().len(), found.iter().flatten().count(), "byte {place}");
        }
        let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize + 8;
        assert!(noticed >= whole.len() - header, "{noticed} of {}", whole.len());
        for len in [0, 7, header - 1, header, whole.len() - 1] {
            fs::write(&damaged, &whole[..len]).unwrap();
            assert!(Shard::open(&damaged, Stored::F32, 3).is_err(), "{len} bytes");
        }
    }
}
