//! Rows of bytes mirrored from both ends, a vector of pixels at a time.

use std::arch::x86_64::{__m512i, _mm512_mask_storeu_epi8, _mm512_maskz_loadu_epi8, _mm512_permutexvar_epi8};

use crate::cpu::Avx512;

/// Bytes of a vector.
const BYTES: usize = 64;

impl Avx512 {
    /// Mirrors a row of pixels of `C` bytes (1, 3 or 4).
    pub(super) fn mirror<const C: usize>(self, row: &mut [u8]) {
        // SAFETY: an `Avx512` exists only where the processor has the features.
        unsafe { mirror::<C>(row) }
    }
}

/// The bytes of so many pixels, the last pixel first.
const fn mirrored(pixels: usize, channels: usize) -> [u8; BYTES] {
    let mut sources = [0; BYTES];
    let mut at = 0;
    while at < pixels * channels {
        sources[at] = ((pixels - 1 - at / channels) * channels + at % channels) as u8;
        at += 1;
    }
    sources
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn mirror<const C: usize>(row: &mut [u8]) {
    let whole = const { BYTES / C };
    let sources: __m512i = bytemuck::cast(const { mirrored(BYTES / C, C) });
    let mut rest = row;
    while rest.len() >= 2 * whole * C {
        let length = rest.len();
        let (left, right) = (load(&rest[..whole * C]), load(&rest[length - whole * C..]));
        store(_mm512_permutexvar_epi8(sources, right), &mut rest[..whole * C]);
        store(_mm512_permutexvar_epi8(sources, left), &mut rest[length - whole * C..]);
        rest = &mut rest[whole * C..length - whole * C];
    }
    rest.as_chunks_mut::<C>().0.reverse();
}

/// Up to 64 bytes, and zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(bytes: &[u8]) -> __m512i {
    // SAFETY: only bytes of the mask are read, which are those of the slice.
    unsafe { _mm512_maskz_loadu_epi8(mask(bytes.len()), bytes.as_ptr().cast()) }
}

/// As many bytes as `out` has, up to 64.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store(bytes: __m512i, out: &mut [u8]) {
    // SAFETY: only bytes of the mask are written, which are those of the slice.
    unsafe { _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), mask(out.len()), bytes) }
}

#[inline]
fn mask(length: usize) -> u64 {
    if length >= BYTES { u64::MAX } else { (1 << length) - 1 }
}
