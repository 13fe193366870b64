//! The names of interpolations.

use std::fmt;
use std::str::FromStr;

use super::filter::Filter;
use crate::error::LoaderError;

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

    pub(super) const fn filter(self) -> Option<Filter> {
        match self {
            Self::Nearest => None,
            Self::Bilinear => Some(Filter::Bilinear),
            Self::Bicubic => Some(Filter::Bicubic),
            Self::Hamming => Some(Filter::Hamming),
            Self::Box => Some(Filter::Box),
            Self::Lanczos => Some(Filter::Lanczos),
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
}
