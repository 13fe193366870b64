//! Which format bytes are in, by their first ones.

use std::fmt;

use super::DecodeError;

/// A format that is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileFormat {
    /// JPEG: baseline and progressive, JFIF, Exif or Adobe.
    Jpeg,
    /// PNG, of which animated ones are [`Image::animated`](super::Image::animated).
    Png,
    /// GIF 87a and 89a.
    Gif,
    /// Windows bitmaps.
    Bmp,
    /// TIFF and BigTIFF.
    Tiff,
    /// WebP, lossy and lossless.
    WebP,
    /// The Netpbm formats `P1` to `P6`.
    Pnm,
}

impl FileFormat {
    /// Every format.
    pub const ALL: [Self; 7] = [Self::Jpeg, Self::Png, Self::Gif, Self::Bmp, Self::Tiff, Self::WebP, Self::Pnm];

    /// The name as it stands in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::WebP => "WebP",
            Self::Pnm => "PNM",
        }
    }

    /// The extensions of its files, in small letters and without the dot, the usual one first.
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif", "mpo"],
            Self::Png => &["png", "apng"],
            Self::Gif => &["gif"],
            Self::Bmp => &["bmp", "dib"],
            Self::Tiff => &["tif", "tiff"],
            Self::WebP => &["webp"],
            Self::Pnm => &["ppm", "pgm", "pbm", "pnm"],
        }
    }

    /// Whether files of this format are named so (`extension` in any case, without the dot).
    pub fn has_extension(self, extension: &str) -> bool {
        self.extensions().iter().any(|known| known.eq_ignore_ascii_case(extension))
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The format that a file's first bytes say, whatever its name is.
///
/// # Errors
///
/// There are no bytes, or they begin like no format that is known.
pub fn format_of(bytes: &[u8]) -> Result<FileFormat, DecodeError> {
    Ok(match bytes {
        [] => return Err(DecodeError::Empty),
        [0xff, 0xd8, 0xff, ..] => FileFormat::Jpeg,
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => FileFormat::Png,
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => FileFormat::Gif,
        [b'B', b'M', ..] => FileFormat::Bmp,
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => FileFormat::Tiff,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => FileFormat::WebP,
        [b'P', b'1'..=b'6', b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c | b'#', ..] => FileFormat::Pnm,
        other => {
            return Err(DecodeError::UnknownFormat {
                begins: format!("\"{}\"", other[..other.len().min(8)].escape_ascii()),
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_belongs_to_one_format() {
        let mut seen = Vec::new();
        for format in FileFormat::ALL {
            for extension in format.extensions() {
                assert!(!seen.contains(extension), "{extension}");
                seen.push(extension);
                assert!(format.has_extension(&extension.to_uppercase()));
            }
        }
        assert!(!FileFormat::Png.has_extension("jpg"));
    }

    #[test]
    fn bytes_tell_the_format() {
        assert_eq!(format_of(b"GIF89a...").unwrap(), FileFormat::Gif);
        assert_eq!(format_of(b"II\x2b\0\x08\0\0\0").unwrap().to_string(), "TIFF");
        assert!(matches!(format_of(b"GIF90a"), Err(DecodeError::UnknownFormat { .. })));
    }
}
