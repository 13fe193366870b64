//! Bits of entropy-coded data.

use super::Unusual;

/// Reads bits from the first, up to the next marker.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// The byte that is read next.
    at: usize,
    /// Bits not yet taken, from the top; the others are zero.
    bits: u64,
    /// How many they are.
    count: u32,
    /// Damage is passed over as libjpeg does: zeros follow the last bit, and no code is a wrong one.
    lenient: bool,
    /// More bits have been taken than there were.
    exhausted: bool,
}

/// A symbol and the value after it take no more bits.
const NEEDED: u32 = 32;

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize, lenient: bool) -> Self {
        Self { bytes, at, bits: 0, count: 0, lenient, exhausted: false }
    }

    /// What a decoder makes of data that cannot be: an error, or `instead`.
    #[cold]
    pub(super) fn damage<T>(&self, instead: T) -> Result<T, Unusual> {
        if self.lenient { Ok(instead) } else { Err(Unusual) }
    }

    /// Whether the data ended before its time; what is left of the interval is empty then.
    #[inline]
    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// The byte that is read next; those before it may not all have been taken.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Makes sure that there are [`NEEDED`] bits, or all that there are before a marker.
    #[inline]
    pub(super) fn refill(&mut self) {
        if self.count < NEEDED {
            self.load();
        }
    }

    /// There must be room for a byte.
    fn load(&mut self) {
        if let Some(chunk) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            let word = u64::from_be_bytes(*chunk);
            if !has_ff(word) {
                let taken = (64 - self.count) / 8;
                self.bits |= (word >> (64 - 8 * taken)) << (64 - 8 * taken - self.count);
                self.count += 8 * taken;
                self.at += taken as usize;
                return;
            }
        }
        while self.count <= 56 {
            let byte = match self.bytes.get(self.at..) {
                // An 0xff in the data is followed by a zero; anything else is a marker.
                Some([0xff, 0, ..]) => {
                    self.at += 2;
                    0xff
                }
                Some([0xff, ..] | []) | None => return,
                Some([byte, ..]) => {
                    self.at += 1;
                    *byte
                }
            };
            self.bits |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next `count` bits (1 to 16) without taking them; zeros where there are fewer.
    #[inline]
    pub(super) fn peek(&self, count: u32) -> usize {
        (self.bits >> (64 - count)) as usize
    }

    /// Takes bits that have been looked at.
    #[inline]
    pub(super) fn skip(&mut self, count: u32) -> Result<(), Unusual> {
        if count > self.count {
            return self.exhaust();
        }
        self.bits <<= count;
        self.count -= count;
        Ok(())
    }

    #[cold]
    fn exhaust(&mut self) -> Result<(), Unusual> {
        (self.bits, self.count, self.exhausted) = (0, 0, true);
        self.damage(())
    }

    /// Takes `count` bits, 0 to 16.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> Result<i32, Unusual> {
        if count == 0 {
            return Ok(0);
        }
        self.refill();
        let value = self.peek(count) as i32;
        self.skip(count)?;
        Ok(value)
    }

    /// Takes a value of `size` bits (0 to 15), of which those without the top bit are negative (`EXTEND`,
    /// T.81 F.2.2.1).
    #[inline]
    pub(super) fn value(&mut self, size: u32) -> Result<i32, Unusual> {
        let value = self.take(size)?;
        Ok(if size > 0 && value < 1 << (size - 1) { value - (1 << size) + 1 } else { value })
    }

    /// Passes the marker `RST number` that ends an interval.
    pub(super) fn restart(&mut self, number: u8) -> Result<(), Unusual> {
        let at = self.end()?;
        if self.bytes.get(at..at + 2) == Some(&[0xff, 0xd0 + number]) {
            *self = Self::new(self.bytes, at + 2, self.lenient);
            return Ok(());
        }
        self.resynchronise(at, number)
    }

    /// Decides at the marker that is there in place of `RST desired` (`jpeg_resync_to_restart`).
    #[cold]
    fn resynchronise(&mut self, mut at: usize, desired: u8) -> Result<(), Unusual> {
        self.damage(())?;
        while let Some(&[_, marker]) = self.bytes.get(at..).and_then(|rest| rest.first_chunk()) {
            let ahead = marker.wrapping_sub(0xd0).wrapping_sub(desired) & 7;
            match (marker, ahead) {
                // Nothing, or an earlier interval's: passed over.
                (..0xc0, _) | (0xd0..=0xd7, 6 | 7) => at = next_marker(self.bytes, at + 2),
                // The one wanted, or one that is nobody's.
                (0xd0..=0xd7, 0 | 3..=5) => {
                    *self = Self::new(self.bytes, at + 2, true);
                    return Ok(());
                }
                // A later interval's, or the end: this one is empty.
                _ => break,
            }
        }
        *self = Self { exhausted: self.exhausted, ..Self::new(self.bytes, at, true) };
        Ok(())
    }

    /// Where the marker is that ends the data; all but the padding must have been taken.
    pub(super) fn end(&mut self) -> Result<usize, Unusual> {
        if self.count < 8 {
            self.load();
        }
        if self.count < 8 && !self.exhausted {
            return Ok(self.at);
        }
        self.damage(next_marker(self.bytes, self.at))
    }
}

/// Where the next marker is, at or after `at`; the end of the bytes if there is none.
pub(super) fn next_marker(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.windows(2)
        .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff))
        .map_or(bytes.len(), |skip| at + skip)
}

/// Whether a byte of `word` is 0xff.
fn has_ff(word: u64) -> bool {
    const LOW: u64 = 0x0101_0101_0101_0101;
    (!word).wrapping_sub(LOW) & word & (LOW << 7) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_in_order_and_stuffing_is_left_out() {
        let bytes = [0b1010_0101, 0xff, 0, 0b1100_0000, 0xff, 0xd9];
        let mut bits = BitReader::new(&bytes, 0, false);
        assert_eq!(bits.take(4).unwrap(), 0b1010);
        assert_eq!(bits.take(12).unwrap(), 0b0101_1111_1111);
        assert_eq!(bits.take(2).unwrap(), 3);
        assert_eq!(bits.end().unwrap(), 4);
        assert!(bits.take(7).is_err(), "nothing is read past a marker");
    }

    #[test]
    fn long_runs_are_loaded_eight_bytes_at_a_time() {
        let mut bytes: Vec<u8> = (0..100).map(|k| (k * 37 % 251) as u8).collect();
        bytes[50] = 0xff;
        bytes.insert(51, 0);
        let expected: Vec<u8> = (0..100).map(|k| if k == 50 { 0xff } else { (k * 37 % 251) as u8 }).collect();
        let mut bits = BitReader::new(&bytes, 0, false);
        for expected in expected {
            // Off the byte boundaries.
            let high = bits.take(3).unwrap();
            let low = bits.take(5).unwrap();
            assert_eq!((high << 5 | low) as u8, expected);
        }
        assert!(bits.take(1).is_err());
    }

    #[test]
    fn data_that_is_left_over_is_seen_however_much_is_loaded() {
        for left in 1..=20 {
            let bytes = [vec![0x55; left], vec![0xff, 0xd9]].concat();
            let mut bits = BitReader::new(&bytes, 0, false);
            bits.refill();
            assert!(bits.end().is_err(), "{left}");
            for _ in 0..left * 2 {
                bits.take(4).unwrap();
            }
            assert_eq!(bits.end().unwrap(), left);
        }
    }

    #[test]
    fn values_without_the_top_bit_are_negative() {
        let mut bits = BitReader::new(&[0b0110_0100, 0b1000_0000], 0, false);
        assert_eq!(bits.value(0).unwrap(), 0);
        assert_eq!(bits.value(1).unwrap(), -1);
        assert_eq!(bits.value(2).unwrap(), 3);
        assert_eq!(bits.value(3).unwrap(), -6);
        assert_eq!(bits.value(3).unwrap(), -6);
    }

    #[test]
    fn bytes_of_ff_are_seen() {
        for shift in 0..8 {
            assert!(has_ff(0xff << (8 * shift)));
        }
        assert!(!has_ff(0xfe7f_0180_807f_fe00));
    }
}
