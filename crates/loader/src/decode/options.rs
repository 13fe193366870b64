//! What a file's pixels are to become.

use std::fmt;
use std::str::FromStr;

use crate::error::LoaderError;

/// How images are decoded. The default is what Keras' `load_img` does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeOptions {
    /// The channels of the result.
    pub color_mode: ColorMode,
    /// Whether a photo is turned as its camera was held.
    pub exif: ExifOrientation,
    /// What becomes of 16-bit grey.
    pub depth16: Depth16,
    /// What becomes of transparency where the result has none.
    pub alpha: Alpha,
}

/// The channels of a decoded image, by Keras' names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ColorMode {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Red, green, blue, and opacity (255 where the file has none), not premultiplied.
    Rgba,
    /// Luma, by ITU-R 601-2: `(19595 R + 38470 G + 7471 B + 32768) >> 16`.
    Grayscale,
}

impl ColorMode {
    /// Values a pixel: 3, 4 or 1.
    pub const fn channels(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Rgba => 4,
            Self::Grayscale => 1,
        }
    }
}

/// Whether the orientation that a file states is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ExifOrientation {
    /// Pixels as they are stored, which is what Keras sees. (TIFF files are turned nevertheless: Pillow, and
    /// so Keras, turns those while loading.)
    #[default]
    Ignore,
    /// Pixels turned and mirrored as `PIL.ImageOps.exif_transpose` does; orientations 5 to 8 swap the sides.
    Apply,
}

/// What becomes of 16-bit grey, of which `u8` has no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Depth16 {
    /// Values above 255 become 255, as in Pillow. In [`ColorMode::Grayscale`] they are kept where Keras keeps
    /// them: see [`Deep`](super::Deep).
    #[default]
    Clip,
    /// The high byte is taken (`value >> 8`), as Pillow itself does with 16-bit colour. Grey of 32 bits and
    /// floating point, whose range nobody knows, is clipped still.
    Scale,
}

/// What becomes of transparency where the result has no such channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Alpha {
    /// It is forgotten, as in Keras: the colour that the file hides behind it shows.
    #[default]
    Drop,
    /// The image is laid over this colour (red, green, blue), in the integer arithmetic of
    /// `PIL.Image.alpha_composite`. Does nothing in [`ColorMode::Rgba`].
    Composite([u8; 3]),
}

/// Gives an enum the names that a command line uses.
macro_rules! names {
    ($kind:ty, $option:literal, $expected:literal, $($value:path = $name:literal),+) => {
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $($value => $name),+ })
            }
        }

        impl FromStr for $kind {
            type Err = LoaderError;

            fn from_str(name: &str) -> Result<Self, LoaderError> {
                match name {
                    $($name => Ok($value),)+
                    _ => Err(LoaderError::InvalidOption { option: $option, expected: $expected, got: name.to_owned() }),
                }
            }
        }
    };
}

names!(
    ColorMode,
    "color_mode",
    "rgb, rgba or grayscale",
    ColorMode::Rgb = "rgb",
    ColorMode::Rgba = "rgba",
    ColorMode::Grayscale = "grayscale"
);
names!(
    ExifOrientation,
    "exif",
    "ignore or apply",
    ExifOrientation::Ignore = "ignore",
    ExifOrientation::Apply = "apply"
);
names!(Depth16, "depth16", "clip or scale", Depth16::Clip = "clip", Depth16::Scale = "scale");

impl fmt::Display for Alpha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drop => f.pad("drop"),
            Self::Composite([red, green, blue]) => f.pad(&format!("#{red:02x}{green:02x}{blue:02x}")),
        }
    }
}

impl FromStr for Alpha {
    type Err = LoaderError;

    fn from_str(name: &str) -> Result<Self, LoaderError> {
        let color = name
            .strip_prefix('#')
            .filter(|digits| digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match (name, color) {
            ("drop", _) => Ok(Self::Drop),
            (_, Some(color)) => {
                let [_, red, green, blue] = color.to_be_bytes();
                Ok(Self::Composite([red, green, blue]))
            }
            _ => Err(LoaderError::InvalidOption {
                option: "alpha",
                expected: "drop or a colour as #rrggbb",
                got: name.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for mode in [ColorMode::Rgb, ColorMode::Rgba, ColorMode::Grayscale] {
            assert_eq!(mode.to_string().parse::<ColorMode>().unwrap(), mode);
        }
        for exif in [ExifOrientation::Ignore, ExifOrientation::Apply] {
            assert_eq!(exif.to_string().parse::<ExifOrientation>().unwrap(), exif);
        }
        for depth in [Depth16::Clip, Depth16::Scale] {
            assert_eq!(depth.to_string().parse::<Depth16>().unwrap(), depth);
        }
        for alpha in [Alpha::Drop, Alpha::Composite([255, 0, 10])] {
            assert_eq!(alpha.to_string().parse::<Alpha>().unwrap(), alpha);
        }
        assert_eq!(Alpha::Composite([255, 0, 10]).to_string(), "#ff000a");
    }

    #[test]
    fn other_names_are_refused_with_those_that_there_are() {
        let error = "grey".parse::<ColorMode>().unwrap_err();
        assert_eq!(error.to_string(), "color_mode: expected rgb, rgba or grayscale, got grey");
        for color in ["#12345", "#1234567", "123456", "#+12345", "#ééé", ""] {
            assert!(color.parse::<Alpha>().is_err(), "{color}");
        }
    }
}
