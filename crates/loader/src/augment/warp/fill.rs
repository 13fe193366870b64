//! What lies outside an image.

use std::fmt;
use std::str::FromStr;

use crate::error::LoaderError;

/// What a warp reads outside the image, with the names of Keras' `fill_mode`, which are scipy's. In the
/// examples a row `a b c d` is continued to both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FillMode {
    /// `k k k k | a b c d | k k k k`: `cval`, for every place that is outside, without a transition.
    Constant,
    /// `a a a a | a b c d | d d d d`: Keras' default.
    #[default]
    Nearest,
    /// `d c b a | a b c d | d c b a`.
    Reflect,
    /// `b c d a? b c d ?a b c`: first and last pixel coincide, so the period is one less than the size.
    Wrap,
    /// `d c b | a b c d | c b a`: the outermost pixel is not repeated.
    Mirror,
    /// As [`Constant`](Self::Constant), but interpolating between image and `cval` at the border.
    GridConstant,
    /// The same as [`Reflect`](Self::Reflect).
    GridMirror,
    /// `a b c d | a b c d | a b c d`.
    GridWrap,
}

impl FillMode {
    /// Every mode.
    pub const ALL: [Self; 8] = [
        Self::Constant,
        Self::Nearest,
        Self::Reflect,
        Self::Wrap,
        Self::Mirror,
        Self::GridConstant,
        Self::GridMirror,
        Self::GridWrap,
    ];

    /// Where a coordinate is found inside an axis of `len` pixels (`map_coordinate` of `ni_interpolation.c`);
    /// -1 where it is `cval`. Whole periods are counted in `f64`, which is exact where scipy's 64-bit integers
    /// are, and defined where they overflow.
    #[inline(always)]
    pub(super) fn map(self, coordinate: f64, len: usize) -> f64 {
        let last = len as f64 - 1.0;
        if coordinate < 0.0 {
            match self {
                Self::Constant => -1.0,
                Self::GridConstant => coordinate,
                _ if len <= 1 => 0.0,
                Self::Nearest => 0.0,
                Self::Mirror => {
                    let period = 2.0 * last;
                    let x = period * (-coordinate / period).trunc() + coordinate;
                    if x <= -last { x + period } else { -x }
                }
                Self::Reflect | Self::GridMirror => {
                    let (size, period) = (len as f64, 2.0 * len as f64);
                    let x = if coordinate < -period {
                        period * (-coordinate / period).trunc() + coordinate
                    } else {
                        coordinate
                    };
                    if x < -size {
                        x + period
                    } else {
                        // A place just left of 0 must not become -1, which is outside.
                        (if x > -1e-15 { 1e-15 } else { -x }) - 1.0
                    }
                }
                Self::Wrap => coordinate + last * ((-coordinate / last).trunc() + 1.0),
                Self::GridWrap => {
                    let size = len as f64;
                    coordinate + size * (((-1.0 - coordinate) / size).trunc() + 1.0)
                }
            }
        } else if coordinate > last {
            match self {
                Self::Constant => -1.0,
                Self::GridConstant => coordinate,
                _ if len <= 1 => 0.0,
                Self::Nearest => last,
                Self::Mirror => {
                    let period = 2.0 * last;
                    let x = coordinate - period * (coordinate / period).trunc();
                    if x >= len as f64 { period - x } else { x }
                }
                Self::Reflect | Self::GridMirror => {
                    let (size, period) = (len as f64, 2.0 * len as f64);
                    let x = coordinate - period * (coordinate / period).trunc();
                    if x >= size { period - x - 1.0 } else { x }
                }
                Self::Wrap => coordinate - last * (coordinate / last).trunc(),
                Self::GridWrap => {
                    let size = len as f64;
                    coordinate - size * (coordinate / size).trunc()
                }
            }
        } else {
            coordinate
        }
    }

    /// Whether a coordinate is mapped before taps are taken around it; the other modes map only the taps.
    pub(super) const fn maps_coordinates(self) -> bool {
        !matches!(self, Self::Nearest | Self::GridConstant)
    }

    /// The mode for taps that lie outside around a coordinate inside.
    pub(super) const fn of_taps(self) -> Self {
        match self {
            Self::Constant | Self::Wrap => Self::Mirror,
            _ => self,
        }
    }
}

impl fmt::Display for FillMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Constant => "constant",
            Self::Nearest => "nearest",
            Self::Reflect => "reflect",
            Self::Wrap => "wrap",
            Self::Mirror => "mirror",
            Self::GridConstant => "grid-constant",
            Self::GridMirror => "grid-mirror",
            Self::GridWrap => "grid-wrap",
        })
    }
}

impl FromStr for FillMode {
    type Err = LoaderError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|mode| mode.to_string() == name).ok_or_else(|| LoaderError::InvalidOption {
            option: "fill_mode",
            expected: "constant, nearest, reflect, wrap, mirror, grid-constant, grid-mirror or grid-wrap",
            got: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_scipy() {
        for mode in FillMode::ALL {
            assert_eq!(mode.to_string().parse::<FillMode>().unwrap(), mode);
        }
        let error = "Wrap".parse::<FillMode>().unwrap_err().to_string();
        assert!(error.contains("got Wrap"), "{error}");
        assert_eq!(FillMode::default(), FillMode::Nearest);
    }

    #[test]
    fn places_outside_are_found_inside() {
        let row = |mode: FillMode| [-5.0, -4.0, -1.0, 3.0, 4.0, 5.0, 8.0].map(|place| mode.map(place, 4));
        assert_eq!(row(FillMode::Nearest), [0.0, 0.0, 0.0, 3.0, 3.0, 3.0, 3.0]);
        assert_eq!(row(FillMode::Reflect), [3.0, 3.0, 0.0, 3.0, 3.0, 2.0, 0.0]);
        assert_eq!(row(FillMode::Mirror), [1.0, 2.0, 1.0, 3.0, 2.0, 1.0, 2.0]);
        assert_eq!(row(FillMode::GridWrap), [3.0, 0.0, 3.0, 3.0, 0.0, 1.0, 0.0]);
        assert_eq!(row(FillMode::Constant), [-1.0, -1.0, -1.0, 3.0, -1.0, -1.0, -1.0]);
    }

    #[test]
    fn one_pixel_is_everywhere() {
        for mode in [FillMode::Nearest, FillMode::Reflect, FillMode::Wrap, FillMode::Mirror, FillMode::GridWrap] {
            assert_eq!([-7.5, -0.1, 0.0, 0.1, 12.0].map(|place| mode.map(place, 1)), [0.0; 5], "{mode}");
        }
    }
}
