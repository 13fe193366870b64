//! Dropout with draws that follow from seed and step.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::error::TrainerError;

/// Sets a share of the values to zero in training and scales the rest by `1 / (1 - rate)`, as Keras' `Dropout`.
///
/// Which values follows from the seed and the number of the step alone: a training that is stopped and goes on
/// drops what it would have dropped. (Keras draws from a generator of its own, so its draws are others.)
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    rate: f64,
    seed: u64,
}

/// Keeps the draws apart from others made with the same seed.
const STREAM: u64 = u64::from_le_bytes(*b"dropout\0");

impl Dropout {
    /// Drops a share of `rate`, from 0 to below 1.
    ///
    /// # Errors
    ///
    /// The rate is not such a share.
    pub fn new(rate: f64, seed: u64) -> Result<Self, TrainerError> {
        if (0.0..1.0).contains(&rate) {
            return Ok(Self { rate, seed });
        }
        Err(TrainerError::OptionRange { option: "dropout", value: rate, expected: "0 to below 1" })
    }

    /// The share that is dropped.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The factor of each of `length` values at `step`, which counts from 0; in place of what `to` holds.
    pub(super) fn factors(&self, step: u64, length: usize, to: &mut Vec<f32>) {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&step.to_le_bytes());
        let mut random = ChaCha8Rng::from_seed(key);
        random.set_stream(STREAM);
        let (rate, scale) = (self.rate as f32, (1.0 / (1.0 - self.rate)) as f32);
        to.clear();
        to.extend((0..length).map(|_| {
            let unit = (random.next_u32() >> 8) as f32 / (1u32 << 24) as f32;
            if unit >= rate { scale } else { 0.0 }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_dropped_and_the_rest_is_scaled() {
        let mut factors = Vec::new();
        Dropout::new(0.25, 7).unwrap().factors(3, 100_000, &mut factors);
        let dropped = factors.iter().filter(|&&factor| factor == 0.0).count();
        assert!((24_500..25_500).contains(&dropped), "{dropped}");
        assert!(factors.iter().all(|&factor| factor == 0.0 || factor == (1.0f64 / 0.75) as f32));
        Dropout::new(0.0, 7).unwrap().factors(3, 1000, &mut factors);
        assert_eq!(factors, [1.0; 1000]);
    }

    #[test]
    fn seed_and_step_decide_the_draw() {
        let draw = |seed, step| {
            let mut factors = Vec::new();
            Dropout::new(0.5, seed).unwrap().factors(step, 64, &mut factors);
            factors
        };
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    #[test]
    fn a_rate_that_drops_everything_is_refused() {
        for rate in [1.0, -0.1, f64::NAN] {
            assert!(Dropout::new(rate, 0).is_err());
        }
    }
}
