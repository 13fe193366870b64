//! Photos listed in a table instead of lying in class folders.

use std::path::PathBuf;

use xfer_loader::TableOptions;

/// Photos of a CSV or Parquet file.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Photos of a table")]
pub(crate) struct TableArgs {
    /// Train on the photos that a CSV or Parquet file lists, instead of those in DATA/train; names are relative to the file's
    /// folder
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    pub(crate) table: Option<PathBuf>,

    /// Validate on the photos that this one lists
    #[arg(long, value_name = "FILE", requires = "table", conflicts_with = "split")]
    pub(crate) validation_table: Option<PathBuf>,

    /// The column of the photos' names
    #[arg(long, value_name = "COLUMN", default_value = "filename", requires = "table")]
    x_col: String,

    /// The column of their classes
    #[arg(long, value_name = "COLUMN", default_value = "class", requires = "table")]
    y_col: String,

    /// The column of what each photo counts for in the loss
    #[arg(long, value_name = "COLUMN", requires = "table")]
    weight_col: Option<String>,

    /// What separates classes where a photo has any number of them, such as `|` [default: each has one]
    #[arg(long, value_name = "CHARACTER", requires = "table")]
    list_separator: Option<char>,
}

impl TableArgs {
    /// How a table is read, with these classes where they are known.
    pub(crate) fn options(&self, classes: Option<Vec<String>>) -> TableOptions {
        TableOptions {
            x_col: self.x_col.clone(),
            y_col: vec![self.y_col.clone()],
            weight_col: self.weight_col.clone(),
            list_separator: self.list_separator,
            classes,
            ..TableOptions::default()
        }
    }
}
