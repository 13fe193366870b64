//! The seeds of Keras 3: which stream of numpy's each batch draws from.

use super::Mt19937;
use crate::error::LoaderError;

/// Draws of Keras 3's iterators, as `next(iterator)` makes them.
///
/// Keras seeds numpy anew before each batch, with the seed plus the number of batches since the start. The
/// first batch of an epoch then draws the order of the epoch; draws for its samples follow in the same
/// stream, sample by sample in the order of the batch.
#[derive(Clone, Debug)]
pub(crate) struct Keras3Draws {
    pub(crate) seed: u64,
    pub(crate) samples: u32,
    /// Every batch of the samples, the partial last one too: Keras counts through whole epochs.
    pub(crate) batches_per_epoch: u64,
    pub(crate) shuffle: bool,
}

impl Keras3Draws {
    /// Every sample once, in the order of `epoch`.
    ///
    /// # Errors
    ///
    /// The seed of the epoch is one that numpy does not take.
    pub(crate) fn order(&self, epoch: u64) -> Result<Vec<u32>, LoaderError> {
        if !self.shuffle {
            return Ok((0..self.samples).collect());
        }
        Ok(self.seeded(epoch, 0)?.permutation(self.samples))
    }

    /// The stream that batch `batch` of `epoch` draws from, placed at the first draw for its first sample.
    ///
    /// # Errors
    ///
    /// The seed of the batch is one that numpy does not take.
    pub(crate) fn batch(&self, epoch: u64, batch: u64) -> Result<Mt19937, LoaderError> {
        let mut rng = self.seeded(epoch, batch)?;
        if batch == 0 && self.shuffle {
            rng.permutation(self.samples);
        }
        Ok(rng)
    }

    fn seeded(&self, epoch: u64, batch: u64) -> Result<Mt19937, LoaderError> {
        let number = epoch.checked_mul(self.batches_per_epoch).and_then(|number| number.checked_add(batch));
        let seed = number.and_then(|number| self.seed.checked_add(number)).and_then(|seed| u32::try_from(seed).ok());
        seed.map(Mt19937::new).ok_or_else(|| LoaderError::InvalidOption {
            option: "seed",
            expected: "a seed that is at most 4294967295 with the number of batches added, which is what Keras seeds \
                       numpy with",
            got: format!("{} at batch {batch} of epoch {epoch}", self.seed),
        })
    }
}

/// The number in the name of a file of Keras' `save_to_dir`: one a sample, drawn after all of the batch's
/// other draws.
pub(crate) fn file_hash(rng: &mut Mt19937) -> u32 {
    rng.randint(10_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    // What Keras 3.15.1 gives: see `iterator` of tests/fixtures/make_augment.py.
    #[test]
    fn orders_and_streams_are_those_of_keras() {
        let draws = Keras3Draws { seed: 5, samples: 7, batches_per_epoch: 3, shuffle: true };
        assert_eq!([0, 1, 2].map(|epoch| draws.order(epoch).unwrap()), GOLDEN_ORDERS);
        for (epoch, batch, draw, hash) in GOLDEN_BATCHES {
            let mut rng = draws.batch(epoch, batch).unwrap();
            assert_eq!((rng.random_sample(), file_hash(&mut rng)), (draw, hash), "{epoch} {batch}");
        }
    }

    const GOLDEN_ORDERS: [[u32; 7]; 3] = [[6, 2, 4, 1, 0, 5, 3], [2, 0, 6, 5, 1, 4, 3], [2, 5, 4, 6, 3, 0, 1]];
    const GOLDEN_BATCHES: [(u64, u64, f64, u32); 4] = [
        (0, 0, 0.611_743_862_902_645_7, 1_214_875),
        (0, 2, 0.076_308_289_373_957_17, 3_905_091),
        (1, 0, 0.530_855_691_555_599, 9_704_808),
        (2, 2, 0.777_702_410_573_820_2, 253_456),
    ];

    #[test]
    fn without_shuffling_the_first_batch_draws_nothing_else() {
        let draws = Keras3Draws { seed: 5, samples: 7, batches_per_epoch: 3, shuffle: false };
        assert_eq!(draws.order(4).unwrap(), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(draws.batch(1, 0).unwrap().random_sample(), Mt19937::new(8).random_sample());
    }

    #[test]
    fn seeds_beyond_those_of_numpy_are_refused() {
        let draws = Keras3Draws { seed: 4_294_967_290, samples: 7, batches_per_epoch: 3, shuffle: true };
        assert!(draws.batch(1, 2).is_ok());
        let message = draws.batch(2, 0).unwrap_err().to_string();
        assert!(message.starts_with("seed: expected a seed that is at most 4294967295"), "{message}");
        assert!(draws.order(u64::MAX).is_err());
    }
}
