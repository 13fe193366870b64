//! What a file holds before it is brought to the colours asked for, in the terms of Pillow's modes.

use super::scale::Extent;
use super::{DecodeError, check_size};

/// A picture as its format stores it; the buffers stay warm from one to the next.
#[derive(Debug)]
pub(super) struct Raster {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) mode: Mode,
    /// Width and height of the picture in the file, where only some of its pixels are here.
    pub(super) picture: (usize, usize),
    pub(super) extent: Extent,
    /// Samples of 8 bits, HWC; empty in the modes of [`values`](Self::values).
    pub(super) bytes: Vec<u8>,
    /// Pixels of more than 8 bits, HW.
    pub(super) values: Vec<i32>,
    /// Red, green, blue and opacity of each index.
    pub(super) palette: [[u8; 4]; 256],
    /// The colour that stands for "nothing here".
    pub(super) transparent: Option<[u8; 3]>,
    /// 1 to 8.
    pub(super) orientation: u8,
    /// Pillow turns the picture while loading it.
    pub(super) turned_always: bool,
    pub(super) animated: bool,
    /// Values were saturated on their way to 8 bits.
    pub(super) clipped: bool,
}

/// What samples mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Grey.
    L,
    /// Grey and opacity.
    La,
    Rgb,
    Rgba,
    /// Indices into [`Raster::palette`].
    Palette,
    /// Ink, 255 = full.
    Cmyk,
    /// Grey of 16 bits, Pillow's `I;16`.
    I16,
    /// The same in a file of the other byte order, `I;16B`: Keras does not know that one.
    I16Big,
    /// Grey of 16 bits in Pillow's mode of 32, `I`.
    I32From16,
    /// Grey of 32 bits.
    I32,
}

impl Mode {
    /// Pillow's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::L => "L",
            Self::La => "LA",
            Self::Rgb => "RGB",
            Self::Rgba => "RGBA",
            Self::Palette => "P",
            Self::Cmyk => "CMYK",
            Self::I16 => "I;16",
            Self::I16Big => "I;16B",
            Self::I32From16 | Self::I32 => "I",
        }
    }

    /// Bytes a pixel; 0 in the modes of [`Raster::values`].
    pub(super) fn channels(self) -> usize {
        match self {
            Self::L | Self::Palette => 1,
            Self::La => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
            Self::I16 | Self::I16Big | Self::I32From16 | Self::I32 => 0,
        }
    }
}

impl Default for Raster {
    fn default() -> Self {
        Self {
            width: 0,
            height: 0,
            mode: Mode::Rgb,
            picture: (0, 0),
            extent: Extent::Whole,
            bytes: Vec::new(),
            values: Vec::new(),
            // Indices past a palette's end are black, as in Pillow.
            palette: [[0, 0, 0, 255]; 256],
            transparent: None,
            orientation: 1,
            turned_always: false,
            animated: false,
            clipped: false,
        }
    }
}

impl Raster {
    /// Forgets the last picture, but not its buffers.
    pub(super) fn reset(&mut self) {
        let (bytes, values) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.values));
        *self = Self { bytes, values, ..Self::default() };
    }

    /// Checks the size that a header states, and makes room for as many pixels in `mode`.
    pub(super) fn begin(&mut self, width: u64, height: u64, mode: Mode) -> Result<(), DecodeError> {
        check_size(width, height)?;
        self.width = width as usize;
        self.height = height as usize;
        self.mode = mode;
        self.bytes.resize(self.width * self.height * mode.channels(), 0);
        self.values.clear();
        if mode.channels() == 0 {
            self.values.resize(self.width * self.height, 0);
        }
        Ok(())
    }

    /// Takes colours of `N` bytes, of which `color` makes red, green and blue.
    pub(super) fn set_palette<const N: usize>(&mut self, colors: &[u8], color: impl Fn(&[u8; N]) -> [u8; 3]) {
        for (entry, bytes) in self.palette.iter_mut().zip(colors.as_chunks::<N>().0) {
            entry[..3].copy_from_slice(&color(bytes));
        }
    }
}

/// Spreads rows of 1, 2, 4 or 8 bits a sample, each of which begins at a byte, to a byte a sample, times
/// `scale`.
pub(super) fn unpack(rows: &[u8], width: usize, bits: usize, scale: u8, out: &mut [u8]) {
    let stride = (width * bits).div_ceil(8);
    if width == 0 || stride == 0 {
        return;
    }
    let mask = (0xff_u16 >> (8 - bits)) as u8;
    for (row, out) in rows.chunks_exact(stride).zip(out.chunks_exact_mut(width)) {
        for (byte, out) in row.iter().zip(out.chunks_mut(8 / bits)) {
            for (at, out) in out.iter_mut().enumerate() {
                *out = ((byte >> (8 - bits * (at + 1))) & mask) * scale;
            }
        }
    }
}

/// What grey of so many bits is multiplied with, to reach 255.
pub(super) fn grey_scale(bits: usize) -> u8 {
    match bits {
        1 => 255,
        2 => 85,
        4 => 17,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_spread_row_by_row() {
        let mut out = [0; 10];
        unpack(&[0b1010_0000, 0b0101_1000], 5, 1, 255, &mut out);
        assert_eq!(out, [255, 0, 255, 0, 0, 0, 255, 0, 255, 255]);
        let mut out = [0; 3];
        unpack(&[0b0001_1011], 3, 2, 85, &mut out);
        assert_eq!(out, [0, 85, 170]);
        let mut out = [0; 3];
        unpack(&[0x1f, 0x80], 3, 4, 1, &mut out);
        assert_eq!(out, [1, 15, 8]);
    }
}
