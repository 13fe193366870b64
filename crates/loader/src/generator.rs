//! `ImageDataGenerator`: what is done to an image, as plain values.

use std::path::Path;

use crate::error::LoaderError;
use crate::flow::{Flow, FlowOptions};
use crate::source::{DirectoryOptions, Index};
use crate::standardize::Preprocessing;

/// What is done to every image, with the names that Keras gives it. Nothing is on by default.
///
/// Augmentation happens after the resize, standardisation ([`Preprocessing`]) after augmentation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageDataGenerator {
    pub(crate) horizontal_flip: bool,
    pub(crate) preprocessing: Preprocessing,
}

impl ImageDataGenerator {
    /// A generator that leaves images as they are.
    pub fn new() -> Self {
        Self::default()
    }

    /// Mirrors each image left to right with probability 1/2, drawn anew for each epoch and sample.
    pub fn horizontal_flip(mut self, on: bool) -> Self {
        self.horizontal_flip = on;
        self
    }

    /// How pixels are standardised: what Keras users pass as `preprocessing_function`.
    pub fn preprocessing(mut self, preprocessing: Preprocessing) -> Self {
        self.preprocessing = preprocessing;
        self
    }

    /// Binds the generator to a folder with one sub-folder a class.
    ///
    /// Classes are the sub-folders in byte order of their names (`10` before `2`); images are looked for
    /// at any depth under each, by extension, in Keras' order. Folders whose name begins with a dot are
    /// left out ([`Flow::hidden_folders`] names them).
    ///
    /// # Errors
    ///
    /// The folder is missing, is not a folder, cannot be listed, has no class folders or no images; an
    /// option has a value that it cannot have.
    pub fn flow_from_directory(&self, directory: impl AsRef<Path>, options: FlowOptions) -> Result<Flow, LoaderError> {
        Flow::new(self.clone(), Index::from_directory(directory.as_ref(), &DirectoryOptions::default())?, options)
    }

    /// Binds the generator to every image under a folder, unlabelled: what `class_mode=None` is for.
    ///
    /// # Errors
    ///
    /// As [`flow_from_directory`](Self::flow_from_directory), without the class folders.
    pub fn flow_from_files(&self, root: impl AsRef<Path>, options: FlowOptions) -> Result<Flow, LoaderError> {
        Flow::new(self.clone(), Index::from_files(root.as_ref(), &DirectoryOptions::default())?, options)
    }
}
