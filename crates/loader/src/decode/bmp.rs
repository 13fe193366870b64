//! Windows bitmaps, as far as Pillow reads them.

use super::raster::{Mode, Raster, unpack};
use super::{DecodeError, FileFormat};

const FORMAT: FileFormat = FileFormat::Bmp;
const FILE_HEADER: usize = 14;

/// What the headers say.
#[derive(Debug)]
struct Header {
    width: usize,
    height: usize,
    /// Rows come from the top.
    top_down: bool,
    bits: usize,
    compression: Compression,
    /// Where red, green, blue and alpha are in a pixel of 16 or 32 bits.
    masks: [u32; 4],
    colors: usize,
    /// Bytes a palette entry.
    entry: usize,
    palette: usize,
    pixels: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    None,
    Rle8,
    Rle4,
    Masks,
}

pub(super) fn decode(bytes: &[u8], raster: &mut Raster) -> Result<(), DecodeError> {
    let header = Header::read(bytes)?;
    let mode = match header.bits {
        1 | 4 | 8 => Mode::Palette,
        _ if header.masks[3] != 0 => Mode::Rgba,
        _ => Mode::Rgb,
    };
    raster.begin(header.width as u64, header.height as u64, mode)?;
    if mode == Mode::Palette {
        let size = header.entry * header.colors.min(256);
        let colors = bytes.get(header.palette..header.palette + size);
        let colors = colors.ok_or_else(|| DecodeError::truncated(FORMAT, bytes))?;
        match header.entry {
            3 => raster.set_palette(colors, |&[blue, green, red]: &[u8; 3]| [red, green, blue]),
            _ => raster.set_palette(colors, |&[blue, green, red, _]: &[u8; 4]| [red, green, blue]),
        }
    }
    match header.compression {
        Compression::Rle8 | Compression::Rle4 => run_lengths(bytes, &header, &mut raster.bytes)?,
        Compression::None | Compression::Masks => rows(bytes, &header, mode, &mut raster.bytes)?,
    }
    if !header.top_down {
        let stride = raster.width * mode.channels();
        for y in 0..raster.height / 2 {
            let (above, below) = raster.bytes.split_at_mut((raster.height - 1 - y) * stride);
            above[y * stride..][..stride].swap_with_slice(&mut below[..stride]);
        }
    }
    Ok(())
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let truncated = || DecodeError::truncated(FORMAT, bytes);
        let long = |at: usize| {
            let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or_else(truncated)?;
            Ok::<u32, DecodeError>(u32::from_le_bytes(*bytes))
        };
        let short = |at: usize| {
            let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or_else(truncated)?;
            Ok::<usize, DecodeError>(u16::from_le_bytes(*bytes).into())
        };
        let at = FILE_HEADER;
        let mut pixels = long(10)? as usize;
        let size = long(at)? as usize;
        if size == 12 {
            let (width, height, bits) = (short(at + 4)?, short(at + 6)?, short(at + 10)?);
            let header = Self {
                width,
                height,
                top_down: false,
                bits,
                compression: Compression::None,
                masks: [0x7c00, 0x3e0, 0x1f, 0],
                colors: 1 << bits.min(8),
                entry: 3,
                palette: at + size,
                pixels,
            };
            return header.checked();
        }
        if !matches!(size, 40 | 52 | 56 | 64 | 108 | 124) {
            return Err(DecodeError::unsupported(FORMAT, format!("a header of {size} bytes")));
        }
        let (width, signed_height) = (long(at + 4)?, long(at + 8)? as i32);
        let bits = short(at + 14)?;
        let compression = match long(at + 16)? {
            0 => Compression::None,
            1 => Compression::Rle8,
            2 => Compression::Rle4,
            3 => Compression::Masks,
            other => return Err(DecodeError::unsupported(FORMAT, format!("compression method {other}"))),
        };
        let colors = match long(at + 32)? as usize {
            0 => 1 << bits.min(8),
            colors => colors,
        };
        let mut palette = at + size;
        let mut masks = if bits == 16 { [0x7c00, 0x3e0, 0x1f, 0] } else { [0xff_0000, 0xff00, 0xff, 0] };
        if compression == Compression::Masks {
            for (index, mask) in masks.iter_mut().enumerate().take(if size >= 56 { 4 } else { 3 }) {
                *mask = long(at + 40 + 4 * index)?;
            }
            if bits == 32 && masks == [0; 4] {
                masks = [0xff_0000, 0xff00, 0xff, 0xff00_0000];
            }
            if size == 40 {
                palette += 12;
            }
        }
        // Some writers leave the palette out of the offset.
        if pixels == at + size && bits <= 8 {
            pixels += 4 * colors;
        }
        let header = Self {
            width: width as usize,
            height: signed_height.unsigned_abs() as usize,
            top_down: signed_height < 0,
            bits,
            compression,
            masks,
            colors,
            entry: 4,
            palette,
            pixels: if pixels == 0 { palette } else { pixels },
        };
        header.checked()
    }

    fn checked(self) -> Result<Self, DecodeError> {
        let fits = match self.compression {
            Compression::None => matches!(self.bits, 1 | 4 | 8 | 16 | 24 | 32),
            Compression::Rle8 => self.bits == 8,
            Compression::Rle4 => self.bits == 4,
            Compression::Masks => {
                matches!(self.bits, 16 | 24 | 32)
                    && (self.bits != 24 || self.masks == [0xff_0000, 0xff00, 0xff, 0])
                    && self.masks.iter().all(|&mask| is_run(mask))
            }
        };
        if !fits {
            let message = format!("{} bits a pixel with {:?} and masks {:x?}", self.bits, self.compression, self.masks);
            return Err(DecodeError::unsupported(FORMAT, message));
        }
        Ok(self)
    }
}

/// Whether the bits of `mask` are neighbours.
fn is_run(mask: u32) -> bool {
    mask == 0 || (mask >> mask.trailing_zeros()).wrapping_add(1).is_power_of_two() || mask == u32::MAX
}

/// Rows as they are stored, each padded to 4 bytes.
fn rows(bytes: &[u8], header: &Header, mode: Mode, out: &mut [u8]) -> Result<(), DecodeError> {
    let truncated = || DecodeError::truncated(FORMAT, bytes);
    let (width, bits) = (header.width, header.bits);
    let stride = (width * bits).div_ceil(32) * 4;
    let used = (width * bits).div_ceil(8);
    let stored = bytes.get(header.pixels..).ok_or_else(truncated)?;
    // The padding of the last row may be missing.
    if stored.len() < stride * (header.height - 1) + used {
        return Err(truncated());
    }
    let channels = mode.channels();
    for (row, out) in stored.chunks(stride).zip(out.chunks_exact_mut(width * channels)) {
        match bits {
            1 | 4 | 8 => unpack(&row[..used], width, bits, 1, out),
            24 => {
                for (&[blue, green, red], out) in row.as_chunks::<3>().0.iter().zip(out.as_chunks_mut::<3>().0) {
                    *out = [red, green, blue];
                }
            }
            _ => {
                for (pixel, out) in row.chunks_exact(bits / 8).zip(out.chunks_exact_mut(channels)) {
                    let pixel = pixel.iter().rev().fold(0_u32, |value, &byte| value << 8 | u32::from(byte));
                    for (out, &mask) in out.iter_mut().zip(&header.masks) {
                        *out = field(pixel, mask);
                    }
                }
            }
        }
    }
    Ok(())
}

/// The bits of `pixel` under `mask`, stretched to 8.
fn field(pixel: u32, mask: u32) -> u8 {
    if mask == 0 {
        return 0;
    }
    let shift = mask.trailing_zeros();
    let (value, full) = ((pixel & mask) >> shift, mask >> shift);
    if full == 255 { value as u8 } else { (u64::from(value) * 255 / u64::from(full)) as u8 }
}

/// Run lengths of 8 or 4 bits a pixel, from the bottom row; what is skipped has index 0.
fn run_lengths(bytes: &[u8], header: &Header, out: &mut [u8]) -> Result<(), DecodeError> {
    let truncated = || DecodeError::truncated(FORMAT, bytes);
    let four = header.compression == Compression::Rle4;
    let width = header.width;
    let mut at = header.pixels;
    let mut take = |count: usize| {
        let taken = bytes.get(at..at + count).ok_or_else(truncated)?;
        at += count;
        Ok::<&[u8], DecodeError>(taken)
    };
    out.fill(0);
    let (mut x, mut y) = (0, 0);
    let nibble = |bytes: &[u8], index: usize| match (four, index % 2) {
        (false, _) => bytes[index],
        (true, 0) => bytes[index / 2] >> 4,
        (true, _) => bytes[index / 2] & 15,
    };
    while y < header.height {
        let &[count, value] = take(2)? else { return Err(truncated()) };
        let row = &mut out[y * width..][..width];
        match (count, value) {
            (0, 0) => (x, y) = (0, y + 1),
            (0, 1) => break,
            (0, 2) => {
                let &[right, down] = take(2)? else { return Err(truncated()) };
                x = (x + usize::from(right)).min(width);
                y += usize::from(down);
            }
            (0, count) => {
                let count = usize::from(count);
                let stored = if four { count.div_ceil(2) } else { count };
                let pixels = take(stored.next_multiple_of(2))?;
                for (index, out) in row[x..].iter_mut().enumerate().take(count) {
                    *out = nibble(pixels, index);
                }
                x = (x + count).min(width);
            }
            (count, value) => {
                let count = usize::from(count);
                for (index, out) in row[x..].iter_mut().enumerate().take(count) {
                    *out = if four { nibble(&[value], index % 2) } else { value };
                }
                x = (x + count).min(width);
            }
        }
        // Pillow does not wait for the mark at the end of the last row.
        if x == width && y + 1 == header.height {
            break;
        }
    }
    Ok(())
}
