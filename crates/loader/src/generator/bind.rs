//! A generator bound to files.

use std::path::{Path, PathBuf};

use super::ImageDataGenerator;
use crate::error::LoaderError;
use crate::flow::{Flow, FlowOptions};
use crate::source::{DirectoryOptions, Index, TableOptions};

impl ImageDataGenerator {
    /// Binds the generator to a folder with one sub-folder a class: Keras' `flow_from_directory`.
    ///
    /// Classes are the sub-folders in the order of their names (`10` before `2`); images are looked for at any depth
    /// under each, by extension, in Keras' order. Folders whose name begins with a dot are left out
    /// ([`Flow::hidden_folders`] names them) unless [`DirectoryOptions::hidden_folders`] is set.
    ///
    /// # Errors
    ///
    /// The folder is missing, is not a folder, cannot be listed, has no class folders or no images; an option has a value
    /// that it cannot have.
    pub fn flow_from_directory(
        &self,
        directory: impl AsRef<Path>,
        index: &DirectoryOptions,
        options: FlowOptions,
    ) -> Result<Flow, LoaderError> {
        self.check()?;
        Flow::new(self.clone(), Index::from_directory(directory.as_ref(), index)?, options)
    }

    /// Binds the generator to the rows of a CSV or (with the feature `parquet`) Parquet file: Keras'
    /// `flow_from_dataframe`.
    ///
    /// # Errors
    ///
    /// The table is missing, cannot be read, lacks a column, has a field that cannot be used or names no image; an option
    /// has a value that it cannot have.
    pub fn flow_from_table(
        &self,
        table: impl AsRef<Path>,
        index: &TableOptions,
        options: FlowOptions,
    ) -> Result<Flow, LoaderError> {
        self.check()?;
        Flow::new(self.clone(), Index::from_table(table.as_ref(), index)?, options)
    }

    /// Binds the generator to every image under a folder, unlabelled: what `class_mode=None` is for.
    ///
    /// # Errors
    ///
    /// As [`flow_from_directory`](Self::flow_from_directory), without the class folders.
    pub fn flow_from_files(&self, root: impl AsRef<Path>, options: FlowOptions) -> Result<Flow, LoaderError> {
        self.check()?;
        Flow::new(self.clone(), Index::from_files(root.as_ref(), &DirectoryOptions::default())?, options)
    }

    /// Binds the generator to files by their paths, unlabelled, in the order given. None of them is looked up before it is
    /// read: what is missing, or no image, fails then. A file may be named more than once.
    ///
    /// # Errors
    ///
    /// There are no files; an option has a value that it cannot have.
    pub fn flow_from_list(&self, files: Vec<PathBuf>, options: FlowOptions) -> Result<Flow, LoaderError> {
        self.check()?;
        Flow::new(self.clone(), Index::from_list(files)?, options)
    }
}
