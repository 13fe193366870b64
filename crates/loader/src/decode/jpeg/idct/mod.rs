//! The inverse transform of 8x8 blocks: libjpeg's `jpeg_idct_islow` (`jidctint.c`), the algorithm of
//! Loeffler, Ligtenberg and Moschytz with 13 fractional bits. Its vector versions in libjpeg-turbo give the
//! same samples, but keep some sums in 16 bits, which damaged files overflow; so do these.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(super) mod reduced;
mod scalar;

use super::frame::BLOCK;
use super::headers::ZIGZAG;
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

/// The sample of every pixel of a block whose only coefficient, dequantised, is the first.
#[inline]
pub(super) fn flat_sample(first: i32) -> u8 {
    // Saturated nowhere: see the short way in `scalar`.
    to_sample((i32::from((first << PASS1_BITS) as i16) + 16) >> 5)
}

/// Samples of a block whose only coefficient is the first.
#[inline]
pub(super) fn flat(first: i32, out: &mut [u8], stride: usize) {
    let sample = flat_sample(first);
    for row in out.chunks_mut(stride).take(BLOCK) {
        row[..BLOCK].fill(sample);
    }
}

/// Samples of a block of coefficients in natural order, as rows of 8 at every `stride` of `out`.
#[inline]
pub(super) fn block(quantised: &[i16; 64], quantization: &[i16; 64], out: &mut [u8], stride: usize) {
    let [samples, _] = two([quantised, &[0; 64]], [quantization; 2]);
    put(&samples, out, stride);
}

/// Samples, in rows of 8, of two blocks of coefficients in natural order, each with its quantisation table.
#[inline]
pub(super) fn two(quantised: [&[i16; 64]; 2], quantization: [&[i16; 64]; 2]) -> [[u8; 64]; 2] {
    #[cfg(target_arch = "x86_64")]
    if Avx2::detect().is_some() {
        // SAFETY: an `Avx2` exists only where the processor has the feature.
        return unsafe { two_avx2(quantised, quantization) };
    }
    two_portable(quantised, quantization)
}

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::two as two_avx2;
#[cfg(target_arch = "x86_64")]
pub(super) use avx512::four as four_avx512;

/// Samples of four blocks in the order in which they are coded, all with one quantisation table in natural order.
pub(super) fn four_coded(coded: [&[i16; 64]; 4], steps: &[i16; 64]) -> [[u8; 64]; 4] {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
        let steps = ZIGZAG.map(|at| steps[usize::from(at)]);
        // SAFETY: the processor has the features.
        return unsafe { four_avx512(coded, [&steps; 4]) };
    }
    let [a, b, c, d] = coded.map(natural);
    let ([a, b], [c, d]) = (two([&a, &b], [steps; 2]), two([&c, &d], [steps; 2]));
    [a, b, c, d]
}

/// A block's values from the order in which they are coded to the natural one.
#[inline(always)]
pub(super) fn natural(coded: &[i16; 64]) -> [i16; 64] {
    let mut natural = [0; 64];
    for (&at, &value) in ZIGZAG.iter().zip(coded) {
        natural[usize::from(at)] = value;
    }
    natural
}

pub(super) fn two_portable([a, b]: [&[i16; 64]; 2], quantization: [&[i16; 64]; 2]) -> [[u8; 64]; 2] {
    [scalar::block(a, quantization[0]), scalar::block(b, quantization[1])]
}

/// Puts the rows of a block at every `stride` of `out`.
#[inline(always)]
pub(super) fn put(samples: &[u8; 64], out: &mut [u8], stride: usize) {
    let out = &mut out[..(BLOCK - 1) * stride + BLOCK];
    for (row, samples) in samples.as_chunks::<BLOCK>().0.iter().enumerate() {
        out[row * stride..][..BLOCK].copy_from_slice(samples);
    }
}

fn to_sample(value: i32) -> u8 {
    (value + 128).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(coefficients: &[i16; 64]) -> [u8; 64] {
        let mut out = [0; 64];
        block(coefficients, &[1; 64], &mut out, 8);
        out
    }

    #[test]
    fn a_single_first_coefficient_is_flat() {
        for first in -1100..1100 {
            let mut coefficients = [0; 64];
            coefficients[0] = first;
            let mut out = [0; 64];
            flat(first.into(), &mut out, 8);
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
                *coefficient = ((state >> 40) % 120) as i16 - 60;
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
        let mut random = move |bits: u32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as i32 as i16 >> (16 - bits)
        };
        for round in 0..20_000 {
            // From what photos have to what only damage makes; all of the rows, or but one.
            let (bits, steps, rows) =
                ([1, 4, 9, 12, 16][round % 5], [1, 5, 8, 16][round % 4], [64, 8, 24, 1][round / 20 % 4]);
            let mut block = || {
                let mut coefficients = [0; 64];
                coefficients[..rows].fill_with(|| random(bits));
                coefficients
            };
            let (a, b) = (block(), block());
            let (mut q, mut r) = ([0; 64], [0; 64]);
            q.fill_with(|| random(steps));
            r.fill_with(|| random(steps));
            assert_eq!(two([&a, &b], [&q, &r]), two_portable([&a, &b], [&q, &r]), "{round}");
        }
    }

    #[test]
    fn a_flat_block_is_one_of_zeros_after_the_first() {
        for first in i16::MIN..=i16::MAX {
            let mut coefficients = [0; 64];
            coefficients[0] = first;
            assert_eq!(scalar::block(&coefficients, &[1; 64]), [flat_sample(first.into()); 64], "{first}");
        }
    }
}
