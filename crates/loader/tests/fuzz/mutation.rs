//! Files that were good once.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use crate::{jpeg, png};

/// A stream of random numbers, the same for the same seed.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Below `limit`, which is not zero.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0.next_u64() as usize % limit
    }

    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.0.next_u32() as u8
    }

    /// Anything, or what borders on something.
    pub(crate) fn odd_byte(&mut self) -> u8 {
        let any = self.byte();
        *self.pick(&[0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF, any, any])
    }

    /// Mostly small; now and then what overflows, or what makes a picture so large that it takes its time.
    pub(crate) fn odd_u16(&mut self) -> u16 {
        let any = self.0.next_u32() as u16;
        if self.below(16) == 0 {
            return *self.pick(&[0, 4096, 13377, 32767, 32768, 65500, 65535, any]);
        }
        *self.pick(&[0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 255, 256, any % 600, any % 64])
    }
}

/// One of `files`, changed a few times.
pub(crate) fn mutated(files: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = dice.pick(files).clone();
    for _ in 0..*dice.pick(&[1, 1, 1, 2, 3, 5]) {
        mutate(&mut bytes, files, dice);
    }
    bytes
}

fn mutate(bytes: &mut Vec<u8>, files: &[Vec<u8>], dice: &mut Dice) {
    if bytes.is_empty() {
        return bytes.push(dice.byte());
    }
    match dice.below(10) {
        0 => flip(bytes, dice),
        1 => overwrite(bytes, dice),
        2 => bytes.truncate(dice.below(bytes.len())),
        3 => splice(bytes, dice.pick::<Vec<u8>>(files), dice),
        4 => move_part(bytes, dice),
        // What knows the format gets deeper into its decoder.
        _ if bytes.starts_with(&[0xFF, 0xD8]) => jpeg::mutate(bytes, dice),
        _ if bytes.starts_with(b"\x89PNG") => png::mutate(bytes, dice),
        _ => header(bytes, dice),
    }
}

/// Flips bits anywhere.
fn flip(bytes: &mut [u8], dice: &mut Dice) {
    for _ in 0..1 << dice.below(6) {
        let at = dice.below(bytes.len());
        bytes[at] ^= 1 << dice.below(8);
    }
}

/// Writes a run of bytes over others.
pub(crate) fn overwrite(bytes: &mut [u8], dice: &mut Dice) {
    let start = dice.below(bytes.len());
    let end = (start + 1 + dice.below(8)).min(bytes.len());
    let same = (dice.below(2) == 0).then(|| dice.odd_byte());
    for byte in &mut bytes[start..end] {
        *byte = same.unwrap_or_else(|| dice.odd_byte());
    }
}

/// The start of one file, and the end of another.
fn splice(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    bytes.truncate(dice.below(bytes.len()));
    bytes.extend_from_slice(&other[dice.below(other.len().max(1)).min(other.len())..]);
}

/// Leaves a part out, or has it twice.
fn move_part(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let start = dice.below(bytes.len());
    let end = (start + 1 + dice.below(300)).min(bytes.len());
    if dice.below(2) == 0 {
        bytes.drain(start..end);
    } else {
        let part = bytes[start..end].to_vec();
        bytes.splice(start..start, part);
    }
}

/// Changes numbers near the beginning, where formats have sizes, offsets and counts.
fn header(bytes: &mut [u8], dice: &mut Dice) {
    let reach = bytes.len().min(*dice.pick(&[32, 64, 256]));
    for _ in 0..=dice.below(3) {
        let at = dice.below(reach);
        let value = dice.odd_u16();
        let pair = if dice.below(2) == 0 { value.to_le_bytes() } else { value.to_be_bytes() };
        for (byte, new) in bytes[at..].iter_mut().zip(pair) {
            *byte = new;
        }
    }
}
