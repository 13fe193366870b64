//! Coefficients by the step: what the next bits say of as many of them as they can, by one look-up.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{_mm_cvtepi8_epi16, _mm_cvtsi32_si128, _mm_cvtsi128_si64};

use super::huffman::{Entry, LOOKUP_BITS};

/// Coefficients that a step has values for, besides the last one.
pub(super) const VALUES: usize = 4;

/// Values have so many bits at most.
const MAX_SIZE: u32 = 7;

/// A step takes so many bits at most: all that are looked at, with one of them at least of the last value.
pub(super) const MAX_BITS: u32 = LOOKUP_BITS + MAX_SIZE - 1;

/// The end of a block as a number of coefficients: more than there are, and one, so that an end is seen to be one too
/// many in a block that is full.
pub(super) const END: usize = OVER + 1;
const OVER: usize = 128;

/// Coefficients that a step is about at most, so that their number and ends are not mixed up.
pub(super) const MOST: usize = 32;

/// Whether `at`, which is past a block's coefficients, is where a step began before a symbol that none is made of;
/// the place is that less `special`.
#[inline(always)]
pub(super) fn is_special(at: usize, special: usize) -> bool {
    at > special
}

/// Whether coefficients up to `at`, ends among them, are those of a block.
#[inline(always)]
pub(super) fn are_of_a_block(at: usize) -> bool {
    at % OVER <= 64
}

/// For each next [`LOOKUP_BITS`] bits: a step.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    steps: Box<[Step; 1 << LOOKUP_BITS]>,
}

/// Symbols whose codes are within the bits that are looked at, and their values; of the last one the lower bits may be
/// further on. Bytes from the lowest: the bits of all; how many coefficients they are about, zeros included,
/// [`END`] more where the block ends, [`Step::SPECIAL`] where there is no whole symbol; the bits of the last value that are
/// missing; the first [`VALUES`] values, the last one left out; the last value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step(u64);

impl Step {
    /// More than all that can be besides.
    pub(super) const SPECIAL: usize = 255;

    const NONE: Self = Self(Self::SPECIAL as u64 * 256);

    /// What `next` bits say.
    fn of(next: usize, lookup: &[Entry; 1 << LOOKUP_BITS]) -> Self {
        let mut values = [0; VALUES];
        let (mut bits, mut at, mut missing, mut last) = (0, 0, 0, 0);
        while missing == 0 && bits < LOOKUP_BITS {
            let rest = next << bits & ((1 << LOOKUP_BITS) - 1);
            let entry = lookup[rest];
            if entry.is_special() || bits + entry.length() > LOOKUP_BITS {
                break;
            }
            let lacks = (bits + entry.total()).saturating_sub(LOOKUP_BITS);
            let after = if entry.is_end() { at + END } else { at + entry.run() + 1 };
            // Without its first bit nothing is known of a value.
            let known = entry.size() == 0 || (entry.size() <= MAX_SIZE && lacks < entry.size());
            if !known || after % OVER > MOST {
                break;
            }
            // What was the last is now one of the others.
            if last != 0 {
                let Some(value) = values.get_mut(at - 1) else { break };
                *value = last;
            }
            last = entry.value((rest as u64) << (64 - LOOKUP_BITS)) as i8;
            (bits, at, missing) = (bits + entry.total(), after, lacks);
            if entry.is_end() {
                break;
            }
        }
        if bits == 0 {
            return Self::NONE;
        }
        let [a, b, c, d] = values.map(|value: i8| value as u8);
        Self(u64::from_le_bytes([bits as u8, at as u8, missing as u8, a, b, c, d, last as u8]))
    }

    /// The bits of all codes and values, those missing included.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        self.0 as u32 & 63
    }

    /// How far it goes.
    #[inline(always)]
    pub(super) fn advance(self) -> usize {
        (self.0 >> 8) as usize & 255
    }

    /// The first values, without the last of all.
    #[inline(always)]
    pub(super) fn values(self) -> [i16; VALUES] {
        let [_, _, _, values @ .., _] = self.0.to_le_bytes();
        values.map(|byte| i16::from(byte as i8))
    }

    /// The same in a vector.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn values_avx2(self) -> [i16; VALUES] {
        let values = _mm_cvtsi32_si128((self.0 >> 24) as i32);
        bytemuck::cast(_mm_cvtsi128_si64(_mm_cvtepi8_epi16(values)))
    }

    /// The last coefficient that the step is about, in the bits that begin with the first code. Past an end it is
    /// zero.
    #[inline(always)]
    pub(super) fn last(self, bits: u64) -> i16 {
        let missing = (self.0 >> 16) as u32 & 255;
        let missing = (bits >> (self.bits().wrapping_neg() & 63)) & ((1_u64 << (missing & 63)) - 1);
        ((self.0 as i64 >> 56) as i16).wrapping_add(missing as i16)
    }
}

impl Steps {
    pub(super) fn new() -> Self {
        Self { steps: Box::new([Step::NONE; 1 << LOOKUP_BITS]) }
    }

    pub(super) fn set(&mut self, lookup: &[Entry; 1 << LOOKUP_BITS]) {
        for (next, step) in self.steps.iter_mut().enumerate() {
            *step = Step::of(next, lookup);
        }
    }

    pub(super) fn all(&self) -> &[Step; 1 << LOOKUP_BITS] {
        &self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::super::huffman::Huffman;
    use super::*;

    #[test]
    fn a_step_is_its_symbols_one_after_the_other() {
        // 00: end; 01: a run of 2 and one bit; 100: six bits; 101: 16 zeros; 110: a run of 15 and 3 bits; the rest codes
        // of 12 bits, but for the last.
        let mut counts = [0; 16];
        (counts[1], counts[2], counts[11]) = (2, 3, 255);
        let symbols = [&[0x00, 0x21, 0x06, 0xf0, 0xf3][..], &[1; 255]].concat();
        let table = Huffman::new(&counts, &symbols).unwrap();
        let mut steps = Steps::new();
        steps.set(table.lookup());
        let (mut several, mut ends, mut special, mut split) = (0, 0, 0, 0);
        for next in 0..0xef0_u64 << 4 {
            // What is looked at, and then some.
            let bits = next << 48 | 0x5555_5555_5555;
            let step = steps.all()[(bits >> (64 - LOOKUP_BITS)) as usize];
            let first = table.entry(bits).unwrap();
            if step.advance() == Step::SPECIAL {
                special += 1;
                assert_eq!(step, Step::NONE);
                assert!(first.length() > LOOKUP_BITS, "{next:b}");
                continue;
            }
            let mut taken = 0;
            let mut expected = [0_i16; 128];
            let mut at = 0;
            let mut symbols = 0;
            while taken < step.bits() {
                symbols += 1;
                let entry = table.entry(bits << taken).unwrap();
                if entry.is_end() {
                    ends += 1;
                    taken += entry.total();
                    at += END;
                    break;
                }
                expected[at + entry.run()] = entry.value(bits << taken) as i16;
                at += entry.run() + 1;
                taken += entry.total();
            }
            assert_eq!((taken, at), (step.bits(), step.advance()), "{next:b}");
            let mut found = [0; 128 + END];
            found[..VALUES].copy_from_slice(&step.values());
            found[at - 1] = step.last(bits);
            assert_eq!(found[..128], expected, "{next:b}");
            assert!(taken <= MAX_BITS);
            #[cfg(target_arch = "x86_64")]
            if crate::cpu::Avx2::detect().is_some() {
                // SAFETY: the processor has the feature.
                assert_eq!(unsafe { step.values_avx2() }, step.values());
            }
            several += usize::from(symbols > 2);
            split += usize::from(taken > LOOKUP_BITS);
        }
        let counts = [several, ends, special, split];
        assert!(counts.iter().all(|&count| count > 500), "{counts:?}");
    }

    #[test]
    fn ends_and_places_are_not_mixed_up() {
        for at in 1..64 {
            for advance in 1..=MOST {
                assert_eq!(are_of_a_block(at + advance), at + advance <= 64);
                // The end itself must lie in the block.
                assert_eq!(are_of_a_block(at + advance + END), at + advance < 64);
                assert!(
                    !is_special(at + advance + END, Step::SPECIAL) && is_special(at + Step::SPECIAL, Step::SPECIAL)
                );
            }
        }
    }
}
