//! What can go wrong between a folder and a batch.

mod facts;
mod stage;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use stage::Stage;

use crate::decode::DecodeError;
use crate::failure::ErrorBudget;
use crate::source::Subset;
use crate::standardize::StandardizeError;

/// Every failure of this crate. Failures of one file name it and the stage that it failed in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoaderError {
    /// The folder to read photos from is not there.
    #[error("{}: no such folder", path.display())]
    MissingDirectory {
        /// The folder asked for.
        path: PathBuf,
    },

    /// The path is there but is not a folder.
    #[error("{}: not a folder", path.display())]
    NotADirectory {
        /// The path asked for.
        path: PathBuf,
    },

    /// The folder holds no class folders.
    #[error(
        "{}: no class folders in it; expected one sub-folder a class, such as {}",
        path.display(),
        path.join("urban").display()
    )]
    NoClasses {
        /// The folder asked for.
        path: PathBuf,
    },

    /// No file under the folder has the extension of an image.
    #[error(
        "{}: no images in it; files ending in {} are looked for",
        path.display(),
        crate::source::EXTENSIONS.join(", ")
    )]
    NoImages {
        /// The folder asked for.
        path: PathBuf,
    },

    /// A folder has other than the two classes that `class_mode` `binary` is for.
    #[error("{}: binary needs two classes, and {classes} are there; name two (classes) or choose sparse or categorical", path.display())]
    BinaryClasses {
        /// The folder or table.
        path: PathBuf,
        /// How many classes there are.
        classes: usize,
    },

    /// A side of a split has no samples.
    #[error("{}: no {subset} samples when {samples} are split by {split}", path.display())]
    EmptySubset {
        /// The folder that the samples are in.
        path: PathBuf,
        /// The side.
        subset: Subset,
        /// The split.
        split: String,
        /// How many samples there are on both sides.
        samples: usize,
    },

    /// The table is not there.
    #[error("{}: no such table", path.display())]
    MissingTable {
        /// The table asked for.
        path: PathBuf,
    },

    /// The table is in a format that this build cannot read.
    #[error("{}: a Parquet file, which this build cannot read; build with the feature `parquet`", path.display())]
    NoParquet {
        /// The table.
        path: PathBuf,
    },

    /// The bytes of a table are not of its format.
    #[error("{}: cannot read the table", path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// A table lacks a column that the options name.
    #[error("{}: no column `{column}`; there {}", path.display(), columns(existing))]
    MissingColumn {
        /// The table.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// The columns that there are.
        existing: Vec<String>,
    },

    /// A field of a table cannot be used.
    #[error("{}: {place}, column `{column}`: {problem}", path.display())]
    TableField {
        /// The table.
        path: PathBuf,
        /// The line of a CSV file or the row of a Parquet file, counted from 1.
        place: String,
        /// The field's column.
        column: String,
        /// What is wrong with it.
        problem: String,
    },

    /// A table has no rows, or none of the classes asked for.
    #[error(
        "{}: no rows{}",
        path.display(),
        if classes.is_empty() { String::new() } else { format!(" of the classes {}", classes.join(", ")) }
    )]
    NoRows {
        /// The table.
        path: PathBuf,
        /// The classes asked for; empty where all were.
        classes: Vec<String>,
    },

    /// No row of a table names a file that is there and has the name of an image.
    #[error(
        "{}: no name in column `{column}` is that of an image in {}{}",
        table.display(),
        if directory.as_os_str().is_empty() { Path::new(".") } else { directory }.display(),
        first.as_ref().map_or(String::new(), |first| format!(", such as {}", directory.join(first).display()))
    )]
    NoValidFiles {
        /// The table.
        table: PathBuf,
        /// The folder that names are relative to.
        directory: PathBuf,
        /// The column of the names.
        column: String,
        /// The first name.
        first: Option<PathBuf>,
    },

    /// The operating system refused a file or folder.
    #[error("{}: cannot {stage}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done with it.
        stage: Stage,
        /// The system's reason.
        source: io::Error,
    },

    /// A file is larger than everything that may be in memory between read and decode.
    #[error(
        "{}: {bytes} bytes, more than the {limit} that may be in flight; raise max_bytes_in_flight",
        path.display()
    )]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// [`LoaderOptions::max_bytes_in_flight`](crate::LoaderOptions::max_bytes_in_flight).
        limit: u64,
    },

    /// A file's bytes are not a complete image of a known format.
    #[error("{}: cannot decode", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What is wrong with its bytes.
        source: DecodeError,
    },

    /// A decoder panicked on a file; the panic was contained.
    #[error("{}: the {stage} stage panicked: {message}", path.display())]
    Panicked {
        /// The file.
        path: PathBuf,
        /// Where it happened.
        stage: Stage,
        /// The panic's message.
        message: String,
    },

    /// An option has a value that it cannot have.
    #[error("{option}: expected {expected}, got {got}")]
    InvalidOption {
        /// The option's name.
        option: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it was.
        got: String,
    },

    /// An image cannot be standardised, as when a user's function fails on it.
    #[error("{}: cannot standardize", path.display())]
    Standardize {
        /// The image's file.
        path: PathBuf,
        /// What is wrong with it.
        source: StandardizeError,
    },

    /// Statistics cannot be fitted.
    #[error("the statistics of the images cannot be fitted")]
    Fit {
        /// Why.
        source: StandardizeError,
    },

    /// Nothing of an image is left when it is cut to the proportions of the target.
    #[error(
        "{}: of {}x{} pixels (height x width), none is left in the proportions of {}x{}; resize without keep_aspect_ratio",
        path.display(), size.0, size.1, target.0, target.1
    )]
    NothingLeft {
        /// The image's file.
        path: PathBuf,
        /// Its height and width.
        size: (usize, usize),
        /// The height and width that it was to be resized to.
        target: (usize, usize),
    },

    /// More files failed than may be skipped or replaced.
    #[error("{}: cannot be used; that makes {failed} of {samples} files, more than the budget of {budget}", path.display())]
    TooManyFailures {
        /// The file that was one too many.
        path: PathBuf,
        /// Files that failed, with this one.
        failed: usize,
        /// Samples of the flow.
        samples: usize,
        /// [`FlowOptions::error_budget`](crate::FlowOptions::error_budget).
        budget: ErrorBudget,
        /// What was wrong with this one.
        source: Arc<LoaderError>,
    },

    /// One stage has been at one file for longer than [`LoaderOptions::stall_timeout`](crate::LoaderOptions::stall_timeout).
    #[error("{}: no progress in {stage} for {:.1} s; the disk, the network or a function hangs", path.display(), waited.as_secs_f64())]
    Stalled {
        /// The file.
        path: PathBuf,
        /// What is being done with it.
        stage: Stage,
        /// For how long.
        waited: Duration,
    },

    /// A thread ended in the middle of a file.
    #[error("{}: the thread that was to {stage} it is gone", path.display())]
    Lost {
        /// The file.
        path: PathBuf,
        /// What was to be done with it.
        stage: Stage,
    },

    /// A thread of the pipeline could not be started, or ended before its work was done.
    #[error("the {stage} thread of the loader is gone")]
    Thread {
        /// Which one.
        stage: Stage,
        /// The system's reason, where there is one.
        source: Option<io::Error>,
    },
}

fn columns(names: &[String]) -> String {
    match names {
        [] => "are none".to_owned(),
        [only] => format!("is only `{only}`"),
        names => format!("are `{}`", names.join("`, `")),
    }
}
