//! Random draws in numbers that read well in JSON.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// A stream of draws, the same for the same seed and number, whatever other numbers are drawn.
#[derive(Debug)]
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u32, number: usize) -> Dice {
        let mut rng = ChaCha8Rng::seed_from_u64(u64::from(seed));
        rng.set_stream(number as u64);
        Dice(rng)
    }

    /// Uniform in `0..sides`; `sides` is far below 2^32, so the remainder's bias is nothing.
    pub(super) fn below(&mut self, sides: usize) -> usize {
        self.0.next_u32() as usize % sides
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        f64::from(self.0.next_u32()) < probability * f64::from(u32::MAX)
    }

    /// One of `items`, which are not empty.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// A multiple of 0.001 in `low..=high`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        let steps = ((high - low) * 1000.0).round();
        ((low * 1000.0).round() + self.below(steps as usize + 1) as f64) / 1000.0
    }

    /// Two multiples of 0.001 in `low..=high`, the smaller one first.
    pub(super) fn range(&mut self, low: f64, high: f64) -> [f64; 2] {
        let (a, b) = (self.between(low, high), self.between(low, high));
        [a.min(b), a.max(b)]
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_depend_on_seed_and_number_and_stay_in_range() {
        let draws = |seed, number| {
            let mut dice = Dice::new(seed, number);
            [dice.below(1000), dice.below(1000), dice.below(1000)]
        };
        assert_eq!(draws(1, 2), draws(1, 2));
        assert_ne!(draws(1, 2), draws(1, 3));
        assert_ne!(draws(1, 2), draws(2, 2));
        let mut dice = Dice::new(0, 0);
        for _ in 0..1000 {
            let [low, high] = dice.range(0.2, 1.7);
            assert!(0.2 <= low && low <= high && high <= 1.7);
            assert_eq!((low * 1000.0).round() / 1000.0, low);
        }
        let mut items = [1, 2, 3, 4, 5];
        dice.shuffle(&mut items);
        items.sort_unstable();
        assert_eq!(items, [1, 2, 3, 4, 5]);
    }
}
