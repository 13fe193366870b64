//! What can go wrong between a folder and a batch.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::decode::DecodeError;
use crate::failure::ErrorBudget;
use crate::source::Subset;
use crate::standardize::StandardizeError;

/// A step of the pipeline: the same names stand in errors and in the `stage` label of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Listing folders.
    Index,
    /// Reading a file's bytes.
    Read,
    /// Bytes to pixels.
    Decode,
    /// Pixels to the target size.
    Resize,
    /// Warps, flips and colours, drawn at random.
    Augment,
    /// Pixels to the numbers that are trained on, written to their slot.
    Standardize,
    /// Writing an augmented image to a file, where that is asked for.
    Save,
    /// Slots to a batch.
    Collate,
}

impl Stage {
    /// The name as it stands in messages and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Read => "read",
            Self::Decode => "decode",
            Self::Resize => "resize",
            Self::Augment => "augment",
            Self::Standardize => "standardize",
            Self::Save => "save",
            Self::Collate => "collate",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

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

impl LoaderError {
    /// A short, fixed name of the reason, for the `reason` label of the metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::MissingDirectory { .. } | Self::NotADirectory { .. } => "directory",
            Self::NoClasses { .. }
            | Self::NoImages { .. }
            | Self::EmptySubset { .. }
            | Self::NoRows { .. }
            | Self::NoValidFiles { .. } => "empty",
            Self::BinaryClasses { .. } => "classes",
            Self::MissingTable { .. }
            | Self::NoParquet { .. }
            | Self::Table { .. }
            | Self::MissingColumn { .. }
            | Self::TableField { .. } => "table",
            Self::Io { .. } => "io",
            Self::FileTooLarge { .. } => "size",
            Self::Decode { source, .. } => source.reason(),
            Self::Panicked { .. } => "panic",
            Self::InvalidOption { .. } => "option",
            Self::Standardize { .. } | Self::Fit { .. } => "standardize",
            Self::NothingLeft { .. } => "size",
            Self::TooManyFailures { .. } => "budget",
            Self::Stalled { .. } => "stalled",
            Self::Lost { .. } | Self::Thread { .. } => "thread",
        }
    }

    /// The file or folder that failed, where it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::MissingDirectory { path }
            | Self::NotADirectory { path }
            | Self::NoClasses { path }
            | Self::NoImages { path }
            | Self::Io { path, .. }
            | Self::FileTooLarge { path, .. }
            | Self::Decode { path, .. }
            | Self::Panicked { path, .. }
            | Self::Standardize { path, .. }
            | Self::NothingLeft { path, .. }
            | Self::BinaryClasses { path, .. }
            | Self::EmptySubset { path, .. }
            | Self::MissingTable { path }
            | Self::NoParquet { path }
            | Self::Table { path, .. }
            | Self::MissingColumn { path, .. }
            | Self::TableField { path, .. }
            | Self::NoRows { path, .. }
            | Self::NoValidFiles { table: path, .. }
            | Self::TooManyFailures { path, .. }
            | Self::Stalled { path, .. }
            | Self::Lost { path, .. } => Some(path),
            Self::InvalidOption { .. } | Self::Fit { .. } | Self::Thread { .. } => None,
        }
    }

    /// The stage that failed, where it is one.
    pub fn stage(&self) -> Option<Stage> {
        match self {
            Self::MissingDirectory { .. }
            | Self::NotADirectory { .. }
            | Self::NoClasses { .. }
            | Self::NoImages { .. }
            | Self::BinaryClasses { .. }
            | Self::EmptySubset { .. }
            | Self::MissingTable { .. }
            | Self::NoParquet { .. }
            | Self::Table { .. }
            | Self::MissingColumn { .. }
            | Self::TableField { .. }
            | Self::NoRows { .. }
            | Self::NoValidFiles { .. } => Some(Stage::Index),
            Self::NothingLeft { .. } => Some(Stage::Resize),
            Self::Standardize { .. } | Self::Fit { .. } => Some(Stage::Standardize),
            Self::FileTooLarge { .. } => Some(Stage::Read),
            Self::Decode { .. } => Some(Stage::Decode),
            Self::Io { stage, .. }
            | Self::Panicked { stage, .. }
            | Self::Stalled { stage, .. }
            | Self::Lost { stage, .. }
            | Self::Thread { stage, .. } => Some(*stage),
            Self::TooManyFailures { source, .. } => source.stage(),
            Self::InvalidOption { .. } => None,
        }
    }

    /// Where in the file it failed, in bytes from its beginning, as far as that is known.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::Decode { source, .. } => source.offset(),
            Self::TooManyFailures { source, .. } => source.offset(),
            _ => None,
        }
    }
}

fn columns(names: &[String]) -> String {
    match names {
        [] => "are none".to_owned(),
        [only] => format!("is only `{only}`"),
        names => format!("are `{}`", names.join("`, `")),
    }
}
