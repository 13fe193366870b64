//! How much of a picture is decoded where its size afterwards is known before.

use std::fmt;
use std::str::FromStr;

use super::options::{DecodeOptions, ExifOrientation};
use crate::error::LoaderError;
use crate::resize::{Crop, Interpolation, keep_aspect_box};

/// Whether a JPEG that shrinks by a lot may be decoded at a fraction of its size, straight from its coefficients,
/// before its pixels are interpolated. The numbers are close to those of a whole picture, but not the same.
///
/// [`Interpolation::Nearest`] is exact always: the pixels that it picks are decoded, and they alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DecodeScale {
    /// Never: every pixel is that of Pillow and Keras.
    #[default]
    Exact,
    /// Wherever at least two pixels are left for each of the result, across and down.
    Scaled,
    /// As [`Scaled`](Self::Scaled), but exact under [`Compat::Keras3`](crate::Compat::Keras3).
    Auto,
}

impl DecodeScale {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Exact, Self::Scaled, Self::Auto];
}

impl fmt::Display for DecodeScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Exact => "exact",
            Self::Scaled => "scaled",
            Self::Auto => "auto",
        })
    }
}

impl FromStr for DecodeScale {
    type Err = LoaderError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scale| scale.to_string() == name).ok_or_else(|| LoaderError::InvalidOption {
            option: "decode",
            expected: "exact, scaled or auto",
            got: name.to_owned(),
        })
    }
}

/// What becomes of a picture once it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// (height, width) that it is resized to, in pixels.
    pub target: (usize, usize),
    /// How it is resized.
    pub interpolation: Interpolation,
    /// Whether only its centre of the target's proportions is.
    pub keep_aspect_ratio: bool,
    /// Whether it may be decoded at a fraction of its size.
    pub scaled: bool,
}

/// Which pixels an image has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// All those of its picture.
    #[default]
    Whole,
    /// Those that [`Interpolation::Nearest`] picks: the image has the size wanted, and is finished.
    Picked,
    /// Means of so many (2, 4 or 8) times so many pixels; at the right and the bottom of fewer.
    Reduced(usize),
}

/// Pixels that must be left for each of the result, across and down, where a picture is decoded at a fraction of
/// its size. Against whole pictures of 12 megapixels, the mean difference is then 0.2 of 255.
const LEFT: usize = 2;

/// The same for [`Interpolation::Box`], which cuts its window off where the others fade out: pixels that lie across
/// its border are taken or left whole.
const LEFT_BOX: usize = 6;

impl Wanted {
    /// Which pixels of a picture of `from` = (height, width) are wanted.
    pub(super) fn extent(&self, from: (usize, usize)) -> Extent {
        let (to, part) = (self.target, self.part(from));
        if part.height == 0 || part.width == 0 {
            return Extent::Whole;
        }
        if self.interpolation == Interpolation::Nearest {
            // What grows takes most pixels more than once; where nearly all are taken, rows as they are are faster.
            let shrinks = to.0 <= part.height && to.1 <= part.width && to.0 * to.1 * 4 <= from.0 * from.1 * 3;
            return if shrinks { Extent::Picked } else { Extent::Whole };
        }
        let left = if self.interpolation == Interpolation::Box { LEFT_BOX } else { LEFT };
        let fits = |reduction: usize| part.height >= to.0 * left * reduction && part.width >= to.1 * left * reduction;
        match [8, 4, 2].into_iter().find(|&reduction| fits(reduction)) {
            Some(reduction) if self.scaled => Extent::Reduced(reduction),
            _ => Extent::Whole,
        }
    }

    /// The part of a picture that is resized.
    pub(super) fn part(&self, from: (usize, usize)) -> Crop {
        if self.keep_aspect_ratio {
            return keep_aspect_box(from, self.target);
        }
        Crop { top: 0, left: 0, height: from.0, width: from.1 }
    }

    /// The same, if a picture that its camera held as `orientation` says need not be turned first.
    pub(super) fn unless_turned(&self, orientation: u8, options: &DecodeOptions) -> Option<&Self> {
        (orientation == 1 || options.exif == ExifOrientation::Ignore).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(from: (usize, usize), interpolation: Interpolation, scaled: bool) -> Extent {
        Wanted { target: (224, 224), interpolation, keep_aspect_ratio: false, scaled }.extent(from)
    }

    #[test]
    fn names_are_read_back() {
        for scale in DecodeScale::ALL {
            assert_eq!(scale.to_string().parse::<DecodeScale>().unwrap(), scale);
        }
        let message = "fast".parse::<DecodeScale>().unwrap_err().to_string();
        assert_eq!(message, "decode: expected exact, scaled or auto, got fast");
    }

    #[test]
    fn two_pixels_are_left_for_each_of_the_result() {
        let scaled = |from| extent(from, Interpolation::Bilinear, true);
        assert_eq!(scaled((3024, 4032)), Extent::Reduced(4));
        assert_eq!(scaled((896, 896)), Extent::Reduced(2));
        assert_eq!(scaled((895, 2000)), Extent::Whole);
        assert_eq!(scaled((3584, 3584)), Extent::Reduced(8));
        assert_eq!(extent((3024, 4032), Interpolation::Box, true), Extent::Reduced(2));
        assert_eq!(extent((3024, 4032), Interpolation::Bilinear, false), Extent::Whole);
    }

    #[test]
    fn nearest_picks_where_it_shrinks() {
        for scaled in [false, true] {
            let nearest = |from| extent(from, Interpolation::Nearest, scaled);
            assert_eq!(nearest((3024, 4032)), Extent::Picked);
            assert_eq!(nearest((333, 500)), Extent::Picked);
            assert_eq!(nearest((225, 225)), Extent::Whole, "nearly all of it");
            assert_eq!(nearest((100, 4032)), Extent::Whole);
        }
    }

    #[test]
    fn a_part_that_is_nothing_is_left_to_the_caller() {
        let wanted =
            Wanted { target: (1, 900), interpolation: Interpolation::Nearest, keep_aspect_ratio: true, scaled: false };
        assert_eq!(wanted.extent((3000, 10)), Extent::Whole);
    }
}
