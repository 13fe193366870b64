//! How many pixels a value is interpolated from.

use std::fmt;
use std::str::FromStr;

use crate::error::LoaderError;

/// Order of the B-spline that a warp interpolates with, 0 to 5: Keras' `interpolation_order`. Orders above 1
/// can overshoot the range of the pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SplineOrder(u8);

impl SplineOrder {
    /// The nearest pixel.
    pub const NEAREST: Self = Self(0);
    /// Linear in both directions, from 2 x 2 pixels: Keras' default.
    pub const LINEAR: Self = Self(1);
    /// A cubic spline, from 4 x 4 coefficients.
    pub const CUBIC: Self = Self(3);

    /// The order, where scipy has it.
    ///
    /// # Errors
    ///
    /// [`LoaderError::InvalidOption`] for an order over 5.
    pub fn new(order: u8) -> Result<Self, LoaderError> {
        if order <= 5 { Ok(Self(order)) } else { Err(invalid(&order.to_string())) }
    }

    /// The order as a number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for SplineOrder {
    fn default() -> Self {
        Self::LINEAR
    }
}

impl fmt::Display for SplineOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SplineOrder {
    type Err = LoaderError;

    fn from_str(order: &str) -> Result<Self, Self::Err> {
        order.parse().map_err(|_| invalid(order)).and_then(Self::new)
    }
}

fn invalid(got: &str) -> LoaderError {
    LoaderError::InvalidOption { option: "interpolation_order", expected: "0, 1, 2, 3, 4 or 5", got: got.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_those_of_scipy() {
        for order in 0..=5 {
            assert_eq!(order.to_string().parse::<SplineOrder>().unwrap(), SplineOrder::new(order).unwrap());
        }
        for wrong in ["6", "-1", "cubic", ""] {
            let error = wrong.parse::<SplineOrder>().unwrap_err().to_string();
            assert!(error.contains("interpolation_order"), "{error}");
        }
        assert_eq!(SplineOrder::default(), SplineOrder::LINEAR);
    }
}
