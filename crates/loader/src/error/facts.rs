//! What can be asked of an error without taking it apart.

use std::path::Path;

use super::{LoaderError, Stage};

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
