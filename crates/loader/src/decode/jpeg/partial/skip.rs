//! Passing over coefficients: codes and values of several of them at a time.

use super::super::steps::{END, MOST};

/// Bits that are looked at.
pub(in crate::decode::jpeg) const LOOKUP_BITS: u32 = 13;

/// For each next [`LOOKUP_BITS`] bits: what can be passed over.
#[derive(Clone, Debug)]
pub(in crate::decode::jpeg) struct Skip {
    passes: Box<[Pass; 1 << LOOKUP_BITS]>,
}

/// What can be passed over at once: in the lowest six bits those of whole codes with their values; above, the number of
/// coefficients that they are about, zeros included, [`END`] more where the block ends, and [`Pass::SPECIAL`]
/// where there is no whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode::jpeg) struct Pass(u16);

impl Pass {
    /// More than all that can be besides.
    pub(in crate::decode::jpeg) const SPECIAL: usize = 511;

    const NONE: Self = Self::new(0, Self::SPECIAL);

    const fn new(bits: u32, coefficients: usize) -> Self {
        Self(bits as u16 | (coefficients as u16) << 6)
    }

    #[inline(always)]
    pub(in crate::decode::jpeg) fn bits(self) -> u32 {
        (self.0 & 63).into()
    }

    #[inline(always)]
    pub(in crate::decode::jpeg) fn coefficients(self) -> usize {
        (self.0 >> 6).into()
    }
}

impl Skip {
    /// Of no code.
    pub(in crate::decode::jpeg) fn new() -> Self {
        Self { passes: Box::new([Pass::NONE; 1 << LOOKUP_BITS]) }
    }

    /// Of a code: length, code and symbol of each.
    pub(in crate::decode::jpeg) fn set(&mut self, codes: impl Iterator<Item = (u32, u32, u8)>) {
        let mut single = [Pass::NONE; 1 << LOOKUP_BITS];
        for (length, code, symbol) in codes {
            let (run, size) = (symbol >> 4, symbol & 15);
            let bits = length + u32::from(size);
            if bits > LOOKUP_BITS {
                continue;
            }
            let coefficients = if size == 0 && run < 15 { END } else { usize::from(run) + 1 };
            let first = (code << (LOOKUP_BITS - length)) as usize;
            single[first..first + (1 << (LOOKUP_BITS - length))].fill(Pass::new(bits, coefficients));
        }
        for (next, pass) in self.passes.iter_mut().enumerate() {
            *pass = single[next];
            while *pass != Pass::NONE && pass.coefficients() < END {
                let following = single[next << pass.bits() & ((1 << LOOKUP_BITS) - 1)];
                let bits = pass.bits() + following.bits();
                let coefficients = pass.coefficients() + following.coefficients();
                if following == Pass::NONE || bits > LOOKUP_BITS || coefficients % END > MOST {
                    break;
                }
                *pass = Pass::new(bits, coefficients);
            }
        }
    }

    pub(in crate::decode::jpeg) fn all(&self) -> &[Pass; 1 << LOOKUP_BITS] {
        &self.passes
    }
}
