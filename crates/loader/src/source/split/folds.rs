//! Cross-validation: several splits, in which every sample is held back exactly once.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use super::{GroupBy, Sides, stratified};
use crate::error::LoaderError;
use crate::source::index::Index;

/// Stratified k-fold cross-validation: samples are dealt to `count` folds, so that each class is spread over the folds as
/// evenly as can be, and each fold is the validation side of one split.
///
/// Samples of equal content, and those of one group, are in one fold. Which fold a sample is dealt to follows from the
/// seed, the content of all files and the groups, not from names. Reads every file once.
#[derive(Clone, Debug, PartialEq)]
pub struct Folds {
    /// How many, from 2.
    pub count: usize,
    /// Other seeds, other folds.
    pub seed: u64,
    /// What else stays together: the photos of one patient or one burst.
    pub group_by: Option<GroupBy>,
}

impl Folds {
    /// The sides of each split.
    pub(in crate::source) fn sides(&self, index: &Index) -> Result<Vec<Sides>, LoaderError> {
        crate::flow::check(self.count >= 2, "folds", "at least 2", self.count)?;
        let keys = stratified::keys(index, self.seed, self.group_by.as_ref())?;
        let classes = |sample| index.targets.classes_of(sample);
        let folds = deal(&keys, classes, index.classes.len(), self.count);
        Ok((0..self.count).map(|fold| Sides::of(index, folds.iter().map(|&of| of == fold).collect())).collect())
    }
}

/// The fold of each sample. Samples of one key go together, the largest lots first and lots of one size in the order of
/// their keys, each to the fold that has the smallest share of its classes so far; of those with equal shares, to the one
/// with the fewest samples.
fn deal<'a>(keys: &[u64], classes: impl Fn(usize) -> &'a [u32], class_count: usize, folds: usize) -> Vec<usize> {
    // Samples without a class are one of their own.
    let of = |sample| match classes(sample) {
        [] => vec![class_count],
        classes => classes.iter().map(|&class| class as usize).collect(),
    };
    let mut lots: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    let mut totals = vec![0_u64; class_count + 1];
    for (sample, &key) in keys.iter().enumerate() {
        lots.entry(key).or_default().push(sample);
        of(sample).into_iter().for_each(|class| totals[class] += 1);
    }
    let mut lots: Vec<(u64, Vec<usize>)> = lots.into_iter().collect();
    lots.sort_by_key(|(key, samples)| (Reverse(samples.len()), *key));

    let mut dealt = vec![vec![0_u64; class_count + 1]; folds];
    let mut sizes = vec![0; folds];
    let mut fold_of = vec![0; keys.len()];
    for (_, samples) in lots {
        let classes: Vec<usize> = samples.iter().flat_map(|&sample| of(sample)).collect();
        let share = |fold: usize| -> f64 {
            classes.iter().map(|&class| dealt[fold][class] as f64 / totals[class] as f64).sum()
        };
        let best = (0..folds).min_by(|&a, &b| share(a).total_cmp(&share(b)).then(sizes[a].cmp(&sizes[b])));
        let fold = best.unwrap_or_default();
        classes.iter().for_each(|&class| dealt[fold][class] += 1);
        sizes[fold] += samples.len();
        samples.iter().for_each(|&sample| fold_of[sample] = fold);
    }
    fold_of
}

impl fmt::Display for Folds {
    /// `5 folds`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} folds", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of class 0, then of class 1, with keys that say nothing.
    fn deal_two(of_first: usize, of_second: usize, folds: usize, key: impl Fn(usize) -> u64) -> Vec<Vec<usize>> {
        let samples = of_first + of_second;
        let keys: Vec<u64> = (0..samples).map(key).collect();
        let labels: Vec<u32> = (0..samples).map(|sample| u32::from(sample >= of_first)).collect();
        let dealt = deal(&keys, |sample| &labels[sample..=sample], 2, folds);
        (0..folds).map(|fold| (0..samples).filter(|&sample| dealt[sample] == fold).collect()).collect()
    }

    fn scattered(sample: usize) -> u64 {
        (sample as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn every_fold_has_its_part_of_each_class() {
        for (first, second, folds) in [(36, 36, 5), (7, 50, 3), (10, 4, 2), (3, 9, 4)] {
            let dealt = deal_two(first, second, folds, scattered);
            for (class, samples) in [(0, first), (1, second)] {
                for fold in &dealt {
                    let of_class = fold.iter().filter(|&&sample| usize::from(sample >= first) == class).count();
                    assert!((samples / folds..=samples.div_ceil(folds)).contains(&of_class), "{fold:?}");
                }
            }
            // What is left over of one class does not go where that of the other went.
            let sizes: Vec<usize> = dealt.iter().map(Vec::len).collect();
            let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
            assert!(most - least <= 1, "{sizes:?}");
        }
    }

    #[test]
    fn lots_stay_together_and_are_spread_evenly() {
        // Lots of three: 0-2, 3-5, ...
        let dealt = deal_two(18, 18, 3, |sample| scattered(sample / 3));
        for fold in &dealt {
            assert_eq!(fold.len(), 12);
            assert_eq!(fold.iter().filter(|&&sample| sample < 18).count(), 6);
            assert!(fold.chunks(3).all(|lot| lot[0] / 3 == lot[2] / 3), "{fold:?}");
        }
    }

    #[test]
    fn other_keys_other_folds() {
        assert_ne!(deal_two(20, 20, 4, scattered), deal_two(20, 20, 4, |sample| scattered(sample).rotate_left(17)));
        assert_eq!(deal_two(20, 20, 4, scattered), deal_two(20, 20, 4, scattered));
    }
}
