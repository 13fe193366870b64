//! Rows to RGB in 256-bit vectors, 32 pixels at once.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi16, _mm256_add_epi32, _mm256_blendv_epi8, _mm256_madd_epi16, _mm256_mulhi_epi16,
    _mm256_packs_epi32, _mm256_packus_epi16, _mm256_permute2x128_si256, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srai_epi16, _mm256_srai_epi32,
    _mm256_sub_epi16, _mm256_unpackhi_epi8, _mm256_unpackhi_epi16, _mm256_unpacklo_epi8, _mm256_unpacklo_epi16,
    _mm256_xor_si256,
};

use super::{HALF, fix};
use crate::cpu::Avx2;

/// Pixels of a vector: a row must have as many.
pub(super) const LANES: usize = 32;

/// Interleaves three channels into pixels.
pub(super) fn rgb(_: Avx2, channels: [&[u8]; 3], out: &mut [u8]) {
    #[target_feature(enable = "avx2")]
    fn with_avx2(channels: [&[u8]; 3], out: &mut [u8]) {
        each(channels, out, |channels| channels);
    }
    // SAFETY: an `Avx2` exists only where the processor has the feature.
    unsafe { with_avx2(channels, out) }
}

/// The same of Y, Cb and Cr.
pub(super) fn ycbcr(_: Avx2, channels: [&[u8]; 3], out: &mut [u8]) {
    #[target_feature(enable = "avx2")]
    fn with_avx2(channels: [&[u8]; 3], out: &mut [u8]) {
        each(channels, out, |channels| to_rgb(channels));
    }
    // SAFETY: an `Avx2` exists only where the processor has the feature.
    unsafe { with_avx2(channels, out) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn each([a, b, c]: [&[u8]; 3], out: &mut [u8], color: impl Fn([__m256i; 3]) -> [__m256i; 3]) {
    let width = out.len() / 3;
    let (a, b, c, out) = (&a[..width], &b[..width], &c[..width], &mut out[..width * 3]);
    let load =
        |row: &[u8], at: usize| -> __m256i { bytemuck::cast(*row[at..].first_chunk::<LANES>().unwrap_or(&[0; LANES])) };
    let mut at = 0;
    while at < width {
        // The last ones are done twice where the row is no multiple.
        at = at.min(width - LANES);
        let pixels = interleaved(color([load(a, at), load(b, at), load(c, at)]));
        out[at * 3..][..LANES * 3].copy_from_slice(bytemuck::bytes_of(&pixels));
        at += LANES;
    }
}

/// `to_rgb` of 32 pixels, whose 16-bit steps are those of libjpeg-turbo: each factor less its whole part.
#[inline]
#[target_feature(enable = "avx2")]
fn to_rgb([y, cb, cr]: [__m256i; 3]) -> [__m256i; 3] {
    let zero = _mm256_setzero_si256();
    let middle = _mm256_set1_epi8(-128);
    let (cb, cr) = (_mm256_xor_si256(cb, middle), _mm256_xor_si256(cr, middle));
    // The low and the high eight of each half.
    let y = [_mm256_unpacklo_epi8(y, zero), _mm256_unpackhi_epi8(y, zero)];
    let cb = [_mm256_unpacklo_epi8(zero, cb), _mm256_unpackhi_epi8(zero, cb)];
    let cr = [_mm256_unpacklo_epi8(zero, cr), _mm256_unpackhi_epi8(zero, cr)];
    let (low, high) = (half([y[0], cb[0], cr[0]]), half([y[1], cb[1], cr[1]]));
    // An array's `map` is compiled without the feature.
    [_mm256_packus_epi16(low[0], high[0]), _mm256_packus_epi16(low[1], high[1]), _mm256_packus_epi16(low[2], high[2])]
}

/// Sixteen pixels of 16 bits a channel; Cb and Cr are in the upper byte.
#[inline]
#[target_feature(enable = "avx2")]
fn half([y, cb, cr]: [__m256i; 3]) -> [__m256i; 3] {
    const RED: i32 = fix(1.402) - (1 << 16);
    const BLUE: i32 = fix(1.772) - (2 << 16);
    const GREEN: [i32; 2] = [-fix(0.34414), (1 << 16) - fix(0.71414)];
    let (cb, cr) = (_mm256_srai_epi16::<8>(cb), _mm256_srai_epi16::<8>(cr));
    // The upper 16 bits of twice the product, half of them rounded up: the product, rounded.
    let times = |chroma, factor: i32| {
        let product = _mm256_mulhi_epi16(_mm256_add_epi16(chroma, chroma), _mm256_set1_epi16(factor as i16));
        _mm256_srai_epi16::<1>(_mm256_add_epi16(product, _mm256_set1_epi16(1)))
    };
    let red = _mm256_add_epi16(_mm256_add_epi16(y, cr), times(cr, RED));
    let blue = _mm256_add_epi16(_mm256_add_epi16(y, _mm256_add_epi16(cb, cb)), times(cb, BLUE));
    let factors = _mm256_set1_epi32((GREEN[0] & 0xffff) | GREEN[1] << 16);
    let sum =
        |pairs| _mm256_srai_epi32::<16>(_mm256_add_epi32(_mm256_madd_epi16(pairs, factors), _mm256_set1_epi32(HALF)));
    let both = _mm256_packs_epi32(sum(_mm256_unpacklo_epi16(cb, cr)), sum(_mm256_unpackhi_epi16(cb, cr)));
    let green = _mm256_add_epi16(_mm256_sub_epi16(y, cr), both);
    [red, green, blue]
}

/// Where the bytes of channel `c` come from in 16 pixels that are stored as three vectors: no two of the three need
/// one at the same place.
const fn sources(c: usize) -> [u8; 32] {
    let mut sources = [0; 32];
    let mut at = 0;
    while at < 32 {
        let vector = (c + 3 - at % 16 % 3) % 3;
        sources[at] = ((vector * 16 + at % 16) / 3) as u8;
        at += 1;
    }
    sources
}

/// Every third byte of 16, from `first`.
const fn thirds(first: usize) -> [u8; 32] {
    let mut mask = [0; 32];
    let mut at = 0;
    while at < 32 {
        if at % 16 % 3 == first {
            mask[at] = 0xff;
        }
        at += 1;
    }
    mask
}

#[inline]
#[target_feature(enable = "avx2")]
fn interleaved(channels: [__m256i; 3]) -> [__m256i; 3] {
    const SOURCES: [[u8; 32]; 3] = [sources(0), sources(1), sources(2)];
    const THIRDS: [[u8; 32]; 3] = [thirds(0), thirds(1), thirds(2)];
    let placed = |k: usize| _mm256_shuffle_epi8(channels[k], bytemuck::cast(SOURCES[k]));
    let (a, b, c) = (placed(0), placed(1), placed(2));
    let vector = |k: usize| {
        let ab = _mm256_blendv_epi8(a, b, bytemuck::cast(THIRDS[(4 - k) % 3]));
        _mm256_blendv_epi8(ab, c, bytemuck::cast(THIRDS[(5 - k) % 3]))
    };
    let (first, second, third) = (vector(0), vector(1), vector(2));
    [
        _mm256_permute2x128_si256::<0x20>(first, second),
        _mm256_permute2x128_si256::<0x30>(third, first),
        _mm256_permute2x128_si256::<0x31>(second, third),
    ]
}
