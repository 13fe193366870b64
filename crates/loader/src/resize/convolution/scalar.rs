//! The sums in plain Rust.

use crate::resize::weights::{PRECISION_BITS, Weights};

/// Half of the last bit that is kept, so that cutting the rest off rounds.
pub(super) const HALF: i32 = 1 << (PRECISION_BITS - 1);

pub(super) fn horizontal<const C: usize>(pixels: &[u8], width: usize, weights: &Weights, out: &mut [u8]) {
    for (row, out) in pixels.chunks_exact(width * C).zip(out.chunks_exact_mut(weights.places() * C)) {
        let row = row.as_chunks::<C>().0;
        for (out, (start, weights)) in out.as_chunks_mut::<C>().0.iter_mut().zip(weights.iter()) {
            let mut sum = [HALF; C];
            for (pixel, &weight) in row[start..].iter().zip(weights) {
                for channel in 0..C {
                    sum[channel] += i32::from(pixel[channel]) * weight;
                }
            }
            *out = sum.map(to_u8);
        }
    }
}

/// `out`, columns of a row of the result, from the rows of its window, which begin `stride` bytes after one another, and
/// the columns `at` in each: row by row into a row of sums.
pub(super) fn vertical(
    (rows, at): (&[u8], usize),
    weights: &[i32],
    (stride, sums): (usize, &mut Vec<i32>),
    out: &mut [u8],
) {
    sums.clear();
    sums.resize(out.len(), HALF);
    for (row, &weight) in rows.chunks(stride).zip(weights) {
        for (sum, &value) in sums.iter_mut().zip(&row[at..]) {
            *sum += i32::from(value) * weight;
        }
    }
    for (out, &sum) in out.iter_mut().zip(&*sums) {
        *out = to_u8(sum);
    }
}

fn to_u8(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}
