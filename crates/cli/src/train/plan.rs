//! Batch sizes and steps.

use super::Sizes;

/// Photos of a batch where nothing is said, as in Keras.
const BATCH_SIZE: usize = 32;

/// Batches of one epoch, or of one validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) batch_size: usize,
    pub(super) steps: usize,
}

impl Plan {
    /// Steps without a batch size split one pass over `samples` photos; a batch size without steps makes one pass.
    pub(super) fn new(samples: usize, sizes: Sizes) -> Self {
        let samples = samples.max(1);
        let batch_size = sizes.batch_size.or(sizes.steps.map(|steps| samples.div_ceil(steps))).unwrap_or(BATCH_SIZE);
        let steps = sizes.steps.unwrap_or(samples.div_ceil(batch_size));
        Self { batch_size, steps }
    }

    /// Batches of one pass.
    pub(super) fn batches(self, samples: usize) -> usize {
        samples.div_ceil(self.batch_size)
    }

    /// Passes over the photos that `epochs` epochs need.
    pub(super) fn passes(self, samples: usize, epochs: u64) -> u64 {
        let steps = (self.steps as u64).saturating_mul(epochs);
        steps.div_ceil(self.batches(samples).max(1) as u64)
    }

    /// No more steps than one pass has: what a validation takes.
    pub(super) fn within_one_pass(self, samples: usize) -> Self {
        Self { steps: self.steps.min(self.batches(samples)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(samples: usize, batch_size: Option<usize>, steps: Option<usize>) -> (usize, usize) {
        let plan = Plan::new(samples, Sizes { batch_size, steps });
        (plan.batch_size, plan.steps)
    }

    #[test]
    fn steps_alone_split_one_pass() {
        assert_eq!(plan(72, None, Some(6)), (12, 6));
        assert_eq!(plan(20, None, Some(1)), (20, 1));
        assert_eq!(plan(73, None, Some(6)), (13, 6));
        assert_eq!(plan(3, None, Some(5)), (1, 5));
    }

    #[test]
    fn a_batch_size_alone_makes_one_pass() {
        assert_eq!(plan(72, Some(16), None), (16, 5));
        assert_eq!(plan(10, Some(100), None), (100, 1));
    }

    #[test]
    fn nothing_said_is_batches_of_32_and_one_pass() {
        assert_eq!(plan(72, None, None), (32, 3));
        assert_eq!(plan(5, None, None), (32, 1));
    }

    #[test]
    fn both_are_taken_as_they_are() {
        assert_eq!(plan(72, Some(10), Some(3)), (10, 3));
    }

    #[test]
    fn as_many_passes_are_loaded_as_the_steps_need() {
        let passes = |samples, batch_size, steps, epochs| Plan { batch_size, steps }.passes(samples, epochs);
        assert_eq!(passes(72, 12, 6, 1), 1);
        assert_eq!(passes(72, 12, 6, 10), 10);
        assert_eq!(passes(72, 12, 4, 2), 2); // 8 steps: one pass and two batches
        assert_eq!(passes(72, 12, 4, 3), 2);
        assert_eq!(passes(10, 3, 9, 1), 3);
    }

    #[test]
    fn a_validation_stays_within_one_pass() {
        let plan = Plan { batch_size: 8, steps: 9 };
        assert_eq!(plan.within_one_pass(20).steps, 3);
        assert_eq!(Plan { steps: 2, ..plan }.within_one_pass(20).steps, 2);
    }
}
