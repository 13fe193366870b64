//! Tables in Parquet files.

use std::fs::File;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;

use super::cell::{At, Cell};
use super::{Rows, locate};
use crate::error::LoaderError;

/// Only `columns` are read, whatever else is in the file.
pub(super) fn read(table: &Path, file: File, columns: &[&str], rows: &mut Rows<'_>) -> Result<(), LoaderError> {
    // The reader trusts a file's footer in places, and may panic on a damaged one.
    panic::catch_unwind(AssertUnwindSafe(|| read_rows(table, file, columns, rows))).unwrap_or_else(|_| {
        Err(LoaderError::Table { path: table.to_owned(), source: "the Parquet file is damaged".into() })
    })
}

fn read_rows(table: &Path, file: File, columns: &[&str], rows: &mut Rows<'_>) -> Result<(), LoaderError> {
    let unread = |error: ParquetError| LoaderError::Table { path: table.to_owned(), source: error.into() };
    let reader = SerializedFileReader::new(file).map_err(unread)?;
    let schema = reader.metadata().file_metadata().schema();
    let existing: Vec<&str> = schema.get_fields().iter().map(|field| field.name()).collect();
    let places = locate(table, columns, &existing)?;
    // A projection keeps the order of the file, and names a column once.
    let mut wanted = places.clone();
    wanted.sort_unstable();
    wanted.dedup();
    let fields = wanted.iter().map(|&place| Arc::clone(&schema.get_fields()[place])).collect();
    let projection = Type::group_type_builder(schema.name()).with_fields(fields).build().map_err(unread)?;
    for (row, number) in reader.get_row_iter(Some(projection)).map_err(unread)?.zip(1..) {
        let row = row.map_err(unread)?;
        let read: Vec<&Field> = row.get_column_iter().map(|(_, field)| field).collect();
        let column = |place| wanted.binary_search(place).ok().and_then(|place| read.get(place));
        let cells = places.iter().map(|place| column(place).map_or(Cell::Missing, |field| cell(field)));
        rows(At { table, unit: "row", number }, cells.collect())?;
    }
    Ok(())
}

fn cell(field: &Field) -> Cell {
    match field {
        Field::Null => Cell::Missing,
        Field::Bool(truth) => Cell::Number(f64::from(u8::from(*truth))),
        Field::Byte(number) => Cell::Number(f64::from(*number)),
        Field::Short(number) => Cell::Number(f64::from(*number)),
        Field::Int(number) => Cell::Number(f64::from(*number)),
        Field::Long(number) => Cell::Number(*number as f64),
        Field::UByte(number) => Cell::Number(f64::from(*number)),
        Field::UShort(number) => Cell::Number(f64::from(*number)),
        Field::UInt(number) => Cell::Number(f64::from(*number)),
        Field::ULong(number) => Cell::Number(*number as f64),
        Field::Float16(number) => Cell::Number(f64::from(*number)),
        Field::Float(number) => Cell::Number(f64::from(*number)),
        Field::Double(number) => Cell::Number(*number),
        Field::Str(text) => Cell::Text(text.clone()),
        // Writers that know no text leave it unmarked.
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => Cell::Text(text.to_owned()),
            Err(_) => Cell::Other("bytes"),
        },
        Field::ListInternal(list) => Cell::List(list.elements().iter().map(cell).collect()),
        Field::Decimal(_) => Cell::Other("a decimal"),
        Field::Group(_) => Cell::Other("a struct"),
        Field::MapInternal(_) => Cell::Other("a map"),
        _ => Cell::Other("a date or time"),
    }
}
