//! Counts of right and wrong positives at a threshold of 0.5.

/// Keras' `Precision`: true positives / all that were taken for positive.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Precision {
    right: f32,
    taken: f32,
}

/// Keras' `Recall`: true positives / all that are positive.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Recall {
    right: f32,
    positive: f32,
}

const THRESHOLD: f32 = 0.5;

impl Precision {
    /// Adds a probability and whether it belongs to a positive.
    pub fn update(&mut self, probability: f32, positive: bool) {
        if probability > THRESHOLD {
            self.taken += 1.0;
            self.right += f32::from(positive);
        }
    }

    pub(super) fn sums(&self) -> [f32; 2] {
        [self.right, self.taken]
    }

    pub(super) fn from_sums([right, taken]: [f32; 2]) -> Self {
        Self { right, taken }
    }

    /// The share so far, in `0..=1`; 0 where nothing was taken for positive.
    pub fn result(&self) -> f32 {
        share(self.right, self.taken)
    }
}

impl Recall {
    /// Adds a probability and whether it belongs to a positive.
    pub fn update(&mut self, probability: f32, positive: bool) {
        if positive {
            self.positive += 1.0;
            self.right += f32::from(probability > THRESHOLD);
        }
    }

    pub(super) fn sums(&self) -> [f32; 2] {
        [self.right, self.positive]
    }

    pub(super) fn from_sums([right, positive]: [f32; 2]) -> Self {
        Self { right, positive }
    }

    /// The share so far, in `0..=1`; 0 where nothing is positive.
    pub fn result(&self) -> f32 {
        share(self.right, self.positive)
    }
}

/// `part / whole`; 0 of nothing.
pub(super) fn share(part: f32, whole: f32) -> f32 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_is_not_positive_and_nothing_is_0() {
        let (mut precision, mut recall) = (Precision::default(), Recall::default());
        assert_eq!((precision.result(), recall.result()), (0.0, 0.0));
        for (probability, positive) in [(0.9, true), (0.8, false), (0.5, true), (0.2, true), (0.1, false)] {
            precision.update(probability, positive);
            recall.update(probability, positive);
        }
        assert_eq!((precision.result(), recall.result()), (0.5, 1.0 / 3.0));
    }
}
