//! Random draws that depend on nothing but (seed, epoch, sample): no thread, order or earlier draw
//! changes them, and they are the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// What a stream of draws is for. Streams of different domains are independent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Domain {
    /// The order of samples in an epoch.
    Order = 1,
    /// What happens to one sample in an epoch.
    Augmentation = 2,
    /// Which sample takes the place of one that failed.
    Replacement = 3,
    /// The name of the file that an augmented image is saved to.
    FileName = 4,
}

/// A stream of draws keyed by what it is for.
#[derive(Debug)]
pub(crate) struct KeyedRng(ChaCha8Rng);

impl KeyedRng {
    /// The stream of `(seed, domain, epoch, sample)`.
    pub(crate) fn new(seed: u64, domain: Domain, epoch: u64, sample: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(domain as u64).to_le_bytes());
        key[16..24].copy_from_slice(&epoch.to_le_bytes());
        key[24..].copy_from_slice(&sample.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in `[0, 1)`, with 53 random bits.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `0..n`, without bias (Lemire, "Fast random integer generation in an interval", 2019).
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        let threshold = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.0.next_u64()) * u128::from(n);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// Shuffles in place (Fisher-Yates, from the end).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_fixed_for_ever() {
        let mut rng = KeyedRng::new(123, Domain::Order, 0, 0);
        let mut order: Vec<u32> = (0..10).collect();
        rng.shuffle(&mut order);
        assert_eq!(order, GOLDEN_ORDER, "a changed stream changes every user's runs");
        assert_eq!(KeyedRng::new(123, Domain::Augmentation, 4, 7).uniform(), GOLDEN_UNIFORM);
    }

    // Computed once; see `streams_are_fixed_for_ever`.
    const GOLDEN_ORDER: [u32; 10] = [3, 6, 4, 7, 0, 2, 1, 5, 8, 9];
    const GOLDEN_UNIFORM: f64 = 0.265_986_231_315_581_1;

    #[test]
    fn every_part_of_the_key_changes_the_stream() {
        let first = |seed, domain, epoch, sample| KeyedRng::new(seed, domain, epoch, sample).uniform();
        let base = first(1, Domain::Order, 2, 3);
        assert_ne!(base, first(2, Domain::Order, 2, 3));
        assert_ne!(base, first(1, Domain::Augmentation, 2, 3));
        assert_ne!(base, first(1, Domain::Order, 3, 3));
        assert_ne!(base, first(1, Domain::Order, 2, 4));
    }

    #[test]
    fn below_is_uniform() {
        let mut rng = KeyedRng::new(0, Domain::Order, 0, 0);
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[rng.below(7) as usize] += 1;
        }
        // 10,000 expected, standard deviation 93.
        assert!(counts.iter().all(|&n| (9_500..10_500).contains(&n)), "{counts:?}");
    }

    #[test]
    fn uniform_fills_the_unit_interval() {
        let mut rng = KeyedRng::new(9, Domain::Augmentation, 0, 0);
        let draws: Vec<f64> = (0..10_000).map(|_| rng.uniform()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        assert!(draws.iter().all(|d| (0.0..1.0).contains(d)));
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }
}
