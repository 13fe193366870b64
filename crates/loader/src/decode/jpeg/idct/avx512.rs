//! The transform in 512-bit vectors, of four blocks at once: each vector is a row of each. Their coefficients come in the
//! order in which they are coded.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi16, _mm512_add_epi32, _mm512_cmpgt_epi16_mask, _mm512_loadu_si512, _mm512_madd_epi16,
    _mm512_mullo_epi16, _mm512_packs_epi16, _mm512_packs_epi32, _mm512_permutex2var_epi16, _mm512_set1_epi8,
    _mm512_set1_epi16, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_shuffle_i64x2, _mm512_srai_epi32,
    _mm512_storeu_si512, _mm512_sub_epi16, _mm512_sub_epi32, _mm512_unpackhi_epi8, _mm512_unpackhi_epi16,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi8, _mm512_unpacklo_epi16, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64, _mm512_xor_si512,
};

use super::super::headers::ZIGZAG;
use super::*;

/// Of each coefficient in natural order: its place in the coded one.
const CODED: [[i16; 32]; 2] = {
    let mut coded = [[0; 32]; 2];
    let mut at = 0;
    while at < 64 {
        let natural = ZIGZAG[at] as usize;
        coded[natural / 32][natural % 32] = at as i16;
        at += 1;
    }
    coded
};

/// Samples, in rows of 8, of four blocks, each with its quantisation table in the same order.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(in super::super) fn four(coded: [&[i16; 64]; 4], steps: [&[i16; 64]; 4]) -> [[u8; 64]; 4] {
    let halves = |block: &[i16; 64]| {
        let [low, high] = [&block[..32], &block[32..]];
        [loaded(low.first_chunk().unwrap_or(&[0; 32])), loaded(high.first_chunk().unwrap_or(&[0; 32]))]
    };
    let natural = |block: &[i16; 64], steps: &[i16; 64]| {
        let ([low, high], [low_steps, high_steps]) = (halves(block), halves(steps));
        let (low, high) = (_mm512_mullo_epi16(low, low_steps), _mm512_mullo_epi16(high, high_steps));
        [
            _mm512_permutex2var_epi16(low, loaded(&CODED[0]), high),
            _mm512_permutex2var_epi16(low, loaded(&CODED[1]), high),
        ]
    };
    let [a, b, c, d] = [
        natural(coded[0], steps[0]),
        natural(coded[1], steps[1]),
        natural(coded[2], steps[2]),
        natural(coded[3], steps[3]),
    ];
    let ([r0, r1, r2, r3], [r4, r5, r6, r7]) = (rows(a[0], b[0], c[0], d[0]), rows(a[1], b[1], c[1], d[1]));
    // Larger first rows, in damaged files, are what the short way of libjpeg-turbo is seen by.
    const SHORT: i16 = i16::MAX >> PASS1_BITS;
    let above = _mm512_cmpgt_epi16_mask(r0, _mm512_set1_epi16(SHORT));
    let below = _mm512_cmpgt_epi16_mask(_mm512_set1_epi16(-SHORT), r0);
    if above | below != 0 {
        return one_by_one(coded, steps);
    }
    let columns = transposed(pass::<{ SHIFTS[0] }>([r0, r1, r2, r3, r4, r5, r6, r7]));
    samples(pass::<{ SHIFTS[1] }>(columns))
}

#[cold]
fn one_by_one(coded: [&[i16; 64]; 4], steps: [&[i16; 64]; 4]) -> [[u8; 64]; 4] {
    std::array::from_fn(|at| scalar::block(&natural(coded[at]), &natural(steps[at])))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn loaded(values: &[i16; 32]) -> __m512i {
    // SAFETY: the reference is to 64 bytes, at whatever address.
    unsafe { _mm512_loadu_si512(values.as_ptr().cast()) }
}

/// The first rows of each, then the second ones, and so on.
#[inline]
#[target_feature(enable = "avx512f")]
fn rows(a: __m512i, b: __m512i, c: __m512i, d: __m512i) -> [__m512i; 4] {
    const LOW: i32 = 0b01_00_01_00;
    const HIGH: i32 = 0b11_10_11_10;
    const EVEN: i32 = 0b10_00_10_00;
    const ODD: i32 = 0b11_01_11_01;
    let (ab, cd) = (_mm512_shuffle_i64x2::<LOW>(a, b), _mm512_shuffle_i64x2::<LOW>(c, d));
    let (ab_high, cd_high) = (_mm512_shuffle_i64x2::<HIGH>(a, b), _mm512_shuffle_i64x2::<HIGH>(c, d));
    [
        _mm512_shuffle_i64x2::<EVEN>(ab, cd),
        _mm512_shuffle_i64x2::<ODD>(ab, cd),
        _mm512_shuffle_i64x2::<EVEN>(ab_high, cd_high),
        _mm512_shuffle_i64x2::<ODD>(ab_high, cd_high),
    ]
}

/// Factors of the even and the odd values of a vector.
#[inline]
#[target_feature(enable = "avx512f")]
fn factors(even: i32, odd: i32) -> __m512i {
    _mm512_set1_epi32((even & 0xffff) | odd << 16)
}

/// One dimension, for eight columns at once, rounded to `SHIFT` fewer bits and saturated.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn pass<const SHIFT: u32>([r0, r1, r2, r3, r4, r5, r6, r7]: [__m512i; 8]) -> [__m512i; 8] {
    // The columns of the lower and the upper half are apart where there are 32 bits.
    let pairs = |a, b| [_mm512_unpacklo_epi16(a, b), _mm512_unpackhi_epi16(a, b)];
    let times = |[low, high]: [__m512i; 2], even, odd| {
        let factors = factors(even, odd);
        [_mm512_madd_epi16(low, factors), _mm512_madd_epi16(high, factors)]
    };
    let add = |a: [__m512i; 2], b: [__m512i; 2]| [_mm512_add_epi32(a[0], b[0]), _mm512_add_epi32(a[1], b[1])];
    let sub = |a: [__m512i; 2], b: [__m512i; 2]| [_mm512_sub_epi32(a[0], b[0]), _mm512_sub_epi32(a[1], b[1])];
    let half = _mm512_set1_epi32(1 << (SHIFT - 1));
    let widened = |row| {
        let [low, high] = pairs(_mm512_setzero_si512(), row);
        const DOWN: u32 = 16 - CONST_BITS;
        [
            _mm512_add_epi32(_mm512_srai_epi32::<DOWN>(low), half),
            _mm512_add_epi32(_mm512_srai_epi32::<DOWN>(high), half),
        ]
    };

    // Even part, the rounding included.
    let r26 = pairs(r2, r6);
    let tmp2 = times(r26, FIX_0_541196100, FIX_0_541196100 - FIX_1_847759065);
    let tmp3 = times(r26, FIX_0_541196100 + FIX_0_765366865, FIX_0_541196100);
    let tmp0 = widened(_mm512_add_epi16(r0, r4));
    let tmp1 = widened(_mm512_sub_epi16(r0, r4));
    let even = [add(tmp0, tmp3), add(tmp1, tmp2), sub(tmp1, tmp2), sub(tmp0, tmp3)];

    // Odd part.
    let z34 = pairs(_mm512_add_epi16(r7, r3), _mm512_add_epi16(r5, r1));
    let z3 = times(z34, FIX_1_175875602 - FIX_1_961570560, FIX_1_175875602);
    let z4 = times(z34, FIX_1_175875602, FIX_1_175875602 - FIX_0_390180644);
    let (r71, r53) = (pairs(r7, r1), pairs(r5, r3));
    let odd = [
        add(times(r71, -FIX_0_899976223, FIX_1_501321110 - FIX_0_899976223), z4),
        add(times(r53, -FIX_2_562915447, FIX_3_072711026 - FIX_2_562915447), z3),
        add(times(r53, FIX_2_053119869 - FIX_2_562915447, -FIX_2_562915447), z4),
        add(times(r71, FIX_0_298631336 - FIX_0_899976223, -FIX_0_899976223), z3),
    ];

    let descale = |[low, high]: [__m512i; 2]| {
        _mm512_packs_epi32(_mm512_srai_epi32::<SHIFT>(low), _mm512_srai_epi32::<SHIFT>(high))
    };
    let up = |k: usize| descale(add(even[k], odd[k]));
    let down = |k: usize| descale(sub(even[k], odd[k]));
    [up(0), up(1), up(2), up(3), down(3), down(2), down(1), down(0)]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transposed([a, b, c, d, e, f, g, h]: [__m512i; 8]) -> [__m512i; 8] {
    let words = |a, b| [_mm512_unpacklo_epi16(a, b), _mm512_unpackhi_epi16(a, b)];
    let four = |a, b, c, d| {
        let ([ab, ab_high], [cd, cd_high]) = (words(a, b), words(c, d));
        [
            _mm512_unpacklo_epi32(ab, cd),
            _mm512_unpackhi_epi32(ab, cd),
            _mm512_unpacklo_epi32(ab_high, cd_high),
            _mm512_unpackhi_epi32(ab_high, cd_high),
        ]
    };
    let ([a, b, c, d], [e, f, g, h]) = (four(a, b, c, d), four(e, f, g, h));
    let eight = |a, e| [_mm512_unpacklo_epi64(a, e), _mm512_unpackhi_epi64(a, e)];
    let ([a, b], [c, d], [e, f], [g, h]) = (eight(a, e), eight(b, f), eight(c, g), eight(d, h));
    [a, b, c, d, e, f, g, h]
}

/// The columns' values as samples, shifted to `0..=255` and clamped, row by row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn samples([a, b, c, d, e, f, g, h]: [__m512i; 8]) -> [[u8; 64]; 4] {
    let bytes = |a, e| _mm512_packs_epi16(a, e);
    let (ae, bf, cg, dh) = (bytes(a, e), bytes(b, f), bytes(c, g), bytes(d, h));
    let (ab, ef) = (_mm512_unpacklo_epi8(ae, bf), _mm512_unpackhi_epi8(ae, bf));
    let (cd, gh) = (_mm512_unpacklo_epi8(cg, dh), _mm512_unpackhi_epi8(cg, dh));
    let words = |a, b| [_mm512_unpacklo_epi16(a, b), _mm512_unpackhi_epi16(a, b)];
    let ([abcd, abcd_high], [efgh, efgh_high]) = (words(ab, cd), words(ef, gh));
    // Of each block the first two rows, then two more.
    let [a, b, c, d] = [
        _mm512_unpacklo_epi32(abcd, efgh),
        _mm512_unpackhi_epi32(abcd, efgh),
        _mm512_unpacklo_epi32(abcd_high, efgh_high),
        _mm512_unpackhi_epi32(abcd_high, efgh_high),
    ];
    let blocks = rows(a, b, c, d);
    let mut out = [[0; 64]; 4];
    for (out, block) in out.iter_mut().zip(blocks) {
        let samples = _mm512_xor_si512(block, _mm512_set1_epi8(-128));
        // SAFETY: there are 64 bytes, at whatever address.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), samples) };
    }
    out
}
