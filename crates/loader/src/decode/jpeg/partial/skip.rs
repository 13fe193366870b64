//! Passing over coefficients: codes and values of several of them at a time.

use super::super::pairs::END;

/// Bits that are looked at.
const LOOKUP_BITS: u32 = 13;

/// For each next [`LOOKUP_BITS`] bits: what can be passed over.
#[derive(Clone, Debug)]
pub(in crate::decode::jpeg) struct Skip {
    steps: Box<[Step; 1 << LOOKUP_BITS]>,
}

/// What can be passed over at once: in the lowest six bits those of whole codes with their values, 0 where there is no
/// whole one; above, the number of coefficients that they are about, zeros included, and [`END`] more where the block
/// ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::decode::jpeg) struct Step(u16);

impl Step {
    fn new(bits: u32, coefficients: usize) -> Self {
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
        Self { steps: Box::new([Step::default(); 1 << LOOKUP_BITS]) }
    }

    /// Of a code: length, code and symbol of each.
    pub(in crate::decode::jpeg) fn set(&mut self, codes: impl Iterator<Item = (u32, u32, u8)>) {
        let mut single = [Step::default(); 1 << LOOKUP_BITS];
        for (length, code, symbol) in codes {
            let (run, size) = (symbol >> 4, symbol & 15);
            let bits = length + u32::from(size);
            if bits > LOOKUP_BITS {
                continue;
            }
            let coefficients = if size == 0 && run < 15 { END } else { usize::from(run) + 1 };
            let first = (code << (LOOKUP_BITS - length)) as usize;
            single[first..first + (1 << (LOOKUP_BITS - length))].fill(Step::new(bits, coefficients));
        }
        for (next, steps) in self.steps.iter_mut().enumerate() {
            *steps = Step::default();
            loop {
                let step = single[next << steps.bits() & ((1 << LOOKUP_BITS) - 1)];
                let bits = steps.bits() + step.bits();
                // More coefficients are in no block.
                if step.bits() == 0 || bits > LOOKUP_BITS || steps.coefficients() > 64 {
                    break;
                }
                *steps = Step::new(bits, steps.coefficients() + step.coefficients());
            }
        }
    }

    /// What the bits begin with.
    #[inline(always)]
    pub(in crate::decode::jpeg) fn step(&self, bits: u64) -> Step {
        self.steps[(bits >> (64 - LOOKUP_BITS)) as usize]
    }
}
