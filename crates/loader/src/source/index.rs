//! An index of samples: names, not bytes.

use std::fmt;
use std::path::{Path, PathBuf};

use super::class_mode::ClassMode;
use super::split::{Folds, Sides, Split, SplitReport, Subset};
use super::targets::Targets;
use crate::error::LoaderError;

/// What a flow streams: files, and what is known of each.
///
/// A sample takes its name (16 bytes and what the name is long), 4 bytes where it has a class, and 4 a number
/// or a weight.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(super) root: PathBuf,
    /// Paths under `root`, in index order; those of a table may be absolute.
    pub(super) files: Vec<Box<Path>>,
    pub(super) class_mode: ClassMode,
    pub(super) targets: Targets,
    pub(super) classes: Vec<String>,
    pub(super) weights: Option<Vec<f32>>,
    pub(super) origin: Origin,
    pub(super) hidden: Vec<PathBuf>,
    pub(super) loops: Vec<PathBuf>,
    pub(super) invalid: InvalidFiles,
    pub(super) report: Option<SplitReport>,
}

/// Where an index comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Class folders.
    Folders,
    /// One folder, whatever is in it.
    Files,
    /// A table, its names looked up or not.
    Table { validated: bool },
}

/// Rows of a table that were left out, since they name no image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvalidFiles {
    /// How many.
    pub count: usize,
    /// The first few, as the table names them.
    pub first: Vec<PathBuf>,
    /// The column of the names.
    pub column: String,
}

impl Index {
    pub(super) fn new(root: &Path, class_mode: ClassMode, origin: Origin) -> Self {
        Self {
            root: root.to_owned(),
            files: Vec::new(),
            class_mode,
            targets: Targets::None,
            classes: Vec::new(),
            weights: None,
            origin,
            hidden: Vec::new(),
            loops: Vec::new(),
            invalid: InvalidFiles::default(),
            report: None,
        }
    }

    /// An unlabelled index of files that need not be there.
    #[cfg(test)]
    pub(crate) fn of_files(root: &str, files: impl Iterator<Item = String>) -> Self {
        let files = files.map(|file| PathBuf::from(file).into_boxed_path()).collect();
        Self { files, ..Self::new(Path::new(root), ClassMode::None, Origin::Files) }
    }

    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// The folder that was indexed, or that the names of a table are relative to.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The path of sample `index` under the root.
    pub(crate) fn name(&self, index: usize) -> &Path {
        &self.files[index]
    }

    /// Where sample `index` is.
    pub(crate) fn path(&self, index: usize) -> PathBuf {
        self.root.join(&self.files[index])
    }

    /// What batches are to hold of the targets.
    pub(crate) fn class_mode(&self) -> ClassMode {
        self.class_mode
    }

    /// What is known of each sample. Class folders give classes in every class mode, as Keras' `classes`.
    pub(crate) fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The class of each sample in index order, where each has one.
    pub(crate) fn labels(&self) -> Option<&[u32]> {
        match &self.targets {
            Targets::Classes(labels) => Some(labels),
            _ => None,
        }
    }

    /// What each sample counts for, in index order.
    pub(crate) fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    /// Class names: label `k` is the `k`-th.
    pub(crate) fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Keras' `class_indices`: the label of each class name.
    pub(crate) fn class_indices(&self) -> impl Iterator<Item = (&str, u32)> {
        self.classes.iter().map(String::as_str).zip(0..)
    }

    /// Folders that were left out because their names begin with a dot.
    pub(crate) fn hidden_folders(&self) -> &[PathBuf] {
        &self.hidden
    }

    /// Linked folders that were left out because they lead back to where they hang.
    pub(crate) fn link_loops(&self) -> &[PathBuf] {
        &self.loops
    }

    /// Rows of a table that were left out.
    pub(crate) fn invalid_files(&self) -> &InvalidFiles {
        &self.invalid
    }

    /// How the samples were split, where they were.
    pub(crate) fn split_report(&self) -> Option<&SplitReport> {
        self.report.as_ref()
    }

    /// What Keras prints, such as `Found 72 images belonging to 2 classes.`
    pub(crate) fn found(&self) -> String {
        let (samples, classes) = (self.len(), self.classes.len());
        match self.origin {
            Origin::Folders => format!("Found {samples} images belonging to {classes} classes."),
            Origin::Files => format!("Found {samples} images."),
            Origin::Table { validated } => {
                let validated = if validated { "validated" } else { "non-validated" };
                if self.class_mode.has_classes() {
                    format!("Found {samples} {validated} image filenames belonging to {classes} classes.")
                } else {
                    format!("Found {samples} {validated} image filenames.")
                }
            }
        }
    }

    /// Keeps only the samples at `places`, which are in ascending order.
    pub(crate) fn keep(&mut self, places: &[usize]) {
        self.files = places.iter().map(|&place| take(&mut self.files[place])).collect();
        self.targets = self.targets.select(places);
        self.weights = self.weights.take().map(|weights| places.iter().map(|&place| weights[place]).collect());
    }

    /// Both sides of a split, training first. Files are read at most once.
    ///
    /// # Errors
    ///
    /// A side has no samples; a file that the split has to read cannot be read.
    pub(crate) fn divide(self, split: &Split) -> Result<(Self, Self), LoaderError> {
        let sides = split.sides(&self)?;
        let training = self.clone().side(split, &sides, Subset::Training)?;
        Ok((training, self.side(split, &sides, Subset::Validation)?))
    }

    /// Both sides of every split of a cross-validation, training first.
    ///
    /// # Errors
    ///
    /// A fold has no samples; a file cannot be read.
    pub(crate) fn folds(&self, folds: &Folds) -> Result<Vec<(Self, Self)>, LoaderError> {
        let both = |sides: Sides| {
            let training = self.clone().side(folds, &sides, Subset::Training)?;
            Ok((training, self.clone().side(folds, &sides, Subset::Validation)?))
        };
        folds.sides(self)?.into_iter().map(both).collect()
    }

    /// What the options of a source ask for: all, or one side of a split.
    pub(super) fn subset(self, split: Option<&Split>, subset: Option<Subset>) -> Result<Self, LoaderError> {
        match (split, subset) {
            (Some(split), Some(subset)) => {
                let sides = split.sides(&self)?;
                self.side(split, &sides, subset)
            }
            (_, None) => Ok(self),
            (None, Some(subset)) => Err(LoaderError::InvalidOption {
                option: "subset",
                expected: "a split for it to be a side of",
                got: subset.to_string(),
            }),
        }
    }

    fn side(mut self, split: &dyn fmt::Display, sides: &Sides, subset: Subset) -> Result<Self, LoaderError> {
        let places = sides.places(subset);
        if places.is_empty() {
            return Err(LoaderError::EmptySubset {
                path: self.root,
                subset,
                split: split.to_string(),
                samples: self.files.len(),
            });
        }
        self.keep(&places);
        self.report = Some(sides.report(&self.classes));
        Ok(self)
    }
}

/// A path, with an empty one left in its place.
pub(super) fn take(path: &mut Box<Path>) -> Box<Path> {
    std::mem::replace(path, Box::from(Path::new("")))
}

impl fmt::Display for InvalidFiles {
    /// Keras' sentence, and the first of the names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Found {} invalid image filename(s) in x_col=\"{}\"", self.count, self.column)?;
        for (place, name) in self.first.iter().enumerate() {
            write!(f, "{}`{}`", if place == 0 { ": " } else { ", " }, name.display())?;
        }
        let more = self.count.saturating_sub(self.first.len());
        if more > 0 {
            write!(f, " and {more} more")?;
        }
        f.write_str(". These filename(s) will be ignored.")
    }
}
