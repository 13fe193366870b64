//! Resizing with Pillow's arithmetic, which is what Keras resizes with.

mod convolution;
mod filter;
mod nearest;

use std::fmt;
use std::str::FromStr;

use crate::error::LoaderError;
use convolution::Convolution;
use filter::Filter;

/// How pixels are interpolated, with Keras' names. All but [`Nearest`](Self::Nearest) widen their filter
/// when they shrink (antialiasing), as Pillow does and TensorFlow and PyTorch by default do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Interpolation {
    /// The pixel under the centre: Keras' default.
    #[default]
    Nearest,
    /// A triangle, two pixels wide.
    Bilinear,
    /// A cubic with a = -0.5, four pixels wide.
    Bicubic,
    /// A raised cosine times a sinc, two pixels wide.
    Hamming,
    /// The mean of the pixels covered.
    Box,
    /// A sinc times a sinc, six pixels wide.
    Lanczos,
}

impl Interpolation {
    /// Every interpolation.
    pub const ALL: [Self; 6] = [Self::Nearest, Self::Bilinear, Self::Bicubic, Self::Hamming, Self::Box, Self::Lanczos];

    const fn filter(self) -> Option<Filter> {
        match self {
            Self::Nearest => None,
            Self::Bilinear => Some(Filter::BILINEAR),
            Self::Bicubic => Some(Filter::BICUBIC),
            Self::Hamming => Some(Filter::HAMMING),
            Self::Box => Some(Filter::BOX),
            Self::Lanczos => Some(Filter::LANCZOS),
        }
    }
}

impl fmt::Display for Interpolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nearest => "nearest",
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
            Self::Hamming => "hamming",
            Self::Box => "box",
            Self::Lanczos => "lanczos",
        })
    }
}

impl FromStr for Interpolation {
    type Err = LoaderError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|interpolation| interpolation.to_string() == name).ok_or_else(|| {
            LoaderError::InvalidOption {
                option: "interpolation",
                expected: "nearest, bilinear, bicubic, hamming, box or lanczos",
                got: name.to_owned(),
            }
        })
    }
}

/// Resizes RGB images, keeping filter tables and scratch space from one image to the next.
#[derive(Debug, Default)]
pub struct Resizer {
    convolution: Convolution,
}

impl Resizer {
    /// A resizer with nothing kept yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Resizes `pixels` (`u8`, HWC, RGB, `from` = (height, width)) into `out` (`to` = (height, width)).
    /// The same sizes copy.
    ///
    /// # Panics
    ///
    /// When a slice is not as long as its size says, or a size is zero.
    pub fn resize(
        &mut self,
        pixels: &[u8],
        from: (usize, usize),
        out: &mut [u8],
        to: (usize, usize),
        interpolation: Interpolation,
    ) {
        assert_eq!(pixels.len(), from.0 * from.1 * 3, "source of {from:?} pixels");
        assert_eq!(out.len(), to.0 * to.1 * 3, "target of {to:?} pixels");
        assert!(!pixels.is_empty() && !out.is_empty(), "sizes of at least 1x1");
        if from == to {
            out.copy_from_slice(pixels);
            return;
        }
        match interpolation.filter() {
            None => nearest::resize(pixels, from, out, to),
            Some(filter) => self.convolution.resize(pixels, from, out, to, filter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_keras() {
        for interpolation in Interpolation::ALL {
            assert_eq!(interpolation.to_string().parse::<Interpolation>().unwrap(), interpolation);
        }
        let error = "Bilinear".parse::<Interpolation>().unwrap_err().to_string();
        assert!(error.contains("got Bilinear"), "{error}");
    }

    #[test]
    fn the_same_size_is_a_copy() {
        let pixels: Vec<u8> = (0..5 * 4 * 3).collect();
        for interpolation in Interpolation::ALL {
            let mut out = vec![0; pixels.len()];
            Resizer::new().resize(&pixels, (5, 4), &mut out, (5, 4), interpolation);
            assert_eq!(out, pixels);
        }
    }

    #[test]
    fn a_flat_image_stays_flat() {
        let pixels = [7, 130, 255].repeat(31 * 17);
        for interpolation in Interpolation::ALL {
            for to in [(1, 1), (5, 40), (64, 3), (17, 31)] {
                let mut out = vec![0; to.0 * to.1 * 3];
                Resizer::new().resize(&pixels, (31, 17), &mut out, to, interpolation);
                assert_eq!(out, [7, 130, 255].repeat(to.0 * to.1), "{interpolation} to {to:?}");
            }
        }
    }
}
