//! The Netpbm formats P1 to P6, as Pillow scales them.

use super::raster::{Mode, Raster, unpack};
use super::{DecodeError, FileFormat};

const FORMAT: FileFormat = FileFormat::Pnm;

pub(super) fn decode(bytes: &[u8], raster: &mut Raster) -> Result<(), DecodeError> {
    let kind = *bytes.get(1).ok_or_else(|| DecodeError::truncated(FORMAT, bytes))?;
    let mut reader = Reader { bytes, at: 2 };
    let [width, height] = [reader.header_number()?, reader.header_number()?];
    let at = reader.at;
    let max = if matches!(kind, b'1' | b'4') { 1 } else { reader.header_number()? };
    if !(1..=65_535).contains(&max) {
        return Err(DecodeError::corrupt(FORMAT, at, format!("a largest value of {max}")));
    }
    let mode = match kind {
        b'3' | b'6' => Mode::Rgb,
        b'2' | b'5' if max > 255 => Mode::I32From16,
        _ => Mode::L,
    };
    raster.begin(width.into(), height.into(), mode)?;
    let plain = matches!(kind, b'1'..=b'3');
    let bits = matches!(kind, b'1' | b'4');
    match (plain, bits) {
        (true, true) => {
            for out in &mut raster.bytes {
                *out = reader.bit()?;
            }
        }
        (false, true) => {
            let rows = reader.rest(raster.width.div_ceil(8) * raster.height)?;
            unpack(rows, raster.width, 1, 255, &mut raster.bytes);
            // 1 is ink.
            raster.bytes.iter_mut().for_each(|out| *out = !*out);
        }
        (plain, false) => {
            let wide = mode == Mode::I32From16;
            let full = if wide { 65_535 } else { 255 };
            let count = if wide { raster.values.len() } else { raster.bytes.len() };
            let raw = if plain { &[] } else { reader.rest(count * if max > 255 { 2 } else { 1 })? };
            if max == 255 && !plain {
                raster.bytes.copy_from_slice(raw);
                return Ok(());
            }
            for index in 0..count {
                let value = match (plain, max > 255) {
                    (true, _) => reader.value(max)?,
                    (false, true) => u32::from(u16::from_be_bytes([raw[2 * index], raw[2 * index + 1]])),
                    (false, false) => raw[index].into(),
                };
                let value = scale(value, max, full);
                if wide {
                    raster.values[index] = value as i32;
                } else {
                    raster.bytes[index] = value as u8;
                }
            }
        }
    }
    Ok(())
}

/// Python's `min(full, round(value / max * full))`.
fn scale(value: u32, max: u32, full: u32) -> u32 {
    ((f64::from(value) / f64::from(max) * f64::from(full)).round_ties_even() as u32).min(full)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next byte outside comments.
    fn byte(&mut self) -> Result<u8, DecodeError> {
        loop {
            let byte = *self.bytes.get(self.at).ok_or_else(|| DecodeError::truncated(FORMAT, self.bytes))?;
            self.at += 1;
            if byte != b'#' {
                return Ok(byte);
            }
            let comment = self.bytes[self.at..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            self.at = comment.map_or(self.bytes.len(), |length| self.at + length + 1);
        }
    }

    /// A number, and the one blank after it.
    fn header_number(&mut self) -> Result<u32, DecodeError> {
        self.number(true)
    }

    fn number(&mut self, blank_needed: bool) -> Result<u32, DecodeError> {
        let mut number = None;
        loop {
            let byte = match self.byte() {
                // The last number of a file may have nothing after it.
                Err(error) if blank_needed || number.is_none() => return Err(error),
                Err(_) => break,
                Ok(byte) => byte,
            };
            match byte {
                b'0'..=b'9' => {
                    let digit = u32::from(byte - b'0');
                    let value = number.unwrap_or(0_u32).checked_mul(10).and_then(|value| value.checked_add(digit));
                    number = Some(value.ok_or_else(|| self.corrupt("a number is too long"))?);
                }
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c if number.is_none() => {}
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => break,
                _ => return Err(self.corrupt("a number was expected")),
            }
        }
        number.ok_or_else(|| self.corrupt("a number was expected"))
    }

    /// A number of the plain formats.
    fn value(&mut self, max: u32) -> Result<u32, DecodeError> {
        let value = self.number(false)?;
        if value > max {
            return Err(self.corrupt(format!("{value} is more than the largest value, {max}")));
        }
        Ok(value)
    }

    /// A digit of the plain bitmaps, which need no blanks between them.
    fn bit(&mut self) -> Result<u8, DecodeError> {
        loop {
            match self.byte()? {
                b'0' => return Ok(255),
                b'1' => return Ok(0),
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => {}
                _ => return Err(self.corrupt("0 or 1 was expected")),
            }
        }
    }

    fn rest(&self, count: usize) -> Result<&'a [u8], DecodeError> {
        self.bytes.get(self.at..self.at + count).ok_or_else(|| DecodeError::truncated(FORMAT, self.bytes))
    }

    fn corrupt(&self, message: impl Into<String>) -> DecodeError {
        DecodeError::corrupt(FORMAT, self.at.saturating_sub(1), message)
    }
}
