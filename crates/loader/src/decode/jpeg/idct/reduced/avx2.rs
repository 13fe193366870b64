//! The transforms in 256-bit vectors: eight columns at once, then the rows.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_unpackhi_epi16, _mm_unpacklo_epi16, _mm256_add_epi32, _mm256_hadd_epi32, _mm256_madd_epi16,
    _mm256_packs_epi32, _mm256_packus_epi16, _mm256_permute4x64_epi64, _mm256_set_m128i, _mm256_set1_epi32,
    _mm256_slli_epi32, _mm256_srai_epi32, _mm256_sub_epi32,
};

use super::*;

pub(super) fn four(_: Avx2, coefficients: &[i16; 64]) -> [u8; 16] {
    // SAFETY: an `Avx2` exists only where the processor has the feature.
    unsafe { four_means(coefficients) }
}

pub(super) fn two(_: Avx2, coefficients: &[i16; 64]) -> [u8; 4] {
    // SAFETY: an `Avx2` exists only where the processor has the feature.
    unsafe { two_means(coefficients) }
}

#[target_feature(enable = "avx2")]
fn four_means(coefficients: &[i16; 64]) -> [u8; 16] {
    let rows: [__m128i; 8] = bytemuck::cast(*coefficients);
    let pairs = [(0, 2), (1, 3), (5, 7), (6, 4)].map(
        #[inline(always)]
        |(a, b): (usize, usize)| (a, b, interleaved(rows[a], rows[b])),
    );
    // Mean `k` of every column.
    let [a, b, c, d] = QUARTER.map(
        #[inline(always)]
        |weights| {
            let [x, y, z, w] = pairs.map(
                #[inline(always)]
                |(a, b, values)| _mm256_madd_epi16(values, both(weights[a], weights[b])),
            );
            descaled::<{ SHIFTS_4[0] as i32 }>(_mm256_add_epi32(_mm256_add_epi32(x, y), _mm256_add_epi32(z, w)))
        },
    );
    // Rows of eight, two in a vector.
    let (ab, cd) = (rows_of(a, b), rows_of(c, d));
    let means = [ab, cd].map(
        #[inline(always)]
        |rows| {
            let [p, q, r, s] = QUARTER.map(
                #[inline(always)]
                |weights| {
                    let weights: __m128i = bytemuck::cast(weights);
                    _mm256_madd_epi16(rows, _mm256_set_m128i(weights, weights))
                },
            );
            let sums = _mm256_hadd_epi32(_mm256_hadd_epi32(p, q), _mm256_hadd_epi32(r, s));
            let samples = descaled::<{ SHIFTS_4[1] as i32 }>(sums);
            _mm256_add_epi32(samples, _mm256_set1_epi32(128))
        },
    );
    // [a0..3 c0..3 | b0..3 d0..3]
    let bytes: [u32; 8] = {
        let words = _mm256_packs_epi32(means[0], means[1]);
        bytemuck::cast(_mm256_packus_epi16(words, words))
    };
    bytemuck::cast([bytes[0], bytes[4], bytes[1], bytes[5]])
}

#[target_feature(enable = "avx2")]
fn two_means(coefficients: &[i16; 64]) -> [u8; 4] {
    const SHIFT: i32 = CONST_BITS as i32 + 2;
    let rows: [__m128i; 8] = bytemuck::cast(*coefficients);
    let odd = _mm256_add_epi32(
        _mm256_madd_epi16(interleaved(rows[1], rows[3]), both(EIGHTH[1], EIGHTH[3])),
        _mm256_madd_epi16(interleaved(rows[5], rows[7]), both(EIGHTH[5], EIGHTH[7])),
    );
    let even = _mm256_slli_epi32::<SHIFT>(_mm256_madd_epi16(interleaved(rows[0], rows[0]), both(1, 0)));
    let first = descaled::<{ SHIFTS_2[0] as i32 }>(_mm256_add_epi32(even, odd));
    let second = descaled::<{ SHIFTS_2[0] as i32 }>(_mm256_sub_epi32(even, odd));
    let rows = rows_of(first, second);
    let weights: __m128i = bytemuck::cast(EIGHTH);
    let odd = _mm256_madd_epi16(rows, _mm256_set_m128i(weights, weights));
    let odd = _mm256_hadd_epi32(odd, odd);
    let odd: [i32; 8] = bytemuck::cast(_mm256_hadd_epi32(odd, odd));
    let even: [i16; 16] = bytemuck::cast(rows);
    let pair = |even: i16, odd: i32| {
        let even = i32::from(even) << SHIFT;
        [even.wrapping_add(odd), even.wrapping_sub(odd)]
            .map(|sum| to_sample(sum.wrapping_add(1 << (SHIFTS_2[1] - 1)) >> SHIFTS_2[1]))
    };
    let ([a, b], [c, d]) = (pair(even[0], odd[0]), pair(even[8], odd[4]));
    [a, b, c, d]
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
