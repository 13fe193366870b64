//! Huffman codes.

use super::Unusual;
use super::bits::BitReader;

/// Codes of up to so many bits are found by one look-up.
const LOOKUP_BITS: u32 = 9;

/// A decoding table (T.81 annex C and F.2.2.3).
#[derive(Clone, Debug)]
pub(super) struct Huffman {
    /// For each first [`LOOKUP_BITS`] bits: code length and symbol; length 0 where the code is longer.
    lookup: Box<[(u8, u8); 1 << LOOKUP_BITS]>,
    /// For each length: the first code past those of that length, as 16 bits, aligned to the top.
    limits: [u32; 17],
    /// For each length: what is added to a code to find its symbol.
    offsets: [i32; 17],
    symbols: Vec<u8>,
}

impl Huffman {
    /// The code with `counts[k]` symbols of `k + 1` bits.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, Unusual> {
        let mut table = Self {
            lookup: Box::new([(0, 0); 1 << LOOKUP_BITS]),
            limits: [0; 17],
            offsets: [0; 17],
            symbols: symbols.to_owned(),
        };
        let mut code = 0_u32;
        let mut index = 0;
        for length in 1..=16_u32 {
            table.offsets[length as usize] = index - code as i32;
            for _ in 0..counts[length as usize - 1] {
                if code >= 1 << length {
                    return Err(Unusual);
                }
                if length <= LOOKUP_BITS {
                    let symbol = *symbols.get(index as usize).ok_or(Unusual)?;
                    let shift = LOOKUP_BITS - length;
                    let first = (code << shift) as usize;
                    table.lookup[first..first + (1 << shift)].fill((length as u8, symbol));
                }
                code += 1;
                index += 1;
            }
            table.limits[length as usize] = code << (16 - length);
            code <<= 1;
        }
        if index as usize == symbols.len() { Ok(table) } else { Err(Unusual) }
    }

    /// Length, code and symbol of each.
    pub(super) fn codes(&self) -> impl Iterator<Item = (u32, u32, u8)> {
        (1..=16_u32).flat_map(move |length| {
            let [before, limit] = [length - 1, length].map(|length| self.limits[length as usize]);
            let codes = before >> (16 - length)..limit >> (16 - length);
            codes.filter_map(move |code| {
                let index = usize::try_from(code as i32 + self.offsets[length as usize]).ok()?;
                Some((length, code, *self.symbols.get(index)?))
            })
        })
    }

    /// Takes a code, and leaves at least 16 bits loaded where there are that many.
    #[inline]
    pub(super) fn decode(&self, bits: &mut BitReader<'_>) -> Result<u8, Unusual> {
        bits.refill();
        let (length, symbol) = self.lookup[bits.peek(LOOKUP_BITS)];
        if length > 0 {
            bits.skip(length.into())?;
            return Ok(symbol);
        }
        self.decode_long(bits)
    }

    #[cold]
    fn decode_long(&self, bits: &mut BitReader<'_>) -> Result<u8, Unusual> {
        let next = bits.peek(16) as u32;
        let Some(length) = (LOOKUP_BITS + 1..=16).find(|&length| next < self.limits[length as usize]) else {
            // libjpeg has read one bit more before it gives up.
            bits.damage(())?;
            bits.skip(17)?;
            return Ok(0);
        };
        bits.skip(length)?;
        let index = (next >> (16 - length)) as i32 + self.offsets[length as usize];
        usize::try_from(index).ok().and_then(|index| self.symbols.get(index).copied()).ok_or(Unusual)
    }
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
    fn codes_are_listed_from_the_shortest() {
        let mut counts = [0; 16];
        (counts[0], counts[2], counts[11]) = (1, 2, 1);
        let table = Huffman::new(&counts, b"abcd").unwrap();
        let codes: Vec<_> = table.codes().collect();
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
