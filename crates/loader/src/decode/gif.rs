//! GIF: the first image, on the canvas that Pillow shows it on.

use weezl::{BitOrder, LzwError};

use super::raster::{Mode, Raster};
use super::{DecodeError, FileFormat, check_size};

const FORMAT: FileFormat = FileFormat::Gif;

const EXTENSION: u8 = b'!';
const IMAGE: u8 = b',';
const TRAILER: u8 = b';';
const GRAPHIC_CONTROL: u8 = 0xf9;

pub(super) fn decode(bytes: &[u8], raster: &mut Raster, indices: &mut Vec<u8>) -> Result<(), DecodeError> {
    let mut reader = Reader { bytes, at: 6 };
    let &[w0, w1, h0, h1, flags, _, _] = reader.take(7)? else { return Err(reader.truncated()) };
    let screen = [[w0, w1], [h0, h1]].map(|side| usize::from(u16::from_le_bytes(side)));
    let global = reader.palette(flags)?;
    let mut transparent = None;
    loop {
        match reader.take(1)? {
            [EXTENSION] => {
                let label = reader.take(1)?[0];
                let block = reader.block()?;
                if let (GRAPHIC_CONTROL, &[flags, _, _, index, ..]) = (label, block) {
                    transparent = (flags & 1 != 0).then_some(index).or(transparent);
                }
                if !block.is_empty() {
                    reader.skip_blocks()?;
                }
            }
            [IMAGE] => break,
            [TRAILER] => return Err(DecodeError::corrupt(FORMAT, reader.at - 1, "there is no image before the end")),
            // Stray bytes between blocks are skipped, as Pillow does.
            _ => {}
        }
    }
    let &[x0, x1, y0, y1, w0, w1, h0, h1, flags] = reader.take(9)? else { return Err(reader.truncated()) };
    let [left, top, width, height] =
        [[x0, x1], [y0, y1], [w0, w1], [h0, h1]].map(|number| usize::from(u16::from_le_bytes(number)));
    let palette = reader.palette(flags)?.or(global);
    let code_size = reader.take(1)?[0];
    if !(1..=11).contains(&code_size) {
        return Err(DecodeError::corrupt(FORMAT, reader.at - 1, format!("LZW codes of {code_size} bits")));
    }

    // Images that reach past the screen make it larger.
    let canvas = (screen[0].max(left + width), screen[1].max(top + height));
    check_size(width as u64, height as u64)?;
    raster.begin(canvas.0 as u64, canvas.1 as u64, Mode::Palette)?;
    match palette {
        Some(colors) if !is_grey_ramp(colors) => raster.set_palette(colors, |&color: &[u8; 3]| color),
        // Without colours, indices are grey.
        _ => raster.palette = std::array::from_fn(|index| [index as u8, index as u8, index as u8, 255]),
    }
    if let Some(index) = transparent {
        raster.palette[usize::from(index)][3] = 0;
    }
    indices.resize(width * height, 0);
    pixels(&mut reader, code_size, indices)?;
    if canvas != (width, height) {
        raster.bytes.fill(transparent.unwrap_or(0));
    }
    let interlaced = flags & 0x40 != 0;
    for (row, y) in indices.chunks_exact(width).zip(rows(height, interlaced)) {
        raster.bytes[(top + y) * canvas.0 + left..][..width].copy_from_slice(row);
    }
    raster.animated = reader.has_another_image();
    Ok(())
}

/// Whether each colour is grey of its own index; Pillow takes the image for a grey one then.
fn is_grey_ramp(colors: &[u8]) -> bool {
    colors.as_chunks::<3>().0.iter().enumerate().all(|(index, color)| color.iter().all(|&c| usize::from(c) == index))
}

/// Decompresses blocks until every pixel is there.
fn pixels(reader: &mut Reader<'_>, code_size: u8, out: &mut [u8]) -> Result<(), DecodeError> {
    let mut decoder = weezl::decode::Decoder::new(BitOrder::Lsb, code_size);
    let mut done = 0;
    while done < out.len() {
        let start = reader.at;
        let mut block = reader.block()?;
        let last = block.is_empty();
        loop {
            let step = decoder.decode_bytes(block, &mut out[done..]);
            block = &block[step.consumed_in..];
            done += step.consumed_out;
            if matches!(step.status, Err(LzwError::InvalidCode)) {
                return Err(DecodeError::corrupt(FORMAT, start, "an LZW code that does not exist"));
            }
            // The decoder holds pixels back, so that an empty block may still give some.
            if done == out.len() || step.consumed_in + step.consumed_out == 0 {
                break;
            }
        }
        if done < out.len() && (last || decoder.has_ended()) {
            let message = format!("the data ends after {done} of {} pixels", out.len());
            return Err(DecodeError::corrupt(FORMAT, start, message));
        }
    }
    Ok(())
}

/// The order in which rows are stored.
fn rows(height: usize, interlaced: bool) -> impl Iterator<Item = usize> {
    let passes: &[(usize, usize)] = if interlaced { &[(0, 8), (4, 8), (2, 4), (1, 2)] } else { &[(0, 1)] };
    passes.iter().flat_map(move |&(first, step)| (first..height).step_by(step))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let taken = self.bytes.get(self.at..self.at + count).ok_or_else(|| self.truncated())?;
        self.at += count;
        Ok(taken)
    }

    /// A block of data with its length before it; empty at the end of a chain of them.
    fn block(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.take(1)?[0];
        self.take(length.into())
    }

    fn skip_blocks(&mut self) -> Result<(), DecodeError> {
        while !self.block()?.is_empty() {}
        Ok(())
    }

    /// The palette that `flags` say is next.
    fn palette(&mut self, flags: u8) -> Result<Option<&'a [u8]>, DecodeError> {
        if flags & 0x80 == 0 {
            return Ok(None);
        }
        self.take(3 << ((flags & 7) + 1)).map(Some)
    }

    /// Whether another image follows; what is cut off or broken there does not matter.
    fn has_another_image(&mut self) -> bool {
        if self.skip_blocks().is_err() {
            return false;
        }
        loop {
            match self.take(1) {
                Ok([IMAGE]) => return true,
                Ok([EXTENSION]) if self.take(1).is_ok() && self.skip_blocks().is_ok() => {}
                _ => return false,
            }
        }
    }

    fn truncated(&self) -> DecodeError {
        DecodeError::truncated(FORMAT, self.bytes)
    }
}
