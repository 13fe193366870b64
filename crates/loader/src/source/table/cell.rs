//! One field of a table, and what it can stand for.

use std::path::Path;

use crate::error::LoaderError;

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(not(feature = "parquet"), expect(dead_code, reason = "only Parquet has types"))]
pub(super) enum Cell {
    Missing,
    /// A field of CSV: text, or a number, as it is needed.
    Untyped(String),
    Text(String),
    Number(f64),
    List(Vec<Cell>),
    /// Something of no use here: the name of its type.
    Other(&'static str),
}

impl Cell {
    fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "nothing",
            Self::Untyped(_) | Self::Text(_) => "text",
            Self::Number(_) => "a number",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
        }
    }

    /// The number that it is, or that its text is; truth is 1 or 0, as in numpy.
    pub(super) fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Untyped(text) => match text.trim() {
                "True" | "true" | "TRUE" => Some(1.0),
                "False" | "false" | "FALSE" => Some(0.0),
                text => text.parse().ok(),
            },
            _ => None,
        }
    }
}

/// A row of a table, for messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub(super) table: &'a Path,
    /// `line` or `row`, counted from 1.
    pub(super) unit: &'static str,
    pub(super) number: u64,
}

impl At<'_> {
    pub(super) fn error(&self, column: &str, problem: impl Into<String>) -> LoaderError {
        LoaderError::TableField {
            path: self.table.to_owned(),
            place: format!("{} {}", self.unit, self.number),
            column: column.to_owned(),
            problem: problem.into(),
        }
    }

    /// The text of a cell that may not be anything else.
    pub(super) fn text(&self, column: &str, what: &str, cell: Cell) -> Result<String, LoaderError> {
        match cell {
            Cell::Untyped(text) | Cell::Text(text) if !text.is_empty() => Ok(text),
            Cell::Missing | Cell::Untyped(_) | Cell::Text(_) => Err(self.error(column, format!("empty {what}"))),
            cell => Err(self.error(column, format!("expected the text of a {what}, got {}", cell.kind()))),
        }
    }

    /// The number in a cell, which is finite in 32 bits.
    pub(super) fn number(&self, column: &str, what: &str, cell: &Cell) -> Result<f32, LoaderError> {
        let number = cell.as_number().ok_or_else(|| match cell {
            Cell::Missing => self.error(column, format!("empty {what}")),
            Cell::Untyped(text) => self.error(column, format!("expected a number, got `{text}`")),
            cell => self.error(column, format!("expected a number, got {}", cell.kind())),
        })?;
        let narrow = number as f32;
        if narrow.is_finite() {
            Ok(narrow)
        } else {
            Err(self.error(column, format!("a {what} of {number}, which is not a finite 32-bit number")))
        }
    }
}
