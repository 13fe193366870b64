//! What files were found to hold, so that they need not be read again: one safetensors file for each time that some
//! were written, with these tensors, one row a photo.
//!
//! | tensor | type | holds |
//! |---|---|---|
//! | `stat` | I64 `[rows, 5]` | size, times of modification and of change (nanoseconds since 1970), device, inode |
//! | `path_end` | I64 `[rows]` | where in `path` the row's path ends |
//! | `checksum` | I64 `[rows]` | CRC-32 of the row: path, stat, content |
//! | `content` | U8 `[rows, 32]` | SHA-256 of the file |
//! | `path` | U8 `[bytes]` | absolute paths, one after the other |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use sha2::{Digest, Sha256};

use super::content::{Content, FileStat, hex};
use super::tensors::{self, Column, Mapped, integer, integers};
use crate::error::TrainerError;

/// What names of files begin with.
pub(super) const PREFIX: &str = "files-";

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The absolute path, in the system's encoding.
    pub(super) path: Vec<u8>,
    pub(super) stat: FileStat,
    pub(super) content: Content,
}

impl Record {
    #[cfg(unix)]
    pub(super) fn path(&self) -> PathBuf {
        use std::os::unix::ffi::OsStrExt;
        PathBuf::from(std::ffi::OsStr::from_bytes(&self.path))
    }

    #[cfg(not(unix))]
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(String::from_utf8_lossy(&self.path).into_owned())
    }

    fn checksum(&self) -> u32 {
        let mut sum = crc32fast::Hasher::new();
        sum.update(&self.path);
        self.stat.fields().iter().for_each(|field| sum.update(&field.to_le_bytes()));
        sum.update(&self.content.0);
        sum.finalize()
    }
}

/// Writes records to a file in `folder` that is called after them.
pub(super) fn write(folder: &Path, records: &[Record]) -> Result<PathBuf, TrainerError> {
    let rows = records.len();
    let stat = integers(records.iter().flat_map(|record| record.stat.fields()));
    let ends = records.iter().scan(0, |end, record| {
        *end += record.path.len() as i64;
        Some(*end)
    });
    let path_end = integers(ends);
    let checksum = integers(records.iter().map(|record| i64::from(record.checksum())));
    let content: Vec<u8> = records.iter().flat_map(|record| record.content.0).collect();
    let path: Vec<u8> = records.iter().flat_map(|record| record.path.iter().copied()).collect();
    let mut digest = Sha256::new();
    [&stat, &checksum, &path].into_iter().for_each(|column| digest.update(column));
    let file = folder.join(format!("{PREFIX}{}.safetensors", hex(&digest.finalize()[..8])));
    let column = |name, dtype, shape: &[usize], bytes| Column { name, dtype, shape: shape.to_vec(), bytes };
    tensors::write(
        &file,
        &BTreeMap::from([("format".to_owned(), "xfer file records 1".to_owned())]),
        &[
            column("stat", Dtype::I64, &[rows, FileStat::FIELDS], &stat),
            column("path_end", Dtype::I64, &[rows], &path_end),
            column("checksum", Dtype::I64, &[rows], &checksum),
            column("content", Dtype::U8, &[rows, 32], &content),
            column("path", Dtype::U8, &[path.len()], &path),
        ],
    )?;
    Ok(file)
}

/// Hands the records of a file that are as they were written to `each`.
pub(super) fn read(file: &Path, mut each: impl FnMut(Record)) -> Result<(), TrainerError> {
    let mapped = Mapped::open(file)?;
    let rows = mapped.rows("stat").unwrap_or(0);
    let column = |name: &str, dtype, shape: &[usize], len: usize| mapped.bytes(mapped.column(name, dtype, shape)?, len);
    let paths = mapped.rows("path").unwrap_or(0);
    let columns = || {
        Some((
            column("stat", Dtype::I64, &[rows, FileStat::FIELDS], rows * FileStat::FIELDS * 8)?,
            column("path_end", Dtype::I64, &[rows], rows * 8)?,
            column("checksum", Dtype::I64, &[rows], rows * 8)?,
            column("content", Dtype::U8, &[rows, 32], rows * 32)?,
            column("path", Dtype::U8, &[paths], paths)?,
        ))
    };
    let (stat, path_end, checksum, content, path) = columns().ok_or_else(|| TrainerError::Tensor {
        path: file.to_owned(),
        tensor: "stat, path_end, checksum, content, path".to_owned(),
        expected: "records of files".to_owned(),
        got: "something else".to_owned(),
    })?;
    let mut start = 0;
    for row in 0..rows {
        let end = integer(path_end, row).and_then(|end| usize::try_from(end).ok()).unwrap_or(0);
        let record = (|| {
            let field = |field: usize| integer(stat, row * FileStat::FIELDS + field);
            let fields = [field(0)?, field(1)?, field(2)?, field(3)?, field(4)?];
            Some(Record {
                path: path.get(start..end)?.to_owned(),
                stat: FileStat::from_fields(fields),
                content: Content(content.get(row * 32..row * 32 + 32)?.try_into().ok()?),
            })
        })();
        start = end;
        if let Some(record) = record
            && integer(checksum, row) == Some(i64::from(record.checksum()))
        {
            each(record);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        let record = |number: u8, path: &str| Record {
            path: path.as_bytes().to_owned(),
            stat: FileStat { bytes: 5, modified: -3, changed: 7, device: 1, inode: u64::MAX - u64::from(number) },
            content: Content([number; 32]),
        };
        vec![record(1, "/photos/a.jpg"), record(2, "/photos/ü \n.png"), record(3, "/b")]
    }

    fn read_all(file: &Path) -> Option<Vec<Record>> {
        let mut all = Vec::new();
        read(file, |record| all.push(record)).ok()?;
        Some(all)
    }

    // invariant 5: what is damaged is not believed.
    #[test]
    fn records_are_read_back_and_damaged_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = write(folder.path(), &records()).unwrap();
        assert_eq!(read_all(&file).unwrap(), records());
        assert_eq!(records()[1].path(), Path::new("/photos/ü \n.png"));
        let whole = std::fs::read(&file).unwrap();
        let damaged = folder.path().join("damaged");
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << (place % 8);
            std::fs::write(&damaged, &bytes).unwrap();
            for record in read_all(&damaged).unwrap_or_default() {
                assert!(records().contains(&record), "byte {place}: {record:?}");
            }
        }
    }
}
