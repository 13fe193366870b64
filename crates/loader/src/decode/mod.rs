//! A file's bytes to pixels, as Pillow's `Image.open(..).convert(..)` and so Keras' `load_img` give them. The
//! format is recognised by content, never by name.

mod bmp;
mod cmyk;
mod convert;
mod error;
mod exif;
mod format;
mod gif;
mod jpeg;
mod options;
mod orient;
mod png;
mod pnm;
mod raster;
mod scale;
mod tiff;
mod webp;

pub use error::DecodeError;
pub use format::{FileFormat, format_of};
pub use options::{Alpha, ColorMode, DecodeOptions, Depth16, ExifOrientation};
pub use scale::{DecodeScale, Extent, Wanted};

use crate::resize::DeepKind;
use raster::Raster;

/// Images of more pixels are refused: twice the limit above which Pillow warns of a decompression bomb.
pub const MAX_PIXELS: u64 = 178_956_970;

/// A decoded image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Pixels a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Which pixels these are. Whole but for [`Decoder::decode_for`].
    pub extent: Extent,
    /// (height, width) of the picture in the file, turned if the image is.
    pub picture: (usize, usize),
    /// Values a pixel: 3 (red, green, blue), 4 (and opacity) or 1 (grey).
    pub channels: usize,
    /// `u8`, HWC, rows from the top: `height * width * channels` values; empty where there is
    /// [`deep`](Self::deep).
    pub pixels: Vec<u8>,
    /// Grey of more than 8 bits, in place of [`pixels`](Self::pixels).
    pub deep: Option<Deep>,
    /// The EXIF orientation that the file states, 1 to 8, whether it was applied or not.
    pub orientation: u8,
    /// The picture was turned by its orientation: where that was asked for, and TIFF always, as Pillow does.
    pub turned: bool,
    /// Values beyond `0..=255` were saturated.
    pub clipped: bool,
    /// The format's name.
    pub format: &'static str,
    /// Pillow's name of the pixels as they are stored: `1`, `L`, `LA`, `P`, `RGB`, `RGBA`, `CMYK`, `I;16`, ...
    pub mode: &'static str,
    /// There are more frames or pages than this first one.
    pub animated: bool,
}

/// Grey of more than 8 bits, which Keras keeps under `color_mode="grayscale"`
/// ([`ColorMode::Grayscale`] with [`Depth16::Clip`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deep {
    /// Pillow's mode, which says how it is resized.
    pub kind: DeepKind,
    /// HW, rows from the top: `height * width` values.
    pub values: Vec<i32>,
}

/// Decodes one image after another into the same buffers.
#[derive(Debug, Default)]
pub struct Decoder {
    image: Image,
    raster: Raster,
    jpeg: jpeg::Scratch,
    tiff: tiff::Scratch,
    /// Packed rows on their way to samples, or pixels on their way round.
    packed: Vec<u8>,
}

impl Decoder {
    /// A decoder with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The image that was decoded last.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Decodes the first image in `bytes`. The result is valid until the next call.
    ///
    /// Palettes are looked up, CMYK is converted as Pillow does, colour profiles are ignored. A first frame
    /// smaller than its canvas is shown on it.
    ///
    /// # Errors
    ///
    /// The bytes are empty, of no known format, incomplete, corrupt beyond decoding, of an unsupported kind,
    /// or have more than [`MAX_PIXELS`] pixels.
    pub fn decode(&mut self, bytes: &[u8], options: &DecodeOptions) -> Result<&Image, DecodeError> {
        self.decode_any(bytes, options, None)
    }

    /// Decodes of the first image in `bytes` what is wanted, as far as that is less work than all of it: see
    /// [`Image::extent`]. [`Resizer::resize_reduced`](crate::resize::Resizer::resize_reduced) resizes what is reduced.
    ///
    /// # Errors
    ///
    /// Those of [`decode`](Self::decode), for the same bytes.
    pub fn decode_for(
        &mut self,
        bytes: &[u8],
        options: &DecodeOptions,
        wanted: &Wanted,
    ) -> Result<&Image, DecodeError> {
        self.decode_any(bytes, options, Some(wanted))
    }

    fn decode_any(
        &mut self,
        bytes: &[u8],
        options: &DecodeOptions,
        wanted: Option<&Wanted>,
    ) -> Result<&Image, DecodeError> {
        let Self { image, raster, packed, .. } = self;
        // The larger buffer is decoded into; where nothing is to be converted, it then becomes the image.
        if image.pixels.capacity() > raster.bytes.capacity() {
            std::mem::swap(&mut image.pixels, &mut raster.bytes);
        }
        if let Some(deep) = image.deep.take() {
            raster.values = deep.values;
        }
        raster.reset();
        let format = format_of(bytes)?;
        match format {
            FileFormat::Jpeg => {
                let wanted =
                    |orientation| wanted.and_then(|wanted| wanted.unless_turned(orientation, options)).copied();
                jpeg::decode(bytes, wanted, raster, &mut self.jpeg)?;
            }
            FileFormat::Png => png::decode(bytes, raster, packed)?,
            FileFormat::Gif => gif::decode(bytes, raster, packed)?,
            FileFormat::Bmp => bmp::decode(bytes, raster)?,
            FileFormat::Tiff => tiff::decode(bytes, raster, &mut self.tiff, &mut self.jpeg)?,
            FileFormat::WebP => webp::decode(bytes, raster)?,
            FileFormat::Pnm => pnm::decode(bytes, raster)?,
        }
        image.mode = raster.mode.name();
        convert::convert(raster, options, image);
        image.orientation = raster.orientation;
        image.clipped = raster.clipped;
        image.format = format.name();
        image.animated = raster.animated;
        image.extent = raster.extent;
        image.turned = raster.turned_always || options.exif == ExifOrientation::Apply;
        if image.turned {
            orient::apply(image, raster.orientation, packed);
        }
        image.picture = match raster.extent {
            Extent::Whole => (image.height, image.width),
            // Never turned.
            Extent::Picked | Extent::Reduced(_) => (raster.picture.1, raster.picture.0),
        };
        Ok(image)
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
