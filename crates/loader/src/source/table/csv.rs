//! Tables in CSV files: a header, then a row a line.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::Path;

use csv::{ErrorKind, ReaderBuilder, StringRecord};

use super::cell::{At, Cell};
use super::{Rows, TableOptions, locate};
use crate::error::LoaderError;

pub(super) fn read(
    table: &Path,
    file: impl Read,
    options: &TableOptions,
    rows: &mut Rows<'_>,
) -> Result<(), LoaderError> {
    let mut reader = ReaderBuilder::new().delimiter(options.delimiter as u8).from_reader(Lines::new(file));
    let columns = options.columns();
    let header: Vec<&str> = reader.headers().map_err(|error| unread(table, error, |_| 1))?.iter().collect();
    let places = locate(table, &columns, &header)?;
    let target = places.get(1).copied().filter(|_| options.list_separator.is_some());
    let mut record = StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => return Err(unread(table, error, |byte| reader.get_mut().line(byte))),
        }
        let number = reader.get_mut().line(record.position().map_or(0, csv::Position::byte));
        let cells = places.iter().map(|&place| match (record.get(place).unwrap_or_default(), options.list_separator) {
            (text, Some(separator)) if Some(place) == target => list(text, separator),
            ("", _) => Cell::Missing,
            (text, _) => Cell::Untyped(text.to_owned()),
        });
        rows(At { table, unit: "line", number }, cells.collect())?;
    }
}

fn unread(table: &Path, error: csv::Error, line: impl FnOnce(u64) -> u64) -> LoaderError {
    let source = match error.kind() {
        ErrorKind::UnequalLengths { pos: Some(start), expected_len, len } => {
            format!("line {} has {len} fields, and the header {expected_len}", line(start.byte())).into()
        }
        ErrorKind::Utf8 { pos: Some(start), .. } => format!("line {} is not in UTF-8", line(start.byte())).into(),
        _ => error.into(),
    };
    LoaderError::Table { path: table.to_owned(), source }
}

/// A file that knows on which line a byte is. The `csv` crate counts lines too, but where it has not yet read the
/// end of the line before: it is off after a blank line, and after `\r\n`.
struct Lines<R> {
    file: R,
    read: u64,
    /// The `\r` and `\n` that have been read ahead, and where.
    breaks: VecDeque<(u64, u8)>,
    line: u64,
}

impl<R> Lines<R> {
    fn new(file: R) -> Self {
        Self { file, read: 0, breaks: VecDeque::new(), line: 1 }
    }

    /// The line of the first byte from `start` on that ends no line, counted from 1. Starts ascend.
    fn line(&mut self, mut start: u64) -> u64 {
        while let Some(&(place, byte)) = self.breaks.front()
            && place <= start
        {
            self.breaks.pop_front();
            self.line += u64::from(byte == b'\n');
            start = start.max(place + 1);
        }
        self.line
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        let places = (self.read..).zip(&buffer[..count]);
        self.breaks
            .extend(places.filter(|(_, byte)| matches!(byte, b'\r' | b'\n')).map(|(place, &byte)| (place, byte)));
        self.read += count as u64;
        Ok(count)
    }
}

fn list(text: &str, separator: char) -> Cell {
    let parts = if text.is_empty() { None } else { Some(text.split(separator)) };
    Cell::List(parts.into_iter().flatten().map(|part| Cell::Untyped(part.to_owned())).collect())
}
