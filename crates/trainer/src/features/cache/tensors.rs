//! safetensors files of the cache: written whole, read through a memory map.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use memmap2::{Advice, Mmap, UncheckedAdvice};
use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};

use crate::atomic_file::{AtomicFile, Existing, write_error};
use crate::error::TrainerError;

/// One tensor of a file to be.
pub(super) struct Column<'a> {
    pub(super) name: &'static str,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// Little-endian, row-major.
    pub(super) bytes: &'a [u8],
}

/// Writes a file that appears whole or not at all. Columns whose values are wider come first, so that all are aligned.
pub(super) fn write(
    path: &Path,
    metadata: &BTreeMap<String, String>,
    columns: &[Column<'_>],
) -> Result<(), TrainerError> {
    let mut header = Map::from_iter([("__metadata__".to_owned(), json!(metadata))]);
    let mut end = 0;
    for Column { name, dtype, shape, bytes } in columns {
        let offsets = [end, end + bytes.len()];
        end += bytes.len();
        header.insert((*name).to_owned(), json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets }));
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');

    let mut file = AtomicFile::create(path)?;
    let length = (header.len() as u64).to_le_bytes();
    let parts = [&length[..], &header].into_iter().chain(columns.iter().map(|column| column.bytes));
    parts.into_iter().try_for_each(|part| file.write(part)).map_err(|source| write_error(path, source))?;
    file.complete()?.publish(Existing::Replace)
}

/// A file that is mapped into memory.
#[derive(Debug)]
pub(super) struct Mapped {
    map: Mmap,
    metadata: Metadata,
    /// Where the tensors begin.
    start: usize,
}

impl Mapped {
    /// Maps a file, whose header must be in order and whose length must be what the header says.
    pub(super) fn open(path: &Path) -> Result<Self, TrainerError> {
        let unread = |source| TrainerError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(unread)?;
        // SAFETY: files of the cache are never written once they have their name; they are only removed, which leaves
        // the mapped pages as they are. Nothing else has a reason to write here.
        let map = unsafe { Mmap::map(&file) }.map_err(unread)?;
        let (header, metadata) = SafeTensors::read_metadata(&map)
            .map_err(|source| TrainerError::TensorFile { path: path.to_owned(), source })?;
        // Rows are read in any order. Where the system does not take the hint, reading ahead costs time only.
        let _ = map.advise(Advice::Random);
        Ok(Self { map, metadata, start: size_of::<u64>() + header })
    }

    /// The first axis of a tensor.
    pub(super) fn rows(&self, name: &str) -> Option<usize> {
        self.metadata.info(name)?.shape.first().copied()
    }

    /// Where the bytes of a tensor are, if it is of this type and shape.
    pub(super) fn column(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Option<usize> {
        let info = self.metadata.info(name)?;
        (info.dtype == dtype && info.shape == shape).then_some(self.start + info.data_offsets.0)
    }

    /// `len` bytes from `offset` on.
    pub(super) fn bytes(&self, offset: usize, len: usize) -> Option<&[u8]> {
        self.map.get(offset..offset.checked_add(len)?)
    }

    /// Has the system begin to read them, if they are not in memory.
    pub(super) fn will_need(&self, offset: usize, len: usize) {
        let _ = self.map.advise_range(Advice::WillNeed, offset, len);
    }

    /// Takes the pages of the file out of this process; they stay in the system's cache for as long as there is room.
    pub(super) fn let_go(&self) {
        // SAFETY: the map is of a file and read only, so that pages come back from the file with the same content.
        let _ = unsafe { self.map.unchecked_advise(UncheckedAdvice::DontNeed) };
    }
}

/// The `index`-th number of a column of `I64`.
pub(super) fn integer(column: &[u8], index: usize) -> Option<i64> {
    let bytes = column.get(index * 8..index * 8 + 8)?;
    Some(i64::from_le_bytes(bytes.try_into().ok()?))
}

/// A column of `I64`.
pub(super) fn integers(values: impl IntoIterator<Item = i64>) -> Vec<u8> {
    values.into_iter().flat_map(i64::to_le_bytes).collect()
}
