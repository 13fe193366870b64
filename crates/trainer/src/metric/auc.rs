//! The area below the receiver operating characteristic, as Keras estimates it and exactly.

use super::precision::share;

/// Thresholds of Keras' `AUC`.
const THRESHOLDS: usize = 200;

/// Keras' `AUC`: 200 evenly spaced thresholds, trapezoids between them. Counts are whole numbers in f32, exact up
/// to 2^24 samples, as Keras keeps them.
#[derive(Clone, Debug, PartialEq)]
pub struct Auc {
    /// By the last threshold that a probability is above: positives, and negatives.
    positive: Vec<f32>,
    negative: Vec<f32>,
}

impl Default for Auc {
    fn default() -> Self {
        Self { positive: vec![0.0; THRESHOLDS], negative: vec![0.0; THRESHOLDS] }
    }
}

impl Auc {
    /// Adds a probability and whether it belongs to a positive.
    pub fn update(&mut self, probability: f32, positive: bool) {
        // A probability must be above a threshold to count there; the first threshold lies below 0.
        let bucket = (probability.clamp(0.0, 1.0) * (THRESHOLDS - 1) as f32).ceil() - 1.0;
        let counts = if positive { &mut self.positive } else { &mut self.negative };
        counts[(bucket.max(0.0) as usize).min(THRESHOLDS - 1)] += 1.0;
    }

    pub(super) fn counts(&self) -> [&[f32]; 2] {
        [&self.positive, &self.negative]
    }

    /// From [`counts`](Self::counts); `None` where they are not as many as thresholds.
    pub(super) fn from_counts(positive: &[f32], negative: &[f32]) -> Option<Self> {
        let right = positive.len() == THRESHOLDS && negative.len() == THRESHOLDS;
        right.then(|| Self { positive: positive.to_vec(), negative: negative.to_vec() })
    }

    /// The area so far, in `0..=1`.
    pub fn result(&self) -> f32 {
        // From the highest threshold down: what is above each.
        let above = |counts: &[f32]| -> Vec<f32> {
            let sums = counts.iter().rev().scan(0.0, |sum, count| {
                *sum += count;
                Some(*sum)
            });
            sums.collect()
        };
        let rates = |counts: &[f32]| -> Vec<f32> {
            let above = above(counts);
            let all = above.last().copied().unwrap_or(0.0);
            above.iter().map(|&count| share(count, all)).collect()
        };
        let (recall, fall_out) = (rates(&self.positive), rates(&self.negative));
        let areas = fall_out.windows(2).zip(recall.windows(2)).rev();
        areas.map(|(x, y)| (x[1] - x[0]) * ((y[1] + y[0]) / 2.0)).sum()
    }
}

/// The exact area: the probability that a positive has a higher probability than a negative, ties counting half.
/// Keeps every probability.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RocAuc {
    positive: Vec<f32>,
    negative: Vec<f32>,
}

impl RocAuc {
    /// Adds a probability and whether it belongs to a positive.
    pub fn update(&mut self, probability: f32, positive: bool) {
        if positive { &mut self.positive } else { &mut self.negative }.push(probability);
    }

    pub(super) fn probabilities(&self) -> [&[f32]; 2] {
        [&self.positive, &self.negative]
    }

    pub(super) fn from_probabilities(positive: &[f32], negative: &[f32]) -> Self {
        Self { positive: positive.to_vec(), negative: negative.to_vec() }
    }

    /// The area so far, in `0..=1`; 0 where there are no positives or no negatives.
    pub fn result(&self) -> f32 {
        if self.positive.is_empty() || self.negative.is_empty() {
            return 0.0;
        }
        let mut negative = self.negative.clone();
        negative.sort_unstable_by(f32::total_cmp);
        let won = self.positive.iter().map(|&p| {
            let below = negative.partition_point(|&n| n < p);
            let up_to = negative.partition_point(|&n| n <= p);
            (below + up_to) as u64
        });
        let pairs = self.positive.len() as f64 * self.negative.len() as f64;
        (won.sum::<u64>() as f64 / (2.0 * pairs)) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(samples: &[(f32, bool)]) -> (f32, f32) {
        let (mut auc, mut exact) = (Auc::default(), RocAuc::default());
        for &(probability, positive) in samples {
            auc.update(probability, positive);
            exact.update(probability, positive);
        }
        (auc.result(), exact.result())
    }

    #[test]
    fn order_decides() {
        assert_eq!(both(&[(0.1, false), (0.4, false), (0.6, true), (1.0, true), (0.0, false)]), (1.0, 1.0));
        assert_eq!(both(&[(0.1, true), (0.9, false)]), (0.0, 0.0));
        // From the documentation of Keras' AUC.
        assert_eq!(both(&[(0.0, false), (0.5, false), (0.3, true), (0.9, true)]), (0.75, 0.75));
    }

    #[test]
    fn ties_count_half() {
        assert_eq!(both(&[(0.5, false), (0.5, true)]), (0.5, 0.5));
        let (estimate, exact) = both(&[(0.5001, false), (0.5002, true)]);
        assert_eq!((estimate, exact), (0.5, 1.0), "the thresholds do not tell them apart");
    }

    #[test]
    fn one_kind_alone_has_no_area() {
        assert_eq!(both(&[(0.5, true)]), (0.0, 0.0));
        assert_eq!(both(&[]), (0.0, 0.0));
    }
}
