//! The transform to four samples in 256-bit vectors, of two blocks at once, each in a half of every vector.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_madd_epi16, _mm256_mullo_epi16, _mm256_or_si256, _mm256_packs_epi16,
    _mm256_packs_epi32, _mm256_set1_epi8, _mm256_set1_epi32, _mm256_shuffle_epi8, _mm256_srai_epi32, _mm256_sub_epi32,
    _mm256_unpackhi_epi64, _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use super::*;

pub(super) fn four(_: Avx2, coded: [&[i16; 16]; 2], steps: [&[i16; 16]; 2]) -> [[u8; 16]; 2] {
    // SAFETY: an `Avx2` exists only where the processor has the feature.
    unsafe { four_means(coded, steps) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn four_means([a, b]: [&[i16; 16]; 2], [a_steps, b_steps]: [&[i16; 16]; 2]) -> [[u8; 16]; 2] {
    // The first eight of each, and the others.
    let halves = |a: &[i16; 16], b: &[i16; 16]| {
        let ([a, a_high], [b, b_high]) =
            (bytemuck::cast::<_, [[i16; 8]; 2]>(*a), bytemuck::cast::<_, [[i16; 8]; 2]>(*b));
        [bytemuck::cast::<_, __m256i>([a, b]), bytemuck::cast([a_high, b_high])]
    };
    let ([low, high], [low_steps, high_steps]) = (halves(a, b), halves(a_steps, b_steps));
    let (low, high) = (_mm256_mullo_epi16(low, low_steps), _mm256_mullo_epi16(high, high_steps));
    // The four values of rows 0 and 2 in turn, and of rows 1 and 3: what is coded first is in the upper left corner.
    const NONE: i8 = -1;
    let even = [[0, 3, 1, NONE, 5, NONE, 6, NONE], [NONE, NONE, NONE, 0, NONE, NONE, NONE, NONE]];
    let odd = [[2, NONE, 4, NONE, 7, NONE, NONE, NONE], [NONE, 1, NONE, NONE, NONE, NONE, NONE, NONE]];
    let rows = |[of_low, of_high]: [[i8; 8]; 2]| {
        _mm256_or_si256(_mm256_shuffle_epi8(low, words(of_low)), _mm256_shuffle_epi8(high, words(of_high)))
    };
    let [r0, r1, r2, r3] = means::<{ SHIFTS_4[0] as i32 }>(rows(even), rows(odd));
    // Of each row, columns 0 and 2, then 1 and 3.
    let turned = |rows| _mm256_shuffle_epi8(rows, words([0, 2, 4, 6, 1, 3, 5, 7]));
    let (r01, r23) = (turned(_mm256_packs_epi32(r0, r1)), turned(_mm256_packs_epi32(r2, r3)));
    let (even, odd) = (_mm256_unpacklo_epi64(r01, r23), _mm256_unpackhi_epi64(r01, r23));
    let [c0, c1, c2, c3] = means::<{ SHIFTS_4[1] as i32 }>(even, odd);
    let columns = _mm256_packs_epi16(_mm256_packs_epi32(c0, c1), _mm256_packs_epi32(c2, c3));
    let rows: [i8; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];
    let samples = _mm256_shuffle_epi8(columns, bytemuck::cast([rows, rows]));
    bytemuck::cast(_mm256_xor_si256(samples, _mm256_set1_epi8(-128)))
}

/// Four means of four values, which are in turn those of even and of odd places, rounded to `SHIFT` fewer bits.
#[inline]
#[target_feature(enable = "avx2")]
fn means<const SHIFT: i32>(even: __m256i, odd: __m256i) -> [__m256i; 4] {
    let both = |a: i16, b: i16| _mm256_set1_epi32(i32::from(a) & 0xffff | i32::from(b) << 16);
    let half = _mm256_set1_epi32(1 << (SHIFT - 1));
    let [outer, inner, ..] = QUARTER;
    let even = [
        _mm256_add_epi32(_mm256_madd_epi16(even, both(outer[0], outer[2])), half),
        _mm256_add_epi32(_mm256_madd_epi16(even, both(inner[0], inner[2])), half),
    ];
    let odd = [_mm256_madd_epi16(odd, both(outer[1], outer[3])), _mm256_madd_epi16(odd, both(inner[1], inner[3]))];
    [
        _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(even[0], odd[0])),
        _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(even[1], odd[1])),
        _mm256_srai_epi32::<SHIFT>(_mm256_sub_epi32(even[1], odd[1])),
        _mm256_srai_epi32::<SHIFT>(_mm256_sub_epi32(even[0], odd[0])),
    ]
}

/// What moves words of each half to such places; where it is negative, there is a zero.
#[inline]
#[target_feature(enable = "avx2")]
fn words(from: [i8; 8]) -> __m256i {
    let mut bytes = [-1_i8; 16];
    let mut at = 0;
    while at < 8 {
        if from[at] >= 0 {
            (bytes[2 * at], bytes[2 * at + 1]) = (2 * from[at], 2 * from[at] + 1);
        }
        at += 1;
    }
    bytemuck::cast([bytes, bytes])
}
