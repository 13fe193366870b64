//! What makes a photo hard to compress: detail at every scale, in some places and not in others, and grain.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// Noise of all frequencies, each octave a little weaker than the one before, as in photos of nature. A square that fits
/// to itself at its borders: it costs one look-up a pixel.
#[derive(Debug)]
pub(super) struct Texture {
    values: Vec<f32>,
    /// Where there is detail: between 0 and 1.
    mask: Vec<f32>,
}

/// Pixels along a side of a texture; a power of two.
const SIDE: usize = 512;
/// Amplitude of an octave, compared with the next coarser one.
const PERSISTENCE: f32 = 0.72;
/// Features of the coarsest octave of detail, and of the mask, in pixels.
const COARSEST: usize = 64;
const PATCHES: usize = 128;

impl Texture {
    /// Detail down to `finest` pixels, a power of two.
    pub(super) fn new(seed: u64, finest: usize) -> Texture {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut octaves = |coarsest: usize, finest: usize, persistence: f32| {
            let mut values = vec![0.0; SIDE * SIDE];
            let (mut cell, mut strength) = (coarsest, 1.0);
            while cell >= finest {
                add_octave(&mut values, cell, strength, &mut random);
                (cell, strength) = (cell / 2, strength * persistence);
            }
            values
        };
        let mut values = octaves(COARSEST, finest, PERSISTENCE);
        scale_to_unit_deviation(&mut values);
        let mut mask = octaves(PATCHES, 16, 0.5);
        scale_to_unit_deviation(&mut mask);
        // A third of a photo is nearly smooth; a few places are rough.
        for value in &mut mask {
            *value = (*value * 0.9).exp().min(4.0) * 0.55;
        }
        Texture { values, mask }
    }

    /// Detail at a place: a deviation of about one, where there is any.
    pub(super) fn at(&self, x: usize, y: usize) -> f32 {
        self.values[(y % SIDE) * SIDE + x % SIDE]
    }

    /// How much detail belongs at a place.
    pub(super) fn strength(&self, x: usize, y: usize) -> f32 {
        self.mask[(y % SIDE) * SIDE + x % SIDE]
    }
}

/// Value noise: random values on a grid of `cell` pixels, joined by straight lines, and around the borders.
fn add_octave(values: &mut [f32], cell: usize, strength: f32, random: &mut ChaCha8Rng) {
    let cells = SIDE / cell;
    let grid: Vec<f32> = (0..cells * cells).map(|_| (random.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0).collect();
    for (at, value) in values.iter_mut().enumerate() {
        let (x, y) = (at % SIDE, at / SIDE);
        let (across, down) = ((x % cell) as f32 / cell as f32, (y % cell) as f32 / cell as f32);
        let corner = |dx: usize, dy: usize| grid[(y / cell + dy) % cells * cells + (x / cell + dx) % cells];
        let upper = corner(0, 0) * (1.0 - across) + corner(1, 0) * across;
        let lower = corner(0, 1) * (1.0 - across) + corner(1, 1) * across;
        *value += strength * (upper * (1.0 - down) + lower * down);
    }
}

fn scale_to_unit_deviation(values: &mut [f32]) {
    let count = values.len() as f32;
    let mean = values.iter().sum::<f32>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count;
    let scale = variance.sqrt().max(f32::MIN_POSITIVE).recip();
    for value in values {
        *value = (*value - mean) * scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detail_has_a_deviation_of_one_and_no_seam() {
        let texture = Texture::new(1, 2);
        let squares: f32 = (0..SIDE * SIDE).map(|at| texture.at(at % SIDE, at / SIDE).powi(2)).sum();
        assert!((squares / (SIDE * SIDE) as f32 - 1.0).abs() < 1e-2);
        let step = |a: usize, b: usize| -> f32 {
            (0..SIDE).map(|y| (texture.at(a, y) - texture.at(b, y)).abs()).sum::<f32>() / SIDE as f32
        };
        let (seam, inside) = (step(SIDE - 1, SIDE), step(SIDE / 2 - 1, SIDE / 2));
        assert!(seam < 2.0 * inside, "{seam} {inside}");
    }

    #[test]
    fn some_places_are_smooth_and_some_are_rough() {
        let texture = Texture::new(2, 1);
        let mut strengths: Vec<_> = (0..SIDE * SIDE).map(|at| texture.strength(at % SIDE, at / SIDE)).collect();
        strengths.sort_by(f32::total_cmp);
        assert!(strengths[SIDE * SIDE / 4] < 0.4 && strengths[SIDE * SIDE * 3 / 4] > 0.8);
    }
}
