//! Eight pixels at a time.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi16, _mm256_blend_epi16, _mm256_mullo_epi16, _mm256_packus_epi16, _mm256_set1_epi16,
    _mm256_setzero_si256, _mm256_shufflehi_epi16, _mm256_shufflelo_epi16, _mm256_srli_epi16, _mm256_unpackhi_epi8,
    _mm256_unpacklo_epi8,
};

use crate::cpu::Avx2;

impl Avx2 {
    pub(super) fn premultiply(self, pixels: &[u8], out: &mut [u8]) {
        // SAFETY: an `Avx2` exists only where the processor has the feature.
        unsafe { premultiply(pixels, out) }
    }
}

#[target_feature(enable = "avx2")]
fn premultiply(pixels: &[u8], out: &mut [u8]) {
    let (pixels, rest) = pixels.as_chunks::<32>();
    let (out, out_rest) = out.as_chunks_mut::<32>();
    for (pixels, out) in pixels.iter().zip(out) {
        let bytes: __m256i = bytemuck::cast(*pixels);
        let low = times_alpha(_mm256_unpacklo_epi8(bytes, _mm256_setzero_si256()));
        let high = times_alpha(_mm256_unpackhi_epi8(bytes, _mm256_setzero_si256()));
        *out = bytemuck::cast(_mm256_packus_epi16(low, high));
    }
    super::premultiply_scalar(rest, out_rest);
}

/// Four pixels of 16-bit values.
#[inline]
#[target_feature(enable = "avx2")]
fn times_alpha(pixels: __m256i) -> __m256i {
    const LAST: i32 = 0b11_11_11_11;
    let alpha = _mm256_shufflehi_epi16::<LAST>(_mm256_shufflelo_epi16::<LAST>(pixels));
    // Alpha itself is multiplied by one.
    let factor = _mm256_blend_epi16::<0b1000_1000>(alpha, _mm256_set1_epi16(255));
    let product = _mm256_add_epi16(_mm256_mullo_epi16(pixels, factor), _mm256_set1_epi16(128));
    _mm256_srli_epi16::<8>(_mm256_add_epi16(product, _mm256_srli_epi16::<8>(product)))
}
