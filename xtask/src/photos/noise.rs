//! Seeded randomness and the noise that makes surfaces look grown.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// A stream of random numbers, the same for the same seed.
#[derive(Debug)]
pub(super) struct Random(ChaCha8Rng);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Uniform in `[0, 1)`.
    pub(super) fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    /// Uniform between `low` and `high`.
    pub(super) fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    pub(super) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// One of `choices`, which is not empty.
    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let index = (self.unit() * choices.len() as f32) as usize;
        &choices[index.min(choices.len() - 1)]
    }

    /// A field of noise of its own.
    pub(super) fn noise(&mut self) -> Noise {
        Noise { seed: self.0.next_u32() }
    }
}

/// Value noise: random values on a grid, smoothly joined.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise {
    seed: u32,
}

impl Noise {
    /// Between 0 and 1; features are about one unit wide.
    pub(super) fn at(self, x: f32, y: f32) -> f32 {
        let (cell_x, cell_y) = (x.floor(), y.floor());
        let (fx, fy) = (smooth(x - cell_x), smooth(y - cell_y));
        let (ix, iy) = (cell_x as i32, cell_y as i32);
        let top = lerp(self.corner(ix, iy), self.corner(ix + 1, iy), fx);
        let bottom = lerp(self.corner(ix, iy + 1), self.corner(ix + 1, iy + 1), fx);
        lerp(top, bottom, fy)
    }

    /// Between 0 and 1: `octaves` layers, each twice as fine and half as strong as the one before.
    pub(super) fn fractal(self, x: f32, y: f32, octaves: u32) -> f32 {
        let (mut sum, mut weight, mut scale, mut total) = (0.0, 0.5, 1.0, 0.0);
        for octave in 0..octaves {
            let layer = Noise { seed: self.seed.wrapping_add(octave.wrapping_mul(0x9E37_79B9)) };
            sum += weight * layer.at(x * scale, y * scale);
            total += weight;
            weight *= 0.5;
            scale *= 2.0;
        }
        sum / total
    }

    fn corner(self, x: i32, y: i32) -> f32 {
        let mut hash = self.seed ^ (x as u32).wrapping_mul(0x85EB_CA6B) ^ (y as u32).wrapping_mul(0xC2B2_AE35);
        hash = (hash ^ (hash >> 15)).wrapping_mul(0x2C1B_3C6D);
        hash = (hash ^ (hash >> 12)).wrapping_mul(0x297A_2D39);
        hash ^= hash >> 15;
        (hash >> 8) as f32 / (1 << 24) as f32
    }
}

pub(super) fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

fn smooth(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}
