//! Blocks at a fraction of their size: libjpeg's `jpeg_idct_4x4`, `2x2` and `1x1` (`jidctred.c`). Each sample is
//! the mean of 2x2, 4x4 or 8x8 samples of the whole transform, but for the rounding, so nothing is shifted.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod scalar;

#[cfg(target_arch = "x86_64")]
use crate::cpu::Avx2;

use super::{CONST_BITS, PASS1_BITS, to_sample};

/// What each coefficient of a row or column of eight adds to each of four means, with [`CONST_BITS`] + 1 fractional
/// bits. The fifth, which swings with every sample, adds nothing.
const QUARTER: [[i16; 8]; 4] = {
    const ONE: i16 = 1 << (CONST_BITS + 1);
    // The names of `jidctred.c`, as `fix` of `jidctint.c` rounds them.
    let [a1, a3, a5, a7] = [20_995, 7_373, -4_926, -4_176];
    let [b1, b3, b5, b7] = [8_697, -17_799, 11_893, -1_730];
    let [c2, c6] = [15_137, -6_270];
    [
        [ONE, a1, c2, a3, 0, a5, c6, a7],
        [ONE, b1, -c2, b3, 0, b5, -c6, b7],
        [ONE, -b1, -c2, -b3, 0, -b5, -c6, -b7],
        [ONE, -a1, c2, -a3, 0, -a5, c6, -a7],
    ]
};

/// The same to the first of two means, with [`CONST_BITS`] + 2 fractional bits and without the first coefficient's,
/// which is one; the even ones add nothing.
const EIGHTH: [i16; 8] = [0, 29_692, 0, -10_426, 0, 6_967, 0, -5_906];

/// Bits that the passes round off, for four and for two means.
const SHIFTS_4: [u32; 2] = [CONST_BITS + 1 - PASS1_BITS, CONST_BITS + 1 + PASS1_BITS + 3];
const SHIFTS_2: [u32; 2] = [CONST_BITS + 2 - PASS1_BITS, CONST_BITS + 2 + PASS1_BITS + 3];

/// Means of 2x2 samples of a block of coefficients in natural order, as rows of 4 at every `stride` of `out`.
#[inline]
pub(in crate::decode::jpeg) fn four(quantised: &[i16; 64], steps: &[i16; 64], out: &mut [u8], stride: usize) {
    let samples = {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = Avx2::detect() {
            avx2::four(avx2, quantised, steps)
        } else {
            scalar::four(quantised, steps)
        }
        #[cfg(not(target_arch = "x86_64"))]
        scalar::four(quantised, steps)
    };
    for (out, samples) in out.chunks_mut(stride).zip(samples.as_chunks::<4>().0) {
        out[..4].copy_from_slice(samples);
    }
}

/// Means of 4x4 samples, as rows of 2, of a block of three dequantised coefficients: the first, the one right of it and
/// the one below.
#[inline]
pub(in crate::decode::jpeg) fn two(corner: [i16; 3], out: &mut [u8], stride: usize) {
    let [a, b, c, d] = scalar::two_of_corner(corner);
    out[..2].copy_from_slice(&[a, b]);
    out[stride..stride + 2].copy_from_slice(&[c, d]);
}

/// The mean of all samples, which is also every sample of a block whose only coefficient is the first.
pub(in crate::decode::jpeg) fn one(first: i16) -> u8 {
    to_sample((i32::from(first) + 4) >> 3)
}

#[cfg(test)]
mod tests;
