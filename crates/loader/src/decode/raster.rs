//! PNG, GIF, BMP, TIFF, WebP and PNM through the `image` crate, brought to RGB by Pillow's rules.

use std::io::Cursor;

use image::error::{ImageError, LimitErrorKind};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::format::name;
use super::{DecodeError, Image, MAX_PIXELS, check_size};

/// Room for [`MAX_PIXELS`] in 4 channels of 16 bits, and as much again for the decoder.
const MAX_ALLOC: u64 = MAX_PIXELS * 8 * 2;

pub(super) fn decode(bytes: &[u8], format: ImageFormat, image: &mut Image) -> Result<(), DecodeError> {
    let failed = |error| describe(error, format, bytes.len());
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_ALLOC);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    check_size(width.into(), height.into())?;
    let decoded = DynamicImage::from_decoder(decoder).map_err(failed)?;

    image.width = width as usize;
    image.height = height as usize;
    image.pixels.clear();
    image.pixels.reserve(image.width * image.height * 3);
    to_rgb(&decoded, format, &mut image.pixels)
}

fn to_rgb(decoded: &DynamicImage, format: ImageFormat, rgb: &mut Vec<u8>) -> Result<(), DecodeError> {
    // Pillow keeps the high byte of 16-bit colour, but rescales that of PNM files.
    let high_byte = |value: u16| match format {
        ImageFormat::Pnm => (f64::from(value) / 65_535.0 * 255.0).round_ties_even() as u8,
        _ => (value >> 8) as u8,
    };
    match decoded {
        DynamicImage::ImageRgb8(pixels) => rgb.extend_from_slice(pixels),
        DynamicImage::ImageRgba8(pixels) => rgb.extend(pixels.pixels().flat_map(|p| [p[0], p[1], p[2]])),
        DynamicImage::ImageLuma8(pixels) => rgb.extend(pixels.iter().flat_map(|&grey| [grey; 3])),
        DynamicImage::ImageLumaA8(pixels) => rgb.extend(pixels.pixels().flat_map(|p| [p[0]; 3])),
        // Grey of 16 bits is clipped, not scaled.
        DynamicImage::ImageLuma16(pixels) => {
            rgb.extend(pixels.iter().flat_map(|&grey| [grey.min(255) as u8; 3]));
        }
        DynamicImage::ImageLumaA16(pixels) => rgb.extend(pixels.pixels().flat_map(|p| [high_byte(p[0]); 3])),
        DynamicImage::ImageRgb16(pixels) => rgb.extend(pixels.iter().map(|&value| high_byte(value))),
        DynamicImage::ImageRgba16(pixels) => {
            rgb.extend(pixels.pixels().flat_map(|p| [p[0], p[1], p[2]]).map(high_byte));
        }
        other => {
            return Err(DecodeError::Unsupported {
                format: name(format),
                message: format!("pixels of type {:?}", other.color()),
            });
        }
    }
    Ok(())
}

fn describe(error: ImageError, format: ImageFormat, bytes: usize) -> DecodeError {
    let format = name(format);
    match error {
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated { format, bytes }
        }
        ImageError::Unsupported(error) => DecodeError::Unsupported { format, message: error.to_string() },
        ImageError::Limits(error) if error.kind() == LimitErrorKind::InsufficientMemory => {
            DecodeError::Unsupported { format, message: "needs more memory than an image may".to_owned() }
        }
        other => DecodeError::Corrupt { format, message: other.to_string() },
    }
}
