//! The transform in 256-bit vectors, of two blocks at once: each vector is a row of the one and a row of the other.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi16, _mm256_add_epi32, _mm256_cmpgt_epi16, _mm256_madd_epi16, _mm256_movemask_epi8,
    _mm256_mullo_epi16, _mm256_or_si256, _mm256_packs_epi16, _mm256_packs_epi32, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_setzero_si256, _mm256_srai_epi32, _mm256_sub_epi16, _mm256_sub_epi32,
    _mm256_unpackhi_epi8, _mm256_unpackhi_epi16, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi8,
    _mm256_unpacklo_epi16, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use super::*;

#[inline]
#[target_feature(enable = "avx2")]
pub(in super::super) fn two([a, b]: [&[i16; 64]; 2], [a_steps, b_steps]: [&[i16; 64]; 2]) -> [[u8; 64]; 2] {
    let row = |a: &[i16; 64], b: &[i16; 64], row: usize| -> __m256i {
        let row = |block: &[i16; 64]| *block[8 * row..].first_chunk::<8>().unwrap_or(&[0; 8]);
        bytemuck::cast([row(a), row(b)])
    };
    let mut rows = [_mm256_setzero_si256(); 8];
    for (k, out) in rows.iter_mut().enumerate() {
        *out = _mm256_mullo_epi16(row(a, b, k), row(a_steps, b_steps, k));
    }
    // Larger first rows, in damaged files, are what the short way of libjpeg-turbo is seen by.
    const SHORT: i16 = i16::MAX >> PASS1_BITS;
    let above = _mm256_cmpgt_epi16(rows[0], _mm256_set1_epi16(SHORT));
    let below = _mm256_cmpgt_epi16(_mm256_set1_epi16(-SHORT), rows[0]);
    if _mm256_movemask_epi8(_mm256_or_si256(above, below)) != 0 {
        return [scalar::block(a, a_steps), scalar::block(b, b_steps)];
    }
    let columns = transposed(pass::<{ SHIFTS[0] as i32 }>(rows));
    samples(pass::<{ SHIFTS[1] as i32 }>(columns))
}

/// Factors of the even and the odd values of a vector.
#[inline]
#[target_feature(enable = "avx2")]
fn factors(even: i32, odd: i32) -> __m256i {
    _mm256_set1_epi32((even & 0xffff) | odd << 16)
}

/// One dimension, for eight columns at once, rounded to `SHIFT` fewer bits and saturated.
#[inline]
#[target_feature(enable = "avx2")]
fn pass<const SHIFT: i32>([r0, r1, r2, r3, r4, r5, r6, r7]: [__m256i; 8]) -> [__m256i; 8] {
    // The columns of the lower and the upper half are apart where there are 32 bits.
    let pairs = |a, b| [_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)];
    let times = |[low, high]: [__m256i; 2], even, odd| {
        let factors = factors(even, odd);
        [_mm256_madd_epi16(low, factors), _mm256_madd_epi16(high, factors)]
    };
    let add = |a: [__m256i; 2], b: [__m256i; 2]| [_mm256_add_epi32(a[0], b[0]), _mm256_add_epi32(a[1], b[1])];
    let sub = |a: [__m256i; 2], b: [__m256i; 2]| [_mm256_sub_epi32(a[0], b[0]), _mm256_sub_epi32(a[1], b[1])];
    let half = _mm256_set1_epi32(1 << (SHIFT - 1));
    let widened = |row| {
        let [low, high] = pairs(_mm256_setzero_si256(), row);
        const DOWN: i32 = 16 - CONST_BITS as i32;
        [
            _mm256_add_epi32(_mm256_srai_epi32::<DOWN>(low), half),
            _mm256_add_epi32(_mm256_srai_epi32::<DOWN>(high), half),
        ]
    };

    // Even part, the rounding included.
    let r26 = pairs(r2, r6);
    let tmp2 = times(r26, FIX_0_541196100, FIX_0_541196100 - FIX_1_847759065);
    let tmp3 = times(r26, FIX_0_541196100 + FIX_0_765366865, FIX_0_541196100);
    let tmp0 = widened(_mm256_add_epi16(r0, r4));
    let tmp1 = widened(_mm256_sub_epi16(r0, r4));
    let even = [add(tmp0, tmp3), add(tmp1, tmp2), sub(tmp1, tmp2), sub(tmp0, tmp3)];

    // Odd part.
    let z34 = pairs(_mm256_add_epi16(r7, r3), _mm256_add_epi16(r5, r1));
    let z3 = times(z34, FIX_1_175875602 - FIX_1_961570560, FIX_1_175875602);
    let z4 = times(z34, FIX_1_175875602, FIX_1_175875602 - FIX_0_390180644);
    let (r71, r53) = (pairs(r7, r1), pairs(r5, r3));
    let odd = [
        add(times(r71, -FIX_0_899976223, FIX_1_501321110 - FIX_0_899976223), z4),
        add(times(r53, -FIX_2_562915447, FIX_3_072711026 - FIX_2_562915447), z3),
        add(times(r53, FIX_2_053119869 - FIX_2_562915447, -FIX_2_562915447), z4),
        add(times(r71, FIX_0_298631336 - FIX_0_899976223, -FIX_0_899976223), z3),
    ];

    let descale = |[low, high]: [__m256i; 2]| {
        _mm256_packs_epi32(_mm256_srai_epi32::<SHIFT>(low), _mm256_srai_epi32::<SHIFT>(high))
    };
    let up = |k: usize| descale(add(even[k], odd[k]));
    let down = |k: usize| descale(sub(even[k], odd[k]));
    [up(0), up(1), up(2), up(3), down(3), down(2), down(1), down(0)]
}

#[inline]
#[target_feature(enable = "avx2")]
fn transposed([a, b, c, d, e, f, g, h]: [__m256i; 8]) -> [__m256i; 8] {
    let words = |a, b| [_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)];
    let four = |a, b, c, d| {
        let ([ab, ab_high], [cd, cd_high]) = (words(a, b), words(c, d));
        [
            _mm256_unpacklo_epi32(ab, cd),
            _mm256_unpackhi_epi32(ab, cd),
            _mm256_unpacklo_epi32(ab_high, cd_high),
            _mm256_unpackhi_epi32(ab_high, cd_high),
        ]
    };
    let ([a, b, c, d], [e, f, g, h]) = (four(a, b, c, d), four(e, f, g, h));
    let eight = |a, e| [_mm256_unpacklo_epi64(a, e), _mm256_unpackhi_epi64(a, e)];
    let ([a, b], [c, d], [e, f], [g, h]) = (eight(a, e), eight(b, f), eight(c, g), eight(d, h));
    [a, b, c, d, e, f, g, h]
}

/// The columns' values as samples, shifted to `0..=255` and clamped, row by row.
#[inline]
#[target_feature(enable = "avx2")]
fn samples([a, b, c, d, e, f, g, h]: [__m256i; 8]) -> [[u8; 64]; 2] {
    let bytes = |a, e| _mm256_packs_epi16(a, e);
    let (ae, bf, cg, dh) = (bytes(a, e), bytes(b, f), bytes(c, g), bytes(d, h));
    let (ab, ef) = (_mm256_unpacklo_epi8(ae, bf), _mm256_unpackhi_epi8(ae, bf));
    let (cd, gh) = (_mm256_unpacklo_epi8(cg, dh), _mm256_unpackhi_epi8(cg, dh));
    let words = |a, b| [_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)];
    let ([abcd, abcd_high], [efgh, efgh_high]) = (words(ab, cd), words(ef, gh));
    let rows = |rows| bytemuck::cast::<_, [[u8; 16]; 2]>(_mm256_xor_si256(rows, _mm256_set1_epi8(-128)));
    let rows = [
        rows(_mm256_unpacklo_epi32(abcd, efgh)),
        rows(_mm256_unpackhi_epi32(abcd, efgh)),
        rows(_mm256_unpacklo_epi32(abcd_high, efgh_high)),
        rows(_mm256_unpackhi_epi32(abcd_high, efgh_high)),
    ];
    let block = |k: usize| bytemuck::cast([rows[0][k], rows[1][k], rows[2][k], rows[3][k]]);
    [block(0), block(1)]
}
