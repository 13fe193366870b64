//! Ranges that draws are made from.

use std::str::FromStr;

use crate::error::LoaderError;
use crate::flow::check;

/// How far an image is shifted at most along one axis: what Keras takes as a float, an int or a list.
///
/// `From<f64>`, `From<u32>` and `From<Vec<f64>>` follow Keras' rules for the three, and so does
/// [`FromStr`] for numbers as they stand in JSON: `0.2` is a fraction, `30.0` pixels, `30` whole
/// pixels, `[-8, 8]` a list.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Shift {
    /// Uniform in plus or minus this fraction, 0 to 1, of the image's side. Keras: a float below 1.
    Fraction(f64),
    /// Uniform in plus or minus so many pixels. Keras: a float from 1.
    Pixels(f64),
    /// A whole number of pixels whose size is *below* this one: 1 never shifts. Keras: an int.
    ///
    /// Every shift is equally likely, except in [`Compat::Keras3`](crate::Compat::Keras3): that draws size
    /// and sign apart, and so 0 twice as often.
    WholePixels(u32),
    /// One of these, with a random sign: fractions of the side if all are below 1, otherwise pixels.
    /// Keras: a list.
    OneOf(Vec<f64>),
}

impl Shift {
    /// Whether Keras counts the numbers of `list` as fractions of the side.
    pub(crate) fn are_fractions(list: &[f64]) -> bool {
        list.iter().all(|&shift| shift < 1.0)
    }

    pub(crate) fn check(&self, option: &'static str) -> Result<(), LoaderError> {
        match self {
            Self::Fraction(most) => check((0.0..=1.0).contains(most), option, "a fraction of 0 to 1", most),
            Self::Pixels(most) => check(is_range(*most), option, "0 to 1e9 pixels", most),
            Self::WholePixels(most) => check(is_range(f64::from(*most)), option, "0 to 1e9 pixels", most),
            Self::OneOf(list) => {
                check(u32::try_from(list.len()).is_ok(), option, "at most 4294967295 shifts", list.len())?;
                list.iter().try_for_each(|shift| check(is_range(shift.abs()), option, "shifts of -1e9 to 1e9", shift))
            }
        }
    }
}

impl Default for Shift {
    /// None.
    fn default() -> Self {
        Self::Fraction(0.0)
    }
}

impl From<f64> for Shift {
    fn from(most: f64) -> Self {
        if most < 1.0 { Self::Fraction(most) } else { Self::Pixels(most) }
    }
}

impl From<u32> for Shift {
    fn from(most: u32) -> Self {
        Self::WholePixels(most)
    }
}

impl From<Vec<f64>> for Shift {
    fn from(list: Vec<f64>) -> Self {
        Self::OneOf(list)
    }
}

impl FromStr for Shift {
    type Err = LoaderError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let shift = match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(list) if list.trim().is_empty() => Some(Self::OneOf(Vec::new())),
            Some(list) => list.split(',').map(number).collect::<Option<Vec<f64>>>().map(Self::OneOf),
            None => match text.parse::<u32>() {
                Ok(whole) => Some(Self::WholePixels(whole)),
                // What is left of whole numbers is negative or too large.
                Err(_) if text.parse::<i128>().is_ok() => None,
                Err(_) => number(text).filter(|&most| most >= 0.0).map(Self::from),
            },
        };
        shift.ok_or_else(|| LoaderError::InvalidOption {
            option: "shift",
            expected: "a number such as 0.2 (a fraction), 30.0 (pixels) or 30 (whole pixels), or a list such as [-8, 8]",
            got: text.to_owned(),
        })
    }
}

/// From what factor to what factor an image is zoomed, each axis on its own: 0.5 shows half of the image
/// (zooms in), 2 shows it at half its size.
///
/// `From<f64>` makes 1-z to 1+z of z, as Keras does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ZoomRange {
    /// The lowest factor.
    pub low: f64,
    /// The highest factor.
    pub high: f64,
}

impl ZoomRange {
    pub(crate) fn check(&self) -> Result<(), LoaderError> {
        let Self { low, high } = self;
        check(is_rising(*low, *high), "zoom_range", RISING, format_args!("{low} to {high}"))
    }
}

impl Default for ZoomRange {
    /// No zoom: 1 to 1.
    fn default() -> Self {
        Self { low: 1.0, high: 1.0 }
    }
}

impl From<f64> for ZoomRange {
    fn from(z: f64) -> Self {
        Self { low: 1.0 - z, high: 1.0 + z }
    }
}

impl From<(f64, f64)> for ZoomRange {
    fn from((low, high): (f64, f64)) -> Self {
        Self { low, high }
    }
}

/// What two ends of a range of factors may be.
pub(super) const RISING: &str = "two factors of 0 to 1e9, the lower first";

/// Whether two factors are [`RISING`].
pub(super) fn is_rising(low: f64, high: f64) -> bool {
    is_range(low) && is_range(high) && low <= high
}

/// Whether a number says how far draws may reach: not below 0, and not so far that sums overflow.
pub(super) fn is_range(number: f64) -> bool {
    (0.0..=1e9).contains(&number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_follow_the_rules_of_keras() {
        let read = |text: &str| text.parse::<Shift>().unwrap();
        assert_eq!(read("0.2"), Shift::Fraction(0.2));
        assert_eq!(read("0"), Shift::WholePixels(0));
        assert_eq!(read("0.0"), Shift::default());
        assert_eq!(read("1.0"), Shift::Pixels(1.0));
        assert_eq!(read("3e1"), Shift::Pixels(30.0));
        assert_eq!(read(" 3 "), Shift::WholePixels(3));
        assert_eq!(read("[-0.1, 0.5]"), Shift::OneOf(vec![-0.1, 0.5]));
        assert_eq!(read("[8]"), Shift::OneOf(vec![8.0]));
        assert_eq!(read("[]"), Shift::OneOf(vec![]));
        for text in ["", "x", "-3", "-0.1", "nan", "inf", "[1, x]", "[1", "[nan]", "99999999999", "[1,]"] {
            let message = text.parse::<Shift>().unwrap_err().to_string();
            assert!(message.starts_with("shift: expected a number such as"), "{message}");
        }
    }

    #[test]
    fn a_zoom_is_about_one() {
        assert_eq!(ZoomRange::from(0.25), ZoomRange { low: 0.75, high: 1.25 });
        assert_eq!(ZoomRange::from(0.0), ZoomRange::default());
    }
}
