//! The transforms in 256-bit vectors: eight columns at once, then the rows.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_unpackhi_epi16, _mm_unpacklo_epi16, _mm256_add_epi32, _mm256_hadd_epi32, _mm256_madd_epi16,
    _mm256_packs_epi32, _mm256_packus_epi16, _mm256_permute4x64_epi64, _mm256_set_m128i, _mm256_set1_epi32,
    _mm256_srai_epi32,
};

use super::*;

pub(super) fn four(_: Avx2, quantised: &[i16; 64], steps: &[i16; 64]) -> [u8; 16] {
    // SAFETY: an `Avx2` exists only where the processor has the feature.
    unsafe { four_means(quantised, steps) }
}

// Without `map`, which would not be compiled for the feature.
#[target_feature(enable = "avx2")]
fn four_means(quantised: &[i16; 64], steps: &[i16; 64]) -> [u8; 16] {
    let mut coefficients = [0_i16; 64];
    for (out, (&quantised, &step)) in coefficients.iter_mut().zip(quantised.iter().zip(steps)) {
        *out = quantised.wrapping_mul(step);
    }
    let [r0, r1, r2, r3, _, r5, r6, r7]: [__m128i; 8] = bytemuck::cast(coefficients);
    let nothing = bytemuck::cast([0_i16; 8]);
    let columns = [interleaved(r0, r2), interleaved(r6, nothing), interleaved(r1, r3), interleaved(r5, r7)];
    let [mean0, mean1, mean2, mean3] = QUARTER;
    let (a, b) = (column_means(columns, mean0), column_means(columns, mean1));
    let (c, d) = (column_means(columns, mean2), column_means(columns, mean3));
    let (ab, cd) = (row_means(rows_of(a, b)), row_means(rows_of(c, d)));
    // In 32 bits: a c a c, b d b d.
    let words = _mm256_packs_epi32(ab, cd);
    let bytes: [u32; 8] = bytemuck::cast(_mm256_packus_epi16(words, words));
    bytemuck::cast([bytes[0], bytes[4], bytes[1], bytes[5]])
}

/// One mean of every column.
#[inline]
#[target_feature(enable = "avx2")]
fn column_means([r02, r6, r13, r57]: [__m256i; 4], weights: [i16; 8]) -> __m256i {
    let even = _mm256_add_epi32(
        _mm256_madd_epi16(r02, both(weights[0], weights[2])),
        _mm256_madd_epi16(r6, both(weights[6], 0)),
    );
    let odd = _mm256_add_epi32(
        _mm256_madd_epi16(r13, both(weights[1], weights[3])),
        _mm256_madd_epi16(r57, both(weights[5], weights[7])),
    );
    descaled::<{ SHIFTS_4[0] as i32 }>(_mm256_add_epi32(even, odd))
}

/// Four means of each of two rows, shifted to `0..=255`.
#[inline]
#[target_feature(enable = "avx2")]
fn row_means(rows: __m256i) -> __m256i {
    let one = |weights: [i16; 8]| {
        let weights: __m128i = bytemuck::cast(weights);
        _mm256_madd_epi16(rows, _mm256_set_m128i(weights, weights))
    };
    let [mean0, mean1, mean2, mean3] = QUARTER;
    let sums = _mm256_hadd_epi32(_mm256_hadd_epi32(one(mean0), one(mean1)), _mm256_hadd_epi32(one(mean2), one(mean3)));
    _mm256_add_epi32(descaled::<{ SHIFTS_4[1] as i32 }>(sums), _mm256_set1_epi32(128))
}

/// The eight values of `a` and of `b`, in turn.
#[inline]
#[target_feature(enable = "avx2")]
fn interleaved(a: __m128i, b: __m128i) -> __m256i {
    _mm256_set_m128i(_mm_unpackhi_epi16(a, b), _mm_unpacklo_epi16(a, b))
}

#[inline]
#[target_feature(enable = "avx2")]
fn both(a: i16, b: i16) -> __m256i {
    _mm256_set1_epi32(i32::from(a) & 0xffff | i32::from(b) << 16)
}

#[inline]
#[target_feature(enable = "avx2")]
fn descaled<const SHIFT: i32>(sums: __m256i) -> __m256i {
    _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(sums, _mm256_set1_epi32(1 << (SHIFT - 1))))
}

/// Two rows of eight, saturated to 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn rows_of(a: __m256i, b: __m256i) -> __m256i {
    _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(a, b))
}
