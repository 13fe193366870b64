//! Changes that a PNG decoder sees as such: checksums are made right again.

use flate2::Crc;

use crate::mutation::{Dice, overwrite};

pub(crate) fn mutate(bytes: &mut [u8], dice: &mut Dice) {
    let chunks = chunks(bytes);
    if chunks.is_empty() {
        return;
    }
    let (start, length) = *dice.pick(&chunks);
    let content = start + 8..start + 8 + length;
    if &bytes[start + 4..start + 8] == b"IHDR" && length == 13 && dice.below(2) == 0 {
        let at = content.start + *dice.pick(&[0, 2, 2, 2, 2, 4, 6, 6, 6, 6]);
        bytes[at..at + 2].copy_from_slice(&dice.odd_u16().to_be_bytes());
    } else if length > 0 {
        overwrite(&mut bytes[content.clone()], dice);
    }
    let mut crc = Crc::new();
    crc.update(&bytes[start + 4..content.end]);
    bytes[content.end..content.end + 4].copy_from_slice(&crc.sum().to_be_bytes());
}

/// Where each whole chunk begins, and how long its content is.
fn chunks(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 8;
    while let Some(&[a, b, c, d]) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if bytes.len() - at < 12 || length > bytes.len() - at - 12 {
            break;
        }
        found.push((at, length));
        at += 12 + length;
    }
    found
}
