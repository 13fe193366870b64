//! Huffman codes.

use super::Unusual;
use super::bits::BitReader;
use super::partial::Skip;
use super::steps::Steps;

/// Codes of up to so many bits are found by one look-up.
pub(super) const LOOKUP_BITS: u32 = 11;

/// Coefficients after the first have so many bits, unless they are damaged.
const MAX_SIZE: u32 = 10;

/// A decoding table (T.81 annex C and F.2.2.3).
#[derive(Clone, Debug)]
pub(super) struct Huffman {
    /// For each first [`LOOKUP_BITS`] bits the symbol; [`Entry::LONG`] where the code is longer.
    lookup: Box<[Entry; 1 << LOOKUP_BITS]>,
    /// For each length: the first code past those of that length, as 16 bits, aligned to the top.
    limits: [u32; 17],
    /// For each length: what is added to a code to find its symbol.
    offsets: [i32; 17],
    counts: [u8; 16],
    symbols: Vec<u8>,
    /// What is made of it for scans of whole blocks, and for passing over coefficients.
    steps: Made<Steps>,
    skip: Made<Skip>,
}

/// Something made of a table, whose room stays when another table takes its place.
#[derive(Clone, Debug)]
struct Made<T> {
    of: Option<T>,
    is_current: bool,
    /// How much it would have been used for since the table was set.
    uses: usize,
}

impl<T> Made<T> {
    const NONE: Self = Self { of: None, is_current: false, uses: 0 };

    fn get(&self) -> Option<&T> {
        self.of.as_ref().filter(|_| self.is_current)
    }

    /// Makes it once there is enough use for it: tables that recur are worth it even where each file is small.
    fn make(&mut self, uses: usize, enough: usize, new: impl FnOnce() -> T, set: impl FnOnce(&mut T)) {
        self.uses = self.uses.saturating_add(uses);
        if !self.is_current && self.uses >= enough {
            set(self.of.get_or_insert_with(new));
            self.is_current = true;
        }
    }

    fn reset(&mut self) {
        (self.is_current, self.uses) = (false, 0);
    }
}

/// A symbol, its code and the value after it: from the lowest byte, the bits of both, the bits of the code, 63 less
/// the bits of the value, and the run, 64 more if a block ends here; the top bit is set where the value is one that
/// cannot be, or there is no symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry(u32);

impl Entry {
    /// The code is longer.
    const LONG: Self = Self(1 << 31);

    fn new(length: u32, symbol: u8) -> Self {
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        let special = if size <= MAX_SIZE { 0 } else { 1 << 31 };
        let end = if size == 0 && run < 15 { 64 << 24 } else { 0 };
        Self((length + size) | length << 8 | (63 - size) << 16 | run << 24 | end | special)
    }

    fn is_long(self) -> bool {
        self == Self::LONG
    }

    /// Whether a second look is needed: the value has too many bits, or the code is longer.
    #[inline(always)]
    pub(super) fn is_special(self) -> bool {
        (self.0 as i32) < 0
    }

    /// Bits of the code and the value.
    #[inline(always)]
    pub(super) fn total(self) -> u32 {
        self.0 & 63
    }

    /// Bits of the code.
    pub(super) fn length(self) -> u32 {
        self.0 >> 8 & 63
    }

    /// Bits of the value.
    #[inline(always)]
    pub(super) fn size(self) -> u32 {
        63 - (self.0 >> 16 & 63)
    }

    /// Whether a block ends here.
    #[inline(always)]
    pub(super) fn is_end(self) -> bool {
        self.0 & 64 << 24 != 0
    }

    /// Zeros before the value; more than a block has if it ends here.
    #[inline(always)]
    pub(super) fn passes(self) -> usize {
        (self.0 >> 24 & 127) as usize
    }

    /// Zeros before the value.
    #[inline(always)]
    pub(super) fn run(self) -> usize {
        (self.0 >> 24 & 15) as usize
    }

    fn symbol(self) -> u8 {
        (self.run() << 4) as u8 | self.size() as u8
    }

    /// The value in the bits that begin with the code; zero if it has none.
    #[inline(always)]
    pub(super) fn value(self, bits: u64) -> i32 {
        extended(bits << (self.0 >> 8 & 63), (self.0 >> 16 & 63).into())
    }
}

/// The value that the bits begin with, which has 63 less `spare` of them. Without the top bit it is negative (`EXTEND`,
/// T.81 F.2.2.1).
#[inline(always)]
pub(super) fn extended(bits: u64, spare: u64) -> i32 {
    let is_negative = !((bits as i64) >> 63) as u64;
    let (value, most) = (bits >> 1 >> spare, u64::MAX >> 1 >> spare);
    value.wrapping_sub(most & is_negative) as i32
}

impl Huffman {
    /// The code with `counts[k]` symbols of `k + 1` bits.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, Unusual> {
        let mut table = Self {
            lookup: Box::new([Entry::LONG; 1 << LOOKUP_BITS]),
            limits: [0; 17],
            offsets: [0; 17],
            counts: [0; 16],
            symbols: Vec::new(),
            steps: Made::NONE,
            skip: Made::NONE,
        };
        table.set(counts, symbols)?;
        Ok(table)
    }

    /// Makes it the code with `counts[k]` symbols of `k + 1` bits, which it often is already.
    pub(super) fn set(&mut self, counts: &[u8; 16], symbols: &[u8]) -> Result<(), Unusual> {
        if self.counts == *counts && self.symbols == symbols && !symbols.is_empty() {
            return Ok(());
        }
        // Until it is whole it is not to be found again.
        self.symbols.clear();
        self.steps.reset();
        self.skip.reset();
        let mut code = 0_u32;
        let mut index = 0;
        let mut filled = 0;
        for length in 1..=16_u32 {
            self.offsets[length as usize] = index - code as i32;
            for _ in 0..counts[length as usize - 1] {
                if code >= 1 << length {
                    return Err(Unusual);
                }
                if length <= LOOKUP_BITS {
                    let symbol = *symbols.get(index as usize).ok_or(Unusual)?;
                    let until = ((code + 1) << (LOOKUP_BITS - length)) as usize;
                    self.lookup[filled..until].fill(Entry::new(length, symbol));
                    filled = until;
                }
                code += 1;
                index += 1;
            }
            self.limits[length as usize] = code << (16 - length);
            code <<= 1;
        }
        if index as usize != symbols.len() {
            return Err(Unusual);
        }
        self.lookup[filled..].fill(Entry::LONG);
        self.counts = *counts;
        self.symbols.extend_from_slice(symbols);
        Ok(())
    }

    /// Makes ready what [`steps`](Self::steps) gives, unless so many bytes more of coefficients are too few for that.
    pub(super) fn make_steps(&mut self, bytes: usize) {
        // In tests small files are decoded as large ones.
        const ENOUGH: usize = if cfg!(test) { 2_048 } else { 16_384 };
        self.steps.make(bytes, ENOUGH, Steps::new, |steps| steps.set(&self.lookup));
    }

    /// Makes ready what [`skip`](Self::skip) gives, unless so many blocks more to pass over are too few for that.
    pub(super) fn make_skip(&mut self, blocks: usize) {
        const ENOUGH: usize = if cfg!(test) { 16 } else { 32_768 };
        let codes = codes(&self.limits, &self.offsets, &self.symbols);
        self.skip.make(blocks, ENOUGH, Skip::new, |skip| skip.set(codes));
    }

    /// For coefficients by the step; `None` if that has not been made.
    pub(super) fn steps(&self) -> Option<&Steps> {
        self.steps.get()
    }

    /// For passing over coefficients; `None` if that has not been made.
    pub(super) fn skip(&self) -> Option<&Skip> {
        self.skip.get()
    }

    /// Takes a code, and leaves at least 16 bits loaded where there are that many.
    #[inline]
    pub(super) fn decode(&self, bits: &mut BitReader<'_>) -> Result<u8, Unusual> {
        bits.refill();
        let entry = self.lookup[bits.peek(LOOKUP_BITS)];
        if !entry.is_long() {
            bits.skip(entry.length())?;
            return Ok(entry.symbol());
        }
        let Some(entry) = self.long(bits.peek(16) as u32)? else {
            // libjpeg has read one bit more before it gives up.
            bits.damage(())?;
            bits.skip(17)?;
            return Ok(0);
        };
        bits.skip(entry.length())?;
        Ok(entry.symbol())
    }

    /// Of each next [`LOOKUP_BITS`] bits.
    #[cfg(test)]
    pub(super) fn lookup(&self) -> &[Entry; 1 << LOOKUP_BITS] {
        &self.lookup
    }

    /// What the bits begin with, which are as many as a code may have; an error if that is none.
    #[inline(always)]
    pub(super) fn entry(&self, bits: u64) -> Result<Entry, Unusual> {
        let entry = self.lookup[(bits >> (64 - LOOKUP_BITS)) as usize];
        if entry.is_special() { self.special(entry, bits) } else { Ok(entry) }
    }

    #[inline(always)]
    fn special(&self, entry: Entry, bits: u64) -> Result<Entry, Unusual> {
        if entry.is_long() { self.long((bits >> 48) as u32)?.ok_or(Unusual) } else { Ok(entry) }
    }

    /// A code that is longer, at the top of 16 bits.
    #[cold]
    fn long(&self, next: u32) -> Result<Option<Entry>, Unusual> {
        let Some(length) = (LOOKUP_BITS + 1..=16).find(|&length| next < self.limits[length as usize]) else {
            return Ok(None);
        };
        let index = (next >> (16 - length)) as i32 + self.offsets[length as usize];
        let symbol = usize::try_from(index).ok().and_then(|index| self.symbols.get(index)).ok_or(Unusual)?;
        Ok(Some(Entry::new(length, *symbol)))
    }
}

/// Length, code and symbol of each.
fn codes(limits: &[u32; 17], offsets: &[i32; 17], symbols: &[u8]) -> impl Iterator<Item = (u32, u32, u8)> {
    (1..=16_u32).flat_map(move |length| {
        let [before, limit] = [length - 1, length].map(|length| limits[length as usize]);
        let codes = before >> (16 - length)..limit >> (16 - length);
        codes.filter_map(move |code| {
            let index = usize::try_from(code as i32 + offsets[length as usize]).ok()?;
            Some((length, code, *symbols.get(index)?))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_codes_are_found() {
        // 0 -> a, 10 -> b, then one code of 12 bits, 110000000000 -> c.
        let mut counts = [0; 16];
        (counts[0], counts[1], counts[11]) = (1, 1, 1);
        let table = Huffman::new(&counts, b"abc").unwrap();
        let mut bits = BitReader::new(&[0b1011_0000, 0b0000_0001, 0b0000_0000], 0, false);
        let decoded: Vec<u8> = (0..4).map(|_| table.decode(&mut bits).unwrap()).collect();
        assert_eq!(decoded, b"bcab");
    }

    #[test]
    fn a_look_up_gives_the_value_as_well() {
        for size in 0..16 {
            let mut counts = [0; 16];
            counts[3] = 1;
            let table = Huffman::new(&counts, &[0x70 | size]).unwrap();
            for value in 0..1_u64 << size {
                let next = value << (60 - size) | 0x5a5;
                let entry = table.entry(next).unwrap();
                assert_eq!((entry.total(), entry.size(), entry.run()), (4 + u32::from(size), size.into(), 7));
                assert_eq!(entry.is_special(), size > 10);
                // `EXTEND`, T.81 figure F.12.
                let value = value as i32;
                let expected = if size > 0 && value < 1 << (size - 1) { value - (1 << size) + 1 } else { value };
                assert_eq!(entry.value(next), expected, "{size} {value}");
            }
        }
    }

    #[test]
    fn a_table_can_be_set_again() {
        let (mut few, mut many) = ([0; 16], [0; 16]);
        few[1] = 1;
        (many[0], many[4], many[13]) = (1, 3, 2);
        let mut table = Huffman::new(&many, b"abcdef").unwrap();
        let first = table.clone();
        table.set(&few, b"a").unwrap();
        assert!(table.entry(1 << 63).is_err(), "nothing is left of the first");
        few[0] = 3;
        assert!(table.set(&few, b"abcd").is_err());
        table.set(&many, b"abcdef").unwrap();
        assert_eq!(table.lookup, first.lookup);
        assert_eq!(table.limits, first.limits);
    }

    #[test]
    fn codes_are_listed_from_the_shortest() {
        let mut counts = [0; 16];
        (counts[0], counts[2], counts[11]) = (1, 2, 1);
        let table = Huffman::new(&counts, b"abcd").unwrap();
        let codes: Vec<_> = codes(&table.limits, &table.offsets, &table.symbols).collect();
        assert_eq!(codes, [(1, 0, b'a'), (3, 0b100, b'b'), (3, 0b101, b'c'), (12, 0b1100_0000_0000, b'd')]);
    }

    #[test]
    fn tables_that_are_no_code_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Huffman::new(&counts, b"abc").is_err(), "three codes of one bit");
        counts[0] = 1;
        assert!(Huffman::new(&counts, b"ab").is_err(), "more symbols than codes");
        let table = Huffman::new(&counts, b"a").unwrap();
        assert!(table.decode(&mut BitReader::new(&[0xfe, 0xfe, 0xfe], 0, false)).is_err(), "no such code");
    }
}
