//! The sums in 256-bit vectors.
//!
//! A weight has 24 bits and the fast multiply-and-add (`vpmaddwd`) takes 16, so a weight `w` is split into
//! `w = high * 2^SPLIT + low`: two sums of 16-bit products, joined at the end, are the exact sum.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_packs_epi32, _mm_packus_epi16, _mm_set1_epi32,
    _mm_srai_epi32, _mm256_add_epi32, _mm256_broadcastsi128_si256, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm256_madd_epi16, _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi32,
};

use super::Columns;
use super::scalar::{self, HALF};
use crate::cpu::Avx2;
use crate::resize::filter::{PRECISION_BITS, SPLIT, TAPS, Weights};

impl Avx2 {
    pub(super) fn horizontal(self, pixels: &[u8], width: usize, weights: &Weights, out: &mut [u8]) {
        // SAFETY: an `Avx2` exists only where the processor has the feature.
        unsafe { horizontal(pixels, width, weights, out) }
    }

    pub(super) fn vertical(self, pixels: &[u8], columns: Columns<'_>, sums: &mut Vec<i32>, out: &mut [u8]) {
        // SAFETY: an `Avx2` exists only where the processor has the feature.
        unsafe { vertical(pixels, columns, sums, out) }
    }
}

/// Bytes loaded at once: [`TAPS`] pixels and a few more that no weight touches.
const LOAD: usize = 16;

#[target_feature(enable = "avx2")]
fn horizontal(pixels: &[u8], width: usize, weights: &Weights, out: &mut [u8]) {
    const ZERO: u8 = 0x80;
    // Of four pixels r g b, pairs of 16-bit values: [r0 r1 g0 g1 b0 b1 0 0] and [r2 r3 g2 g3 b2 b3 0 0].
    const PAIRS: [u8; 32] = [
        0, ZERO, 3, ZERO, 1, ZERO, 4, ZERO, 2, ZERO, 5, ZERO, ZERO, ZERO, ZERO, ZERO, //
        6, ZERO, 9, ZERO, 7, ZERO, 10, ZERO, 8, ZERO, 11, ZERO, ZERO, ZERO, ZERO, ZERO,
    ];
    // Of four weights, the first two for the first half and the last two for the second, repeated.
    const REPEAT: [u8; 32] = [
        0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, //
        4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7,
    ];
    let pairs: __m256i = bytemuck::cast(PAIRS);
    let repeat: __m256i = bytemuck::cast(REPEAT);

    let rows = pixels.len() / (width * 3);
    let out_width = out.len() / (rows * 3);
    for (row, out) in out.chunks_exact_mut(out_width * 3).enumerate() {
        let row = &pixels[row * width * 3..];
        for (out, (start, groups)) in out.as_chunks_mut::<3>().0.iter_mut().zip(weights.split()) {
            let mut low = _mm256_setzero_si256();
            let mut high = _mm256_setzero_si256();
            for (group, weights) in groups.iter().enumerate() {
                let four =
                    _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(load(row, (start + group * TAPS) * 3)), pairs);
                let weight = |part: [i16; TAPS]| _mm256_shuffle_epi8(_mm256_set1_epi64x(bytemuck::cast(part)), repeat);
                low = _mm256_add_epi32(low, _mm256_madd_epi16(four, weight(weights.low)));
                high = _mm256_add_epi32(high, _mm256_madd_epi16(four, weight(weights.high)));
            }
            let sum = _mm256_add_epi32(_mm256_slli_epi32::<{ SPLIT as i32 }>(high), low);
            let sum = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
            *out = to_rgb(sum);
        }
    }
}

/// [`LOAD`] bytes from `at`; zeros where `bytes` ends before that.
#[inline]
fn load(bytes: &[u8], at: usize) -> __m128i {
    match bytes[at..].first_chunk::<LOAD>() {
        Some(chunk) => bytemuck::cast(*chunk),
        None => {
            let mut padded = [0; LOAD];
            padded[..bytes.len() - at].copy_from_slice(&bytes[at..]);
            bytemuck::cast(padded)
        }
    }
}

/// Sums of red, green, blue and nothing, rounded and clamped.
#[inline]
#[target_feature(enable = "avx2")]
fn to_rgb(sum: __m128i) -> [u8; 3] {
    let value = _mm_srai_epi32::<{ PRECISION_BITS as i32 }>(_mm_add_epi32(sum, _mm_set1_epi32(HALF)));
    let words = _mm_packs_epi32(value, value);
    let [red, green, blue, _] = _mm_cvtsi128_si32(_mm_packus_epi16(words, words)).to_le_bytes();
    [red, green, blue]
}

#[target_feature(enable = "avx2")]
fn vertical(pixels: &[u8], columns: Columns<'_>, sums: &mut Vec<i32>, out: &mut [u8]) {
    scalar::vertical(pixels, columns, sums, out);
}
