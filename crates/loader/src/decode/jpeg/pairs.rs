//! Coefficients by the pair: what the next bits say of up to two symbols and their values, by one look-up.

use super::huffman::{Entry, LOOKUP_BITS};

/// The end of a block as a number of coefficients: more than there are, and one, so that an end is seen to be one too
/// many in a block that is full.
pub(super) const END: usize = OVER + 1;
const OVER: usize = 256;

/// Whether coefficients up to `at`, ends among them, are those of a block.
#[inline(always)]
pub(super) fn are_of_a_block(at: usize) -> bool {
    at % OVER <= 64
}

/// For each next [`LOOKUP_BITS`] bits: a step.
#[derive(Clone, Debug)]
pub(super) struct Pairs {
    steps: Box<[Step; 1 << LOOKUP_BITS]>,
}

/// A symbol, and another if its value lies within the bits that are looked at as well. From the lowest byte: the bits
/// of all; those of the first code; 63 less those of the first value; how many coefficients further the first value
/// belongs; the second, which is zero if there is none; that value; how many coefficients all are about; the top bit
/// is set where the first code is longer or the value one that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step(u64);

impl Step {
    const SPECIAL: Self = Self(1 << 63);

    /// Nothing at all.
    pub(super) const NONE: Self = Self(0);

    fn new(entry: Entry, next: usize, lookup: &[Entry; 1 << LOOKUP_BITS]) -> Self {
        if entry.is_special() {
            return Self::SPECIAL;
        }
        let fields = |total: u32, first: usize, second: usize, value: i8, advance: usize| {
            let code = u64::from(entry.length()) << 8 | u64::from(63 - entry.size()) << 16;
            let places = (first as u64) << 24 | (second as u64) << 32 | u64::from(value as u8) << 40;
            Self(u64::from(total) | code | places | (advance as u64) << 48)
        };
        let total = entry.total();
        if entry.is_end() {
            return fields(total, 0, 0, 0, END);
        }
        let (run, after) = (entry.run(), entry.run() + 1);
        let alone = fields(total, run, after, 0, after);
        if total > LOOKUP_BITS {
            return alone;
        }
        let rest = next << total & ((1 << LOOKUP_BITS) - 1);
        let second = lookup[rest];
        if second.is_special() || total + second.total() > LOOKUP_BITS {
            return alone;
        }
        let total = total + second.total();
        if second.is_end() {
            return fields(total, run, after, 0, after + END);
        }
        match i8::try_from(second.value((rest as u64) << (64 - LOOKUP_BITS))) {
            Ok(value) => fields(total, run, after + second.run(), value, after + second.run() + 1),
            Err(_) => alone,
        }
    }

    /// Whether [`Huffman::entry`] is to be asked instead.
    #[inline(always)]
    pub(super) fn is_special(self) -> bool {
        (self.0 as i64) < 0
    }

    /// Bits of all codes and values.
    #[inline(always)]
    pub(super) fn total(self) -> u32 {
        self.0 as u32 & 63
    }

    /// Coefficients passed over before the first value, and its place is theirs.
    #[inline(always)]
    pub(super) fn first(self) -> usize {
        usize::from((self.0 >> 24) as u8)
    }

    /// The value there, in the bits that begin with the code; zero if there is none.
    #[inline(always)]
    pub(super) fn value(self, bits: u64) -> i16 {
        super::huffman::extended(bits << (self.0 >> 8 & 63), self.0 >> 16 & 63) as i16
    }

    /// The same of the second.
    #[inline(always)]
    pub(super) fn second(self) -> usize {
        usize::from((self.0 >> 32) as u8)
    }

    #[inline(always)]
    pub(super) fn second_value(self) -> i16 {
        ((self.0 >> 40) as i8).into()
    }

    /// Coefficients that all are about, [`END`] more if the block ends.
    #[inline(always)]
    pub(super) fn advance(self) -> usize {
        (self.0 >> 48) as usize
    }
}

impl Pairs {
    pub(super) fn new() -> Self {
        Self { steps: Box::new([Step::SPECIAL; 1 << LOOKUP_BITS]) }
    }

    pub(super) fn set(&mut self, lookup: &[Entry; 1 << LOOKUP_BITS]) {
        for (next, (step, &entry)) in self.steps.iter_mut().zip(lookup).enumerate() {
            *step = Step::new(entry, next, lookup);
        }
    }

    /// What the bits begin with, of which there must be as many as a code and a value may have.
    #[inline(always)]
    pub(super) fn step(&self, bits: u64) -> Step {
        self.steps[(bits >> (64 - LOOKUP_BITS)) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::super::huffman::Huffman;
    use super::*;

    #[test]
    fn a_step_is_its_symbols_one_after_the_other() {
        // 00: end; 01: a run of 2 and one bit; 100: three bits; 101: 16 zeros; 110: a run of 15 and 10 bits; the rest
        // codes of 12 bits, but for the last.
        let mut counts = [0; 16];
        (counts[1], counts[2], counts[11]) = (2, 3, 511);
        let symbols = [&[0x00, 0x21, 0x03, 0xf0, 0xfa][..], &[1; 511]].concat();
        let table = Huffman::new(&counts, &symbols).unwrap();
        let mut pairs = Pairs::new();
        pairs.set(table.lookup());
        let (mut twice, mut ends) = (0, 0);
        for next in 0..0xfff0 {
            let bits = next << 48 | next << 20;
            let step = pairs.step(bits);
            let first = table.entry(bits).unwrap();
            assert_eq!(step.is_special(), first.length() > LOOKUP_BITS);
            if step.is_special() {
                continue;
            }
            let value = |entry: Entry, bits| if entry.size() > 0 { entry.value(bits) as i16 } else { 0 };
            assert_eq!(step.value(bits), value(first, bits), "{next:x}");
            if first.is_end() {
                assert_eq!((step.total(), step.advance(), step.second_value()), (first.total(), END, 0));
                continue;
            }
            assert_eq!(step.first(), first.run());
            if step.total() == first.total() {
                assert_eq!((step.advance(), step.second_value()), (first.run() + 1, 0));
                assert_eq!(step.second(), first.run() + 1, "a place that is still zero");
                continue;
            }
            twice += 1;
            let after = bits << first.total();
            let second = table.entry(after).unwrap();
            assert_eq!(step.total(), first.total() + second.total());
            if second.is_end() {
                ends += 1;
                assert_eq!((step.advance(), step.second_value()), (first.run() + 1 + END, 0));
            } else {
                assert_eq!(step.second(), first.run() + 1 + second.run());
                assert_eq!((step.advance(), step.second_value()), (step.second() + 1, value(second, after)));
            }
        }
        assert!(twice > 20_000 && ends > 5_000, "{twice} {ends}");
    }
}
