//! Running means.

/// A running mean in f32: `total += value * weight; count += weight`.
///
/// Keras weights the loss of a batch by its number of samples, and the result that it shows after every
/// step is the mean of the epoch so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    total: f32,
    count: f32,
}

impl Mean {
    /// Adds the mean `value` of `samples` samples.
    pub fn update(&mut self, value: f32, samples: usize) {
        self.total += value * samples as f32;
        self.count += samples as f32;
    }

    pub(super) fn sums(&self) -> [f32; 2] {
        [self.total, self.count]
    }

    pub(super) fn from_sums([total, count]: [f32; 2]) -> Self {
        Self { total, count }
    }

    /// The mean of what was added; 0 before anything was.
    pub fn result(&self) -> f32 {
        if self.count == 0.0 { 0.0 } else { self.total / self.count }
    }
}

/// The share of samples whose most probable class is their own: correct / seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Accuracy {
    correct: f32,
    seen: f32,
}

impl Accuracy {
    /// Adds a batch.
    pub fn update(&mut self, correct: usize, samples: usize) {
        self.correct += correct as f32;
        self.seen += samples as f32;
    }

    pub(super) fn sums(&self) -> [f32; 2] {
        [self.correct, self.seen]
    }

    pub(super) fn from_sums([correct, seen]: [f32; 2]) -> Self {
        Self { correct, seen }
    }

    /// The share so far, in `0..=1`; 0 before anything was added.
    pub fn result(&self) -> f32 {
        if self.seen == 0.0 { 0.0 } else { self.correct / self.seen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_weights_batches_by_their_size() {
        let mut mean = Mean::default();
        assert_eq!(mean.result(), 0.0);
        mean.update(1.0, 8);
        mean.update(4.0, 4);
        assert_eq!(mean.result(), 2.0);
    }

    #[test]
    fn accuracy_is_correct_over_seen() {
        let mut accuracy = Accuracy::default();
        assert_eq!(accuracy.result(), 0.0);
        accuracy.update(3, 8);
        accuracy.update(4, 4);
        assert_eq!(accuracy.result(), 7.0 / 12.0);
    }
}
