//! The sums in 256-bit vectors.
//!
//! A weight has 24 bits and the fast multiply-and-add (`vpmaddwd`) takes 16, so a weight `w` is split into
//! `w = high * 2^SPLIT + low`: two sums of 16-bit products, joined at the end, are the exact sum.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_hadd_epi32, _mm_packs_epi32, _mm_packus_epi16,
    _mm_set1_epi32, _mm_slli_epi32, _mm_srai_epi32, _mm_unpackhi_epi32, _mm_unpackhi_epi64, _mm_unpacklo_epi32,
    _mm_unpacklo_epi64, _mm256_add_epi32, _mm256_broadcastsi128_si256, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm256_madd_epi16, _mm256_packs_epi32, _mm256_packus_epi16, _mm256_set1_epi32,
    _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srai_epi32,
    _mm256_unpackhi_epi8, _mm256_unpacklo_epi8,
};

use super::scalar::{self, HALF};
use crate::cpu::Avx2;
use crate::resize::digits::TAPS;
use crate::resize::weights::{PRECISION_BITS, SPLIT, SplitWeights, Weights};

impl Avx2 {
    /// `C` is 3 or 4.
    pub(super) fn horizontal<const C: usize>(self, pixels: &[u8], width: usize, weights: &Weights, out: &mut [u8]) {
        // SAFETY: an `Avx2` exists only where the processor has the feature.
        unsafe { horizontal::<C>(pixels, width, weights, out) }
    }

    pub(super) fn horizontal_grey(self, pixels: &[u8], width: usize, weights: &Weights, out: &mut [u8]) {
        // SAFETY: an `Avx2` exists only where the processor has the feature.
        unsafe { horizontal_grey(pixels, width, weights, out) }
    }

    pub(super) fn vertical(self, rows: &[u8], weights: &[i32], sums: &mut Vec<i32>, out: &mut [u8]) {
        // SAFETY: an `Avx2` exists only where the processor has the feature.
        unsafe { vertical(rows, weights, sums, out) }
    }
}

/// In a shuffle: not a byte, but zero.
const ZERO: u8 = 0x80;

/// Of four pixels r g b a, pairs of 16-bit values: [r0 r1 g0 g1 b0 b1 a0 a1] and [r2 r3 g2 g3 b2 b3 a2 a3].
const fn pairs(channels: usize) -> [u8; 32] {
    let mut pairs = [ZERO; 32];
    let mut k = 0;
    while k < 4 * channels {
        let (pixel, channel) = (k / channels, k % channels);
        pairs[pixel / 2 * 16 + channel * 4 + pixel % 2 * 2] = k as u8;
        k += 1;
    }
    pairs
}

#[target_feature(enable = "avx2")]
fn horizontal<const C: usize>(pixels: &[u8], width: usize, weights: &Weights, out: &mut [u8]) {
    // Of four weights, the first two for the first half and the last two for the second, repeated.
    const REPEAT: [u8; 32] = [
        0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, //
        4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7,
    ];
    let pairs: __m256i = bytemuck::cast(const { pairs(C) });
    let repeat: __m256i = bytemuck::cast(REPEAT);

    for (row, out) in out.chunks_exact_mut(weights.places() * C).enumerate() {
        let row = &pixels[row * width * C..];
        for (out, (start, groups)) in out.as_chunks_mut::<C>().0.iter_mut().zip(weights.split(1)) {
            let mut low = _mm256_setzero_si256();
            let mut high = _mm256_setzero_si256();
            for (group, weights) in groups.iter().enumerate() {
                // Four pixels; of three channels, a few bytes more that no weight touches.
                let four: __m128i = bytemuck::cast(load::<16>(row, (start + group * TAPS) * C));
                let four = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(four), pairs);
                let weight = |part: [i16; TAPS]| _mm256_shuffle_epi8(_mm256_set1_epi64x(bytemuck::cast(part)), repeat);
                low = _mm256_add_epi32(low, _mm256_madd_epi16(four, weight(weights.low)));
                high = _mm256_add_epi32(high, _mm256_madd_epi16(four, weight(weights.high)));
            }
            let sum = _mm256_add_epi32(_mm256_slli_epi32::<{ SPLIT as i32 }>(high), low);
            let sum = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
            let pixel = to_pixel(sum);
            *out = std::array::from_fn(|channel| pixel[channel]);
        }
    }
}

/// Rows that share a look at the weights.
const ROWS: usize = 4;

#[target_feature(enable = "avx2")]
fn horizontal_grey(pixels: &[u8], width: usize, weights: &Weights, out: &mut [u8]) {
    // Of eight pixels, each four twice: for the low and the high parts of their weights.
    const TWICE: [u8; 32] = [
        0, ZERO, 1, ZERO, 2, ZERO, 3, ZERO, 0, ZERO, 1, ZERO, 2, ZERO, 3, ZERO, //
        4, ZERO, 5, ZERO, 6, ZERO, 7, ZERO, 4, ZERO, 5, ZERO, 6, ZERO, 7, ZERO,
    ];
    let twice: __m256i = bytemuck::cast(TWICE);

    for (first, out) in out.chunks_mut(weights.places() * ROWS).enumerate() {
        // Where fewer are left, the last is done again.
        let last = out.len() / weights.places() - 1;
        let rows: [&[u8]; ROWS] = std::array::from_fn(|row| &pixels[(first * ROWS + row.min(last)) * width..]);
        for (place, (start, groups)) in weights.split(2).enumerate() {
            let mut sums = [_mm256_setzero_si256(); ROWS];
            for (group, [first, second]) in groups.as_chunks::<2>().0.iter().enumerate() {
                let weights: __m256i = bytemuck::cast([first.low, first.high, second.low, second.high]);
                for (sum, row) in sums.iter_mut().zip(rows) {
                    let eight = i64::from_le_bytes(load::<8>(row, start + group * 2 * TAPS));
                    let eight = _mm256_shuffle_epi8(_mm256_set1_epi64x(eight), twice);
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(eight, weights));
                }
            }
            for (row, value) in to_column(sums).into_iter().enumerate().take(last + 1) {
                out[row * weights.places() + place] = value;
            }
        }
    }
}

/// Of four rows, sums of low, low, high and high parts, twice: joined, rounded and clamped.
#[inline]
#[target_feature(enable = "avx2")]
fn to_column(sums: [__m256i; ROWS]) -> [u8; ROWS] {
    let [a, b, c, d] = sums.map(|sum| _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum)));
    // Low and high of two rows each. Low and high parts may overflow, each; their joint sum does not.
    let (ab, cd) = (_mm_hadd_epi32(a, b), _mm_hadd_epi32(c, d));
    let (ac, bd) = (_mm_unpacklo_epi32(ab, cd), _mm_unpackhi_epi32(ab, cd));
    let (low, high) = (_mm_unpacklo_epi64(ac, bd), _mm_unpackhi_epi64(ac, bd));
    let [a, c, b, d] = to_pixel(_mm_add_epi32(_mm_slli_epi32::<{ SPLIT as i32 }>(high), low));
    [a, b, c, d]
}

/// `N` bytes from `at`; zeros where `bytes` ends before that.
#[inline]
fn load<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.first_chunk::<N>().copied().unwrap_or_else(|| {
        let mut padded = [0; N];
        padded[..rest.len()].copy_from_slice(rest);
        padded
    })
}

/// Sums of four channels, rounded and clamped.
#[inline]
#[target_feature(enable = "avx2")]
fn to_pixel(sum: __m128i) -> [u8; 4] {
    let value = _mm_srai_epi32::<{ PRECISION_BITS as i32 }>(_mm_add_epi32(sum, _mm_set1_epi32(HALF)));
    let words = _mm_packs_epi32(value, value);
    _mm_cvtsi128_si32(_mm_packus_epi16(words, words)).to_le_bytes()
}

/// Columns that are summed together.
const COLUMNS: usize = 32;

#[target_feature(enable = "avx2")]
fn vertical(rows: &[u8], weights: &[i32], sums: &mut Vec<i32>, out: &mut [u8]) {
    let stride = out.len();
    let (chunks, rest) = out.as_chunks_mut::<COLUMNS>();
    for (chunk, out) in chunks.iter_mut().enumerate() {
        let row = |tap: usize| -> __m256i { bytemuck::cast(load::<COLUMNS>(rows, tap * stride + chunk * COLUMNS)) };
        let mut low = [_mm256_setzero_si256(); 4];
        let mut high = [_mm256_setzero_si256(); 4];
        for (pair, weights) in weights.chunks(2).enumerate() {
            let first = row(2 * pair);
            // A row whose weight is zero, where there is no second.
            let (second, weights) = match weights {
                &[a, b] => (row(2 * pair + 1), [a, b]),
                _ => (first, [weights[0], 0]),
            };
            let zero = _mm256_setzero_si256();
            let (left, right) = (_mm256_unpacklo_epi8(first, second), _mm256_unpackhi_epi8(first, second));
            let columns = [
                _mm256_unpacklo_epi8(left, zero),
                _mm256_unpackhi_epi8(left, zero),
                _mm256_unpacklo_epi8(right, zero),
                _mm256_unpackhi_epi8(right, zero),
            ];
            let weights = weights.map(SplitWeights::parts);
            let of = |part: usize| {
                let pair = [weights[0][part], weights[1][part]];
                _mm256_set1_epi32(bytemuck::cast(pair))
            };
            let (low_weights, high_weights) = (of(0), of(1));
            for ((low, high), columns) in low.iter_mut().zip(&mut high).zip(columns) {
                *low = _mm256_add_epi32(*low, _mm256_madd_epi16(columns, low_weights));
                *high = _mm256_add_epi32(*high, _mm256_madd_epi16(columns, high_weights));
            }
        }
        let level = |at: usize| {
            let sum = _mm256_add_epi32(_mm256_slli_epi32::<{ SPLIT as i32 }>(high[at]), low[at]);
            _mm256_srai_epi32::<{ PRECISION_BITS as i32 }>(_mm256_add_epi32(sum, _mm256_set1_epi32(HALF)))
        };
        let words = [_mm256_packs_epi32(level(0), level(1)), _mm256_packs_epi32(level(2), level(3))];
        *out = bytemuck::cast(_mm256_packus_epi16(words[0], words[1]));
    }
    if !rest.is_empty() {
        scalar::vertical((rows, stride - rest.len()), weights, (stride, sums), rest);
    }
}
