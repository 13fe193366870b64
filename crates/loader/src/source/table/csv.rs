//! Tables in CSV files: a header, then a row a line.

use std::io::Read;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord};

use super::cell::{At, Cell};
use super::{Rows, TableOptions, locate};
use crate::error::LoaderError;

pub(super) fn read(
    table: &Path,
    file: impl Read,
    options: &TableOptions,
    rows: &mut Rows<'_>,
) -> Result<(), LoaderError> {
    let unread = |error: csv::Error| LoaderError::Table { path: table.to_owned(), source: error.into() };
    let mut reader = ReaderBuilder::new().delimiter(options.delimiter as u8).from_reader(file);
    let columns = options.columns();
    let header: Vec<&str> = reader.headers().map_err(unread)?.iter().collect();
    let places = locate(table, &columns, &header)?;
    let target = places.get(1).copied().filter(|_| options.list_separator.is_some());
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(unread)? {
        let number = record.position().map_or(0, csv::Position::line);
        let cells = places.iter().map(|&place| match (record.get(place).unwrap_or_default(), options.list_separator) {
            (text, Some(separator)) if Some(place) == target => list(text, separator),
            ("", _) => Cell::Missing,
            (text, _) => Cell::Untyped(text.to_owned()),
        });
        rows(At { table, unit: "line", number }, cells.collect())?;
    }
    Ok(())
}

fn list(text: &str, separator: char) -> Cell {
    let parts = if text.is_empty() { None } else { Some(text.split(separator)) };
    Cell::List(parts.into_iter().flatten().map(|part| Cell::Untyped(part.to_owned())).collect())
}
