//! A file's bytes to RGB pixels, as Pillow's `Image.open(..).convert("RGB")` gives them. The format is
//! recognised by content, never by name.

mod cmyk;
mod error;
mod format;
mod jpeg;
mod raster;

pub use error::DecodeError;

use format::Format;

/// Images of more pixels are refused: twice the limit above which Pillow warns of a decompression bomb.
pub const MAX_PIXELS: u64 = 178_956_970;

/// A decoded image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Pixels a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// RGB, `u8`, HWC, rows from the top: `height * width * 3` values.
    pub pixels: Vec<u8>,
}

/// Decodes one image after another into the same buffer.
#[derive(Debug, Default)]
pub struct Decoder {
    image: Image,
    jpeg: jpeg::Scratch,
}

impl Decoder {
    /// A decoder with an empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes the first image in `bytes`. The result is valid until the next call.
    ///
    /// Grey is repeated in all channels (16 bits saturate at 255, as in Pillow), alpha is dropped, palettes
    /// are looked up, CMYK is converted as Pillow does; EXIF orientation and colour profiles are ignored.
    ///
    /// # Errors
    ///
    /// The bytes are empty, of no known format, incomplete, corrupt beyond decoding, of an unsupported kind,
    /// or have more than [`MAX_PIXELS`] pixels.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<&Image, DecodeError> {
        match Format::of(bytes)? {
            Format::Jpeg => jpeg::decode(bytes, &mut self.image, &mut self.jpeg)?,
            Format::Raster(format) => raster::decode(bytes, format, &mut self.image)?,
        }
        Ok(&self.image)
    }
}

/// Checks a size that a header states, before anything is allocated for it.
fn check_size(width: u64, height: u64) -> Result<(), DecodeError> {
    if width == 0 || height == 0 {
        return Err(DecodeError::NoPixels { width, height });
    }
    if width.saturating_mul(height) > MAX_PIXELS {
        return Err(DecodeError::TooLarge { width, height });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
