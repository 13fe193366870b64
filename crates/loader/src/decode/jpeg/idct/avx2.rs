//! The transform in 256-bit vectors, each of which is a row of eight values.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_mullo_epi32, _mm256_packs_epi32, _mm256_packus_epi16, _mm256_permute2x128_si256,
    _mm256_permutevar8x32_epi32, _mm256_set1_epi32, _mm256_slli_epi32, _mm256_srai_epi32, _mm256_sub_epi32,
    _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
};

use super::*;

pub(super) fn block(_: Avx2, coefficients: &[i32; 64], out: &mut [u8], stride: usize) {
    // SAFETY: an `Avx2` exists only where the processor has the feature.
    unsafe { transform(coefficients, out, stride) }
}

#[target_feature(enable = "avx2")]
fn transform(coefficients: &[i32; 64], out: &mut [u8], stride: usize) {
    let rows: [__m256i; 8] = bytemuck::cast(*coefficients);
    let columns = transposed(pass::<{ SHIFTS[0] as i32 }>(rows));
    let samples = transposed(pass::<{ SHIFTS[1] as i32 }>(columns));
    let [a, b, c, d, e, f, g, h] = samples;
    let mut rows = out.chunks_mut(stride);
    for four in [to_samples([a, b, c, d]), to_samples([e, f, g, h])] {
        for (samples, row) in four.as_chunks::<BLOCK>().0.iter().zip(&mut rows) {
            row[..BLOCK].copy_from_slice(samples);
        }
    }
}

/// One dimension, for eight columns at once, rounded to `SHIFT` fewer bits.
#[inline]
#[target_feature(enable = "avx2")]
fn pass<const SHIFT: i32>([r0, r1, r2, r3, r4, r5, r6, r7]: [__m256i; 8]) -> [__m256i; 8] {
    let add = |a, b| _mm256_add_epi32(a, b);
    let sub = |a, b| _mm256_sub_epi32(a, b);
    let times = |a, factor| _mm256_mullo_epi32(a, _mm256_set1_epi32(factor));

    // Even part.
    let z1 = times(add(r2, r6), FIX_0_541196100);
    let tmp2 = sub(z1, times(r6, FIX_1_847759065));
    let tmp3 = add(z1, times(r2, FIX_0_765366865));
    let tmp0 = _mm256_slli_epi32::<{ CONST_BITS as i32 }>(add(r0, r4));
    let tmp1 = _mm256_slli_epi32::<{ CONST_BITS as i32 }>(sub(r0, r4));
    let even = [add(tmp0, tmp3), add(tmp1, tmp2), sub(tmp1, tmp2), sub(tmp0, tmp3)];

    // Odd part.
    let z1 = times(add(r7, r1), -FIX_0_899976223);
    let z2 = times(add(r5, r3), -FIX_2_562915447);
    let (z3, z4) = (add(r7, r3), add(r5, r1));
    let z5 = times(add(z3, z4), FIX_1_175875602);
    let z3 = add(times(z3, -FIX_1_961570560), z5);
    let z4 = add(times(z4, -FIX_0_390180644), z5);
    let odd = [
        add(add(times(r1, FIX_1_501321110), z1), z4),
        add(add(times(r3, FIX_3_072711026), z2), z3),
        add(add(times(r5, FIX_2_053119869), z2), z4),
        add(add(times(r7, FIX_0_298631336), z1), z3),
    ];

    let half = _mm256_set1_epi32(1 << (SHIFT - 1));
    let up = |k: usize| _mm256_srai_epi32::<SHIFT>(add(add(even[k], odd[k]), half));
    let down = |k: usize| _mm256_srai_epi32::<SHIFT>(add(sub(even[k], odd[k]), half));
    [up(0), up(1), up(2), up(3), down(3), down(2), down(1), down(0)]
}

#[inline]
#[target_feature(enable = "avx2")]
fn transposed([a, b, c, d, e, f, g, h]: [__m256i; 8]) -> [__m256i; 8] {
    let four = |a, b, c, d| {
        let (ab_low, ab_high) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
        let (cd_low, cd_high) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
        [
            _mm256_unpacklo_epi64(ab_low, cd_low),
            _mm256_unpackhi_epi64(ab_low, cd_low),
            _mm256_unpacklo_epi64(ab_high, cd_high),
            _mm256_unpackhi_epi64(ab_high, cd_high),
        ]
    };
    let ([a, b, c, d], [e, f, g, h]) = (four(a, b, c, d), four(e, f, g, h));
    let low = |a, b| _mm256_permute2x128_si256::<0x20>(a, b);
    let high = |a, b| _mm256_permute2x128_si256::<0x31>(a, b);
    [low(a, e), low(b, f), low(c, g), low(d, h), high(a, e), high(b, f), high(c, g), high(d, h)]
}

/// Four rows, shifted to `0..=255` and clamped.
#[inline]
#[target_feature(enable = "avx2")]
fn to_samples(rows: [__m256i; 4]) -> [u8; 32] {
    const IN_ORDER: [i32; 8] = [0, 4, 1, 5, 2, 6, 3, 7];
    let [a, b, c, d] = rows.map(
        #[inline(always)]
        |row| _mm256_add_epi32(row, _mm256_set1_epi32(128)),
    );
    let bytes = _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    bytemuck::cast(_mm256_permutevar8x32_epi32(bytes, bytemuck::cast(IN_ORDER)))
}
