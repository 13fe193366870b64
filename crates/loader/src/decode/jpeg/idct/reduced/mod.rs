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

/// Means of 2x2 samples, in rows of 4, of two blocks, each with its quantisation table. Of the coefficients, in the order in
/// which they are coded, the first ten are heeded.
#[inline]
pub(in crate::decode::jpeg) fn four(coded: [&[i16; 16]; 2], steps: [&[i16; 16]; 2]) -> [[u8; 16]; 2] {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = Avx2::detect() {
        return avx2::four(avx2, coded, steps);
    }
    let [a, b] = [0, 1].map(|at| scalar::four_of_corner(coded[at], steps[at]));
    [a, b]
}

/// Means of 4x4 samples, in rows of 2, of a block of three dequantised coefficients: the first, the one right of it and
/// the one below.
#[inline(always)]
pub(in crate::decode::jpeg) fn two([first, right, below]: [i16; 3]) -> [u8; 4] {
    const ONE: u32 = CONST_BITS + 2;
    const ODD: i32 = EIGHTH[1] as i32;
    let (even, odd) = (i32::from(first) << ONE, i32::from(below) * ODD);
    let upper = saturated(descale(even.wrapping_add(odd), SHIFTS_2[0]));
    let lower = saturated(descale(even.wrapping_sub(odd), SHIFTS_2[0]));
    // The second column has but its first.
    let odd = i32::from(saturated(descale(i32::from(right) << ONE, SHIFTS_2[0]))) * ODD;
    let (upper, lower) = (i32::from(upper) << ONE, i32::from(lower) << ONE);
    [
        to_sample(descale(upper.wrapping_add(odd), SHIFTS_2[1])),
        to_sample(descale(upper.wrapping_sub(odd), SHIFTS_2[1])),
        to_sample(descale(lower.wrapping_add(odd), SHIFTS_2[1])),
        to_sample(descale(lower.wrapping_sub(odd), SHIFTS_2[1])),
    ]
}

/// The mean of all samples, which is also every sample of a block whose only coefficient is the first.
pub(in crate::decode::jpeg) fn one(first: i16) -> u8 {
    to_sample((i32::from(first) + 4) >> 3)
}

fn descale(value: i32, shift: u32) -> i32 {
    value.wrapping_add(1 << (shift - 1)) >> shift
}

/// As the vector code of libjpeg-turbo keeps what is between the passes.
fn saturated(value: i32) -> i16 {
    value.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

#[cfg(test)]
mod tests;
