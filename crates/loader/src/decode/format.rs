//! Which format bytes are in, by their first ones.

use image::ImageFormat;

use super::DecodeError;

/// A format, by who decodes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Jpeg,
    Raster(ImageFormat),
}

impl Format {
    pub(super) fn of(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(match bytes {
            [] => return Err(DecodeError::Empty),
            [0xff, 0xd8, 0xff, ..] => Self::Jpeg,
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Self::Raster(ImageFormat::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Self::Raster(ImageFormat::Gif),
            [b'B', b'M', ..] => Self::Raster(ImageFormat::Bmp),
            [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => Self::Raster(ImageFormat::Tiff),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Self::Raster(ImageFormat::WebP),
            [b'P', b'1'..=b'6', b' ' | b'\t' | b'\r' | b'\n' | b'#', ..] => Self::Raster(ImageFormat::Pnm),
            other => {
                return Err(DecodeError::UnknownFormat {
                    begins: format!("\"{}\"", other[..other.len().min(8)].escape_ascii()),
                });
            }
        })
    }
}

/// A format's name in messages.
pub(super) fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Gif => "GIF",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::WebP => "WebP",
        ImageFormat::Pnm => "PNM",
        _ => "image",
    }
}
