//! The inverse transform of 8x8 blocks: libjpeg's `jpeg_idct_islow` (`jidctint.c`), the algorithm of
//! Loeffler, Ligtenberg and Moschytz with 13 fractional bits. Its vector versions in libjpeg-turbo give the
//! same samples, and so do these.

#[cfg(target_arch = "x86_64")]
mod avx2;
pub(super) mod reduced;
mod scalar;

use super::frame::BLOCK;
#[cfg(target_arch = "x86_64")]
use crate::cpu::Avx2;

const CONST_BITS: u32 = 13;
const PASS1_BITS: u32 = 2;

/// Bits that each of the two passes rounds off.
const SHIFTS: [u32; 2] = [CONST_BITS - PASS1_BITS, CONST_BITS + PASS1_BITS + 3];

/// `x` with [`CONST_BITS`] fractional bits.
const fn fix(x: f64) -> i32 {
    (x * (1 << CONST_BITS) as f64 + 0.5) as i32
}

const FIX_0_298631336: i32 = fix(0.298_631_336);
const FIX_0_390180644: i32 = fix(0.390_180_644);
const FIX_0_541196100: i32 = fix(0.541_196_100);
const FIX_0_765366865: i32 = fix(0.765_366_865);
const FIX_0_899976223: i32 = fix(0.899_976_223);
const FIX_1_175875602: i32 = fix(1.175_875_602);
const FIX_1_501321110: i32 = fix(1.501_321_110);
const FIX_1_847759065: i32 = fix(1.847_759_065);
const FIX_1_961570560: i32 = fix(1.961_570_560);
const FIX_2_053119869: i32 = fix(2.053_119_869);
const FIX_2_562915447: i32 = fix(2.562_915_447);
const FIX_3_072711026: i32 = fix(3.072_711_026);

/// Samples of a block whose only coefficient is the first.
pub(super) fn flat(first: i32, out: &mut [u8], stride: usize) {
    let sample = to_sample((first + 4) >> 3);
    for row in out.chunks_mut(stride).take(BLOCK) {
        row[..BLOCK].fill(sample);
    }
}

/// Samples of a block of dequantised coefficients in natural order, as rows of 8 at every `stride` of `out`.
#[inline]
pub(super) fn block(coefficients: &[i32; 64], out: &mut [u8], stride: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = Avx2::detect() {
        return avx2::block(avx2, coefficients, out, stride);
    }
    scalar::block(coefficients, out, stride);
}

fn to_sample(value: i32) -> u8 {
    (value + 128).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(coefficients: &[i32; 64]) -> [u8; 64] {
        let mut out = [0; 64];
        block(coefficients, &mut out, 8);
        out
    }

    #[test]
    fn a_single_first_coefficient_is_flat() {
        for first in -1100..1100 {
            let mut coefficients = [0; 64];
            coefficients[0] = first;
            let mut out = [0; 64];
            flat(first, &mut out, 8);
            assert_eq!(samples(&coefficients), out, "{first}");
        }
    }

    /// T.81 A.3.3 in double precision.
    #[test]
    fn it_is_the_inverse_cosine_transform() {
        let mut state = 1_u64;
        for _ in 0..50 {
            let mut coefficients = [0; 64];
            for coefficient in &mut coefficients[..20] {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *coefficient = (state >> 40) as i32 % 120 - 60;
            }
            let fast = samples(&coefficients);
            for (place, &fast) in fast.iter().enumerate() {
                let (x, y) = (place % 8, place / 8);
                let mut sum = 0.0;
                for (index, &coefficient) in coefficients.iter().enumerate() {
                    let (u, v) = (index % 8, index / 8);
                    let scale = |k| if k == 0 { 0.5_f64.sqrt() } else { 1.0 };
                    let wave = |x: usize, u: usize| ((2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / 16.0).cos();
                    sum += scale(u) * scale(v) * f64::from(coefficient) * wave(x, u) * wave(y, v);
                }
                assert!((sum / 4.0 + 128.0 - f64::from(fast)).abs() < 0.6, "{place}");
            }
        }
    }

    #[test]
    fn the_vector_version_gives_the_same_samples() {
        let mut state = 7_u64;
        for _ in 0..2_000 {
            let mut coefficients = [0; 64];
            for coefficient in &mut coefficients {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *coefficient = (state >> 33) as i32 % 4_000_000 - 2_000_000;
            }
            let mut portable = [0; 64];
            scalar::block(&coefficients, &mut portable, 8);
            assert_eq!(samples(&coefficients), portable);
        }
    }
}
