//! Entropy-coded data of files that keep to the rules: an interval is freed of its stuffing first, after which
//! eight bytes are bits at one stroke.

use super::Unusual;

/// Zeros after an interval, as many as are looked at past its last bit.
const PADDING: usize = 16;

/// Copies the data from `at` to the next marker to the front of `out`, without the zero after each 0xff; gives its
/// length and where the marker is. [`PADDING`] zeros follow.
pub(super) fn copy(bytes: &[u8], mut at: usize, out: &mut Vec<u8>) -> (usize, usize) {
    const CHUNK: usize = 32;
    let room = bytes.len().saturating_sub(at) + CHUNK + PADDING;
    if out.len() < room {
        out.resize(room, 0);
    }
    let mut length = 0;
    loop {
        while let (Some(chunk), Some(out)) = (next::<CHUNK>(bytes, at), out[length..].first_chunk_mut::<CHUNK>()) {
            *out = *chunk;
            if chunk.iter().fold(false, |found, &byte| found | (byte == 0xff)) {
                break;
            }
            at += CHUNK;
            length += CHUNK;
        }
        // The 0xff is in here, or these are the last bytes.
        while let (Some(chunk), Some(out)) = (next::<8>(bytes, at), out[length..].first_chunk_mut::<8>()) {
            *out = *chunk;
            let before = before_ff(u64::from_le_bytes(*chunk));
            at += before;
            length += before;
            if before < 8 {
                break;
            }
        }
        match bytes.get(at..) {
            Some([0xff, 0, ..]) => {
                out[length] = 0xff;
                at += 2;
                length += 1;
            }
            Some([0xff, ..] | []) | None => break,
            Some([byte, ..]) => {
                out[length] = *byte;
                at += 1;
                length += 1;
            }
        }
    }
    out[length..length + PADDING].fill(0);
    (length, at)
}

fn next<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    bytes.get(at..).and_then(|rest| rest.first_chunk())
}

/// How many bytes, from the lowest, come before one of 0xff; 8 if there is none.
fn before_ff(word: u64) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    // Carries make more of them, but only above the first.
    let found = (!word).wrapping_sub(LOW) & word & (LOW << 7);
    (found.trailing_zeros() / 8) as usize
}

/// Reads the bits of one interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// Bytes that are data, not padding.
    length: usize,
    at: usize,
    /// Bits not yet taken, from the top. Below those that are counted are some of those that follow, or zeros.
    bits: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    /// What [`copy`] left.
    pub(super) fn new(data: &'a [u8], length: usize) -> Self {
        Self { data: &data[..length + PADDING], length, at: 0, bits: 0, count: 0 }
    }

    /// Makes sure of at least 56 bits.
    #[inline(always)]
    pub(super) fn refill(&mut self) -> Result<(), Unusual> {
        let next = next::<8>(self.data, self.at).ok_or(Unusual)?;
        self.bits |= u64::from_be_bytes(*next) >> self.count;
        self.at += ((63 - self.count) >> 3) as usize;
        self.count |= 56;
        Ok(())
    }

    /// The bits that are next, from the top.
    #[inline(always)]
    pub(super) fn peek(&self) -> u64 {
        self.bits
    }

    /// Takes bits, of which there must be as many.
    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) {
        self.bits <<= count & 63;
        self.count = self.count.wrapping_sub(count & 63);
    }

    /// Gives back the last bits that have been taken, and loads what follows.
    pub(super) fn rewind(&mut self, count: u32) -> Result<(), Unusual> {
        let taken = (self.at * 8).wrapping_sub(self.count as usize).checked_sub(count as usize).ok_or(Unusual)?;
        *self = Self { at: taken / 8, bits: 0, count: 0, ..*self };
        self.refill()?;
        self.skip(taken as u32 % 8);
        self.refill()
    }

    /// Checks that all has been taken, but for the padding of the last byte.
    pub(super) fn finish(&self) -> Result<(), Unusual> {
        let taken = (self.at * 8).wrapping_sub(self.count as usize);
        if (self.length * 8).wrapping_sub(taken) < 8 { Ok(()) } else { Err(Unusual) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffing_is_left_out_wherever_it_is() {
        let mut out = vec![7; 3];
        for length in 0..100 {
            for ff in 0..length {
                for others in [7, 20, 0xff] {
                    let plain: Vec<u8> =
                        (0..length).map(|k| if k == ff || k % others == 5 { 0xff } else { k as u8 }).collect();
                    let mut bytes = vec![1, 2];
                    for &byte in &plain {
                        bytes.push(byte);
                        if byte == 0xff {
                            bytes.push(0);
                        }
                    }
                    for end in [&[0xff, 0xd9, 4, 5, 6][..], &[0xff], &[]] {
                        let bytes = [&bytes[..], end].concat();
                        let (found, at) = copy(&bytes, 2, &mut out);
                        assert_eq!((&out[..found], at), (&plain[..], bytes.len() - end.len()));
                        assert_eq!(out[found..found + PADDING], [0; PADDING]);
                    }
                }
            }
        }
    }

    #[test]
    fn bits_can_be_given_back() {
        let mut data = Vec::new();
        let bytes: Vec<u8> = (0..100).map(|k| (k * 37 % 251) as u8).collect();
        let (length, _) = copy(&bytes, 0, &mut data);
        let mut bits = Bits::new(&data, length);
        for number in 0..500 {
            bits.refill().unwrap();
            let before = bits.peek() >> 8;
            let count = number * 7 % 38;
            bits.skip(count);
            bits.rewind(count).unwrap();
            assert_eq!(bits.peek() >> 8, before, "{number}");
            bits.skip(1);
        }
        assert!(bits.rewind(501).is_err());
    }

    #[test]
    fn bits_come_in_order_and_all_must_be_taken() {
        let bytes: Vec<u8> = (0..100).map(|k| (k * 37 % 251) as u8).collect();
        let mut data = Vec::new();
        let (length, _) = copy(&bytes, 0, &mut data);
        let mut bits = Bits::new(&data, length);
        for (number, &expected) in bytes.iter().enumerate() {
            bits.refill().unwrap();
            assert_eq!((bits.peek() >> 56) as u8, expected);
            bits.skip(3);
            assert!(number == 99 || bits.finish().is_err());
            bits.skip(5);
        }
        bits.finish().unwrap();
        bits.skip(1);
        assert!(bits.finish().is_err(), "past the end");
        assert!((0..40).any(|_| bits.refill().map(|()| bits.skip(40)).is_err()), "and not for ever");
    }
}
