//! Rows to RGB in 512-bit vectors, 64 pixels at once: the steps of [`avx2`](super::avx2), with the widest shuffles.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi16, _mm512_add_epi32, _mm512_madd_epi16, _mm512_mask_permutexvar_epi8, _mm512_mulhi_epi16,
    _mm512_packs_epi32, _mm512_packus_epi16, _mm512_permutex2var_epi8, _mm512_set1_epi8, _mm512_set1_epi16,
    _mm512_set1_epi32, _mm512_setzero_si512, _mm512_srai_epi16, _mm512_srai_epi32, _mm512_sub_epi16,
    _mm512_unpackhi_epi8, _mm512_unpackhi_epi16, _mm512_unpacklo_epi8, _mm512_unpacklo_epi16, _mm512_xor_si512,
};

use super::{HALF, fix};
use crate::cpu::Avx512;

/// Pixels of a vector: a row must have as many.
pub(super) const LANES: usize = 64;

/// Interleaves three channels into pixels.
pub(super) fn rgb(_: Avx512, channels: [&[u8]; 3], out: &mut [u8]) {
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn with_avx512(channels: [&[u8]; 3], out: &mut [u8]) {
        each(channels, out, |channels| channels);
    }
    // SAFETY: an `Avx512` exists only where the processor has the features.
    unsafe { with_avx512(channels, out) }
}

/// The same of Y, Cb and Cr.
pub(super) fn ycbcr(_: Avx512, channels: [&[u8]; 3], out: &mut [u8]) {
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn with_avx512(channels: [&[u8]; 3], out: &mut [u8]) {
        each(channels, out, |channels| to_rgb(channels));
    }
    // SAFETY: an `Avx512` exists only where the processor has the features.
    unsafe { with_avx512(channels, out) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn each([a, b, c]: [&[u8]; 3], out: &mut [u8], color: impl Fn([__m512i; 3]) -> [__m512i; 3]) {
    let width = out.len() / 3;
    let (a, b, c, out) = (&a[..width], &b[..width], &c[..width], &mut out[..width * 3]);
    let load =
        |row: &[u8], at: usize| -> __m512i { bytemuck::cast(*row[at..].first_chunk::<LANES>().unwrap_or(&[0; LANES])) };
    let mut at = 0;
    while at < width {
        // The last ones are done twice where the row is no multiple.
        at = at.min(width - LANES);
        let pixels = interleaved(color([load(a, at), load(b, at), load(c, at)]));
        out[at * 3..][..LANES * 3].copy_from_slice(bytemuck::bytes_of(&pixels));
        at += LANES;
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn to_rgb([y, cb, cr]: [__m512i; 3]) -> [__m512i; 3] {
    let zero = _mm512_setzero_si512();
    let middle = _mm512_set1_epi8(-128);
    let (cb, cr) = (_mm512_xor_si512(cb, middle), _mm512_xor_si512(cr, middle));
    // The low and the high eight of each quarter.
    let low = half([_mm512_unpacklo_epi8(y, zero), _mm512_unpacklo_epi8(zero, cb), _mm512_unpacklo_epi8(zero, cr)]);
    let high = half([_mm512_unpackhi_epi8(y, zero), _mm512_unpackhi_epi8(zero, cb), _mm512_unpackhi_epi8(zero, cr)]);
    // An array's `map` is compiled without the feature.
    [_mm512_packus_epi16(low[0], high[0]), _mm512_packus_epi16(low[1], high[1]), _mm512_packus_epi16(low[2], high[2])]
}

/// Half of the pixels in 16 bits a channel; Cb and Cr are in the upper byte.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn half([y, cb, cr]: [__m512i; 3]) -> [__m512i; 3] {
    const RED: i32 = fix(1.402) - (1 << 16);
    const BLUE: i32 = fix(1.772) - (2 << 16);
    const GREEN: [i32; 2] = [-fix(0.34414), (1 << 16) - fix(0.71414)];
    let (cb, cr) = (_mm512_srai_epi16::<8>(cb), _mm512_srai_epi16::<8>(cr));
    // The upper 16 bits of twice the product, half of them rounded up: the product, rounded.
    let times = |chroma, factor: i32| {
        let product = _mm512_mulhi_epi16(_mm512_add_epi16(chroma, chroma), _mm512_set1_epi16(factor as i16));
        _mm512_srai_epi16::<1>(_mm512_add_epi16(product, _mm512_set1_epi16(1)))
    };
    let red = _mm512_add_epi16(_mm512_add_epi16(y, cr), times(cr, RED));
    let blue = _mm512_add_epi16(_mm512_add_epi16(y, _mm512_add_epi16(cb, cb)), times(cb, BLUE));
    let factors = _mm512_set1_epi32((GREEN[0] & 0xffff) | GREEN[1] << 16);
    let sum =
        |pairs| _mm512_srai_epi32::<16>(_mm512_add_epi32(_mm512_madd_epi16(pairs, factors), _mm512_set1_epi32(HALF)));
    let both = _mm512_packs_epi32(sum(_mm512_unpacklo_epi16(cb, cr)), sum(_mm512_unpackhi_epi16(cb, cr)));
    let green = _mm512_add_epi16(_mm512_sub_epi16(y, cr), both);
    [red, green, blue]
}

/// Where each byte of vector `vector` of the pixels is: in the first channel from 0 on and in the second from
/// [`LANES`] on; and where those of the third are.
const fn sources(vector: usize) -> ([u8; LANES], [u8; LANES], u64) {
    let (mut two, mut third, mut mask) = ([0; LANES], [0; LANES], 0);
    let mut at = 0;
    while at < LANES {
        let (pixel, channel) = ((vector * LANES + at) / 3, (vector * LANES + at) % 3);
        if channel == 2 {
            third[at] = pixel as u8;
            mask |= 1 << at;
        } else {
            two[at] = (channel * LANES + pixel) as u8;
        }
        at += 1;
    }
    (two, third, mask)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn interleaved([a, b, c]: [__m512i; 3]) -> [__m512i; 3] {
    const SOURCES: [([u8; LANES], [u8; LANES], u64); 3] = [sources(0), sources(1), sources(2)];
    let vector = |(two, third, mask): ([u8; LANES], [u8; LANES], u64)| {
        let ab = _mm512_permutex2var_epi8(a, bytemuck::cast(two), b);
        _mm512_mask_permutexvar_epi8(ab, mask, bytemuck::cast(third), c)
    };
    [vector(SOURCES[0]), vector(SOURCES[1]), vector(SOURCES[2])]
}
