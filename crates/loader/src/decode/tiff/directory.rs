//! The directory of tags that describes a picture, classic and BigTIFF.

use super::{DecodeError, FORMAT};

/// A byte order, and numbers read in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) big_endian: bool,
}

impl Order {
    /// The number in up to 8 bytes.
    pub(super) fn number(self, bytes: &[u8]) -> u64 {
        let join = |value, &byte: &u8| value << 8 | u64::from(byte);
        if self.big_endian { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) }
    }
}

/// The first directory of a file.
#[derive(Debug)]
pub(super) struct Directory<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) order: Order,
    entries: Vec<Entry>,
    /// Where it begins.
    pub(super) at: usize,
    /// There is another directory, so another page.
    pub(super) more: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    tag: u16,
    /// Bytes of a value.
    size: usize,
    /// Where its values begin and end.
    start: usize,
    end: usize,
}

/// More tags than any file has.
const MAX_ENTRIES: u64 = 4_096;

impl<'a> Directory<'a> {
    pub(super) fn first(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let truncated = || DecodeError::truncated(FORMAT, bytes);
        let order = Order { big_endian: bytes.starts_with(b"M") };
        let number = |at: u64, size: usize| {
            let at = usize::try_from(at).map_err(|_| truncated())?;
            let end = at.checked_add(size).ok_or_else(truncated)?;
            bytes.get(at..end).map(|bytes| order.number(bytes)).ok_or_else(truncated)
        };
        let big = number(2, 2)? == 43;
        // Sizes of an offset, of the number of entries, of an entry, and where the first offset is.
        let (offset, count, stride, first) = if big { (8, 8, 20, 8) } else { (4, 2, 12, 4) };
        let at = number(first, offset)?;
        let entries = number(at, count)?;
        if entries > MAX_ENTRIES {
            return Err(DecodeError::corrupt(FORMAT, at as usize, format!("a directory of {entries} entries")));
        }
        let start = at + count as u64;
        let mut directory = Self { bytes, order, entries: Vec::new(), at: at as usize, more: false };
        for entry in (0..entries).map(|index| start + index * stride) {
            let (tag, kind) = (number(entry, 2)?, number(entry + 2, 2)?);
            let size = match kind {
                1 | 2 | 6 | 7 => 1_u64,
                3 | 8 => 2,
                4 | 9 | 11 | 13 => 4,
                5 | 10 | 12 | 16 | 17 | 18 => 8,
                _ => continue,
            };
            let length = number(entry + 4, offset)?.saturating_mul(size);
            let value = entry + 4 + offset as u64;
            let from = if length <= offset as u64 { value } else { number(value, offset)? };
            // What a tag that is not needed points at does not matter.
            let end = from.saturating_add(length);
            if let (Ok(start), Ok(end)) = (usize::try_from(from), usize::try_from(end)) {
                directory.entries.push(Entry { tag: tag as u16, size: size as usize, start, end });
            }
        }
        directory.more = number(start + entries * stride, offset).is_ok_and(|next| next != 0);
        Ok(directory)
    }

    /// The bytes of a tag's values, where the file has the tag.
    pub(super) fn bytes_of(&self, tag: u16) -> Result<Option<&'a [u8]>, DecodeError> {
        let Some(entry) = self.entries.iter().find(|entry| entry.tag == tag) else { return Ok(None) };
        let values = self.bytes.get(entry.start..entry.end);
        values.map(Some).ok_or_else(|| DecodeError::truncated(FORMAT, self.bytes))
    }

    /// A tag's values, if there are any.
    pub(super) fn numbers(&self, tag: u16) -> Result<Option<Vec<u64>>, DecodeError> {
        let size = self.entries.iter().find(|entry| entry.tag == tag).map_or(1, |entry| entry.size);
        let values = self.bytes_of(tag)?.filter(|values| !values.is_empty());
        Ok(values.map(|values| values.chunks_exact(size).map(|value| self.order.number(value)).collect()))
    }

    /// A tag's first value.
    pub(super) fn number(&self, tag: u16) -> Result<Option<u64>, DecodeError> {
        let size = self.entries.iter().find(|entry| entry.tag == tag).map_or(1, |entry| entry.size);
        Ok(self.bytes_of(tag)?.and_then(|values| values.get(..size)).map(|value| self.order.number(value)))
    }
}
