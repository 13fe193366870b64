//! Which samples are for training and which for validation.

mod folds;
mod group;
mod stratified;

use std::fmt;
use std::str::FromStr;

pub use folds::Folds;
pub use group::GroupBy;

use super::index::{Index, Origin};
use crate::error::LoaderError;

/// How samples are split into a training and a validation side.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Split {
    /// Keras' `validation_split`: validation is the first `(fraction * n) as usize` of the `n` samples of each
    /// class folder, or of all rows of a table. Names decide, and near-duplicates may be on both sides.
    First(f64),
    /// Each sample by itself: validation where the first 64 bits of a SHA-256 of the seed and of the file's
    /// content are below the fraction of their range. Equal files are on one side, under any name, and a
    /// sample keeps its side whatever else is added or removed. Reads every file once.
    ///
    /// One exception: a class of two different files or more (or groups) has at least one on each side. Where
    /// it would have none, the nearest to the threshold is moved over, but for those that another class needs
    /// where they are. It may move back when a file joins the class that is nearer, or needs no move; nothing
    /// else ever changes sides.
    Stratified {
        /// The part that validation is expected to get, above 0 and below 1.
        fraction: f64,
        /// Other seeds, other splits.
        seed: u64,
        /// Samples of one group go to one side: what the photos of one patient or one burst need.
        group_by: Option<GroupBy>,
    },
}

/// A side of a [`Split`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subset {
    /// What is trained on.
    Training,
    /// What is held back.
    Validation,
}

/// How many samples each side of a split has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitReport {
    /// Samples for training.
    pub training: usize,
    /// Samples for validation.
    pub validation: usize,
    /// (name, samples for training, samples for validation) of each class in label order; a sample of several
    /// classes counts in each. Empty where there are no classes.
    pub classes: Vec<(String, usize, usize)>,
}

/// The side of each sample of an index.
#[derive(Debug)]
pub(super) struct Sides {
    /// Whether it is for validation.
    validation: Vec<bool>,
    /// Samples of each class: training, validation.
    counts: Vec<[usize; 2]>,
}

impl Split {
    /// The same split, where samples of one group go to one side.
    ///
    /// # Errors
    ///
    /// [`First`](Self::First) knows no groups.
    pub fn group_by(self, group: GroupBy) -> Result<Self, LoaderError> {
        match self {
            Self::Stratified { fraction, seed, .. } => Ok(Self::Stratified { fraction, seed, group_by: Some(group) }),
            first @ Self::First(_) => Err(LoaderError::InvalidOption {
                option: "group_by",
                expected: "a stratified split",
                got: first.to_string(),
            }),
        }
    }

    fn fraction(&self) -> f64 {
        match *self {
            Self::First(fraction) | Self::Stratified { fraction, .. } => fraction,
        }
    }

    pub(super) fn sides(&self, index: &Index) -> Result<Sides, LoaderError> {
        let fraction = self.fraction();
        crate::flow::check(fraction > 0.0 && fraction < 1.0, "split", "a fraction above 0 and below 1", fraction)?;
        let validation = match self {
            Self::First(fraction) => first(index, *fraction),
            Self::Stratified { fraction, seed, group_by } => {
                let keys = stratified::keys(index, *seed, group_by.as_ref())?;
                let classes = |sample| index.targets.classes_of(sample);
                stratified::sides(&keys, classes, index.classes.len(), *fraction)
            }
        };
        Ok(Sides::of(index, validation))
    }
}

/// The first of each class folder, or of everything.
fn first(index: &Index, fraction: f64) -> Vec<bool> {
    let share = |samples: usize| (fraction * samples as f64) as usize;
    match (index.origin, index.labels()) {
        (Origin::Folders, Some(labels)) => labels
            .chunk_by(|a, b| a == b)
            .flat_map(|class| (0..class.len()).map(|place| place < share(class.len())))
            .collect(),
        _ => (0..index.len()).map(|place| place < share(index.len())).collect(),
    }
}

impl Sides {
    /// Whether each sample of `index` is for validation.
    fn of(index: &Index, validation: Vec<bool>) -> Self {
        let mut counts = vec![[0; 2]; index.classes.len()];
        for (sample, &side) in validation.iter().enumerate() {
            for &class in index.targets.classes_of(sample) {
                counts[class as usize][usize::from(side)] += 1;
            }
        }
        Self { validation, counts }
    }

    /// The samples of `subset`, in ascending order.
    pub(super) fn places(&self, subset: Subset) -> Vec<usize> {
        let wanted = subset == Subset::Validation;
        (0..self.validation.len()).filter(|&place| self.validation[place] == wanted).collect()
    }

    pub(super) fn report(&self, classes: &[String]) -> SplitReport {
        let validation = self.validation.iter().filter(|&&side| side).count();
        let counts = classes.iter().zip(&self.counts);
        SplitReport {
            training: self.validation.len() - validation,
            validation,
            classes: counts.map(|(name, &[training, validation])| (name.clone(), training, validation)).collect(),
        }
    }
}

impl fmt::Display for Subset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Training => "training",
            Self::Validation => "validation",
        })
    }
}

impl FromStr for Subset {
    type Err = LoaderError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::Training, Self::Validation].into_iter().find(|subset| subset.to_string() == name).ok_or_else(|| {
            LoaderError::InvalidOption { option: "subset", expected: "training or validation", got: name.to_owned() }
        })
    }
}

impl fmt::Display for Split {
    /// `first:0.2` or `stratified:0.2`, without the seed and the groups.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First(fraction) => write!(f, "first:{fraction}"),
            Self::Stratified { fraction, .. } => write!(f, "stratified:{fraction}"),
        }
    }
}

impl FromStr for Split {
    type Err = LoaderError;

    /// `first:0.2`, `stratified:0.2` (seed 0) or `stratified:0.2:SEED`, without groups.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || LoaderError::InvalidOption {
            option: "split",
            expected: "first:FRACTION or stratified:FRACTION[:SEED], such as stratified:0.2, with a fraction above 0 and \
                       below 1",
            got: text.to_owned(),
        };
        let (kind, rest) = text.split_once(':').ok_or_else(invalid)?;
        let (fraction, seed) = rest.split_once(':').map_or((rest, None), |(fraction, seed)| (fraction, Some(seed)));
        let fraction =
            fraction.parse().ok().filter(|&fraction| fraction > 0.0 && fraction < 1.0).ok_or_else(invalid)?;
        match (kind, seed) {
            ("first", None) => Ok(Self::First(fraction)),
            ("stratified", seed) => {
                let seed = seed.map_or(Ok(0), |seed| seed.parse().map_err(|_| invalid()))?;
                Ok(Self::Stratified { fraction, seed, group_by: None })
            }
            _ => Err(invalid()),
        }
    }
}

#[cfg(test)]
mod tests;
