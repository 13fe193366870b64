//! `ImageDataGenerator`: what is done to an image, as plain values.

mod bind;
mod compat;
mod range;
mod standardize;

pub use compat::Compat;
pub use range::{Shift, ZoomRange};

use crate::augment::{FillMode, SplineOrder};
use crate::error::LoaderError;
use crate::flow::check;
use crate::standardize::Standardization;
use range::{RISING, is_range, is_rising};

/// What is done to every image, with the names that Keras gives it. Nothing is on by default.
///
/// Plain values, cheap to clone; ranges are checked when the generator is bound to files
/// ([`flow_from_directory`](Self::flow_from_directory) and its like), which names the argument that cannot be.
///
/// Augmentation happens after the resize, standardisation ([`Standardization`]) after augmentation. The order
/// of augmentation is Keras': rotation, shift, shear and zoom in one resampling, channel shift, flips,
/// brightness. What is drawn is drawn anew for each epoch and sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageDataGenerator {
    pub(crate) rotation_range: f64,
    pub(crate) width_shift_range: Shift,
    pub(crate) height_shift_range: Shift,
    pub(crate) brightness_range: Option<(f64, f64)>,
    pub(crate) shear_range: f64,
    pub(crate) zoom_range: ZoomRange,
    pub(crate) channel_shift_range: f64,
    pub(crate) fill_mode: FillMode,
    pub(crate) cval: f64,
    pub(crate) interpolation_order: SplineOrder,
    pub(crate) horizontal_flip: bool,
    pub(crate) vertical_flip: bool,
    pub(crate) compat: Compat,
    pub(crate) standardization: Standardization,
}

impl ImageDataGenerator {
    /// A generator that leaves images as they are.
    pub fn new() -> Self {
        Self::default()
    }

    /// Rotates each image about its centre by up to so many degrees, either way, drawn uniformly. Default 0; at least
    /// 0.
    pub fn rotation_range(mut self, degrees: f64) -> Self {
        self.rotation_range = degrees;
        self
    }

    /// Shifts each image left or right. Default none. A [`Shift`], or what Keras takes: `0.2` is a fraction of the
    /// width, `30.0` pixels, `30_u32` a whole number of pixels below that, `vec![-8.0, 8.0]` one of these.
    pub fn width_shift_range(mut self, most: impl Into<Shift>) -> Self {
        self.width_shift_range = most.into();
        self
    }

    /// Shifts each image up or down, likewise. Default none.
    pub fn height_shift_range(mut self, most: impl Into<Shift>) -> Self {
        self.height_shift_range = most.into();
        self
    }

    /// Multiplies values by a factor between these two (lowest, highest; at least 0), drawn uniformly, as Pillow's
    /// `ImageEnhance.Brightness` does: on whole levels, fractions cut off, clipped to 0 to 255. Opacity stays. Default
    /// `None`: off. (`(1.0, 1.0)` is on, and cuts fractions off.)
    pub fn brightness_range(mut self, factors: impl Into<Option<(f64, f64)>>) -> Self {
        self.brightness_range = factors.into();
        self
    }

    /// Shears each image about its centre by an angle of up to so many degrees, either way, drawn uniformly. Default 0;
    /// at least 0.
    pub fn shear_range(mut self, degrees: f64) -> Self {
        self.shear_range = degrees;
        self
    }

    /// Zooms each axis of each image about its centre by a factor of its own, drawn uniformly: `0.2`, which is
    /// `(0.8, 1.2)`. Below 1 zooms in. Default `(1.0, 1.0)`: none.
    pub fn zoom_range(mut self, factors: impl Into<ZoomRange>) -> Self {
        self.zoom_range = factors.into();
        self
    }

    /// Adds up to so much, either way, drawn uniformly, to all values of an image, which stay between the image's own
    /// lowest and highest. In levels of 0 to 255. Default 0; at least 0.
    pub fn channel_shift_range(mut self, most: f64) -> Self {
        self.channel_shift_range = most;
        self
    }

    /// What lies beyond the border of an image that is rotated, shifted, sheared or zoomed. Default
    /// [`FillMode::Nearest`].
    pub fn fill_mode(mut self, mode: FillMode) -> Self {
        self.fill_mode = mode;
        self
    }

    /// The level beyond the border where [`fill_mode`](Self::fill_mode) is a constant. Default 0; any finite number.
    pub fn cval(mut self, value: f64) -> Self {
        self.cval = value;
        self
    }

    /// The order of the spline that images are resampled with when they are rotated, shifted, sheared or
    /// zoomed. Default 1: linear.
    pub fn interpolation_order(mut self, order: SplineOrder) -> Self {
        self.interpolation_order = order;
        self
    }

    /// Mirrors each image left to right with probability 1/2. Default `false`.
    pub fn horizontal_flip(mut self, on: bool) -> Self {
        self.horizontal_flip = on;
        self
    }

    /// Mirrors each image top to bottom with probability 1/2. Default `false`.
    pub fn vertical_flip(mut self, on: bool) -> Self {
        self.vertical_flip = on;
        self
    }

    /// Whose draws and geometry augmentation has. Default [`Compat::Documented`].
    pub fn compat(mut self, compat: Compat) -> Self {
        self.compat = compat;
        self
    }

    /// Whether nothing but flips happens at random, if that, so that levels stay whole numbers.
    pub fn flips_only(&self) -> bool {
        let still = Self {
            horizontal_flip: self.horizontal_flip,
            vertical_flip: self.vertical_flip,
            fill_mode: self.fill_mode,
            cval: self.cval,
            interpolation_order: self.interpolation_order,
            compat: self.compat,
            standardization: self.standardization.clone(),
            ..Self::default()
        };
        *self == still
    }

    /// Whose draws and geometry augmentation has.
    pub fn compat_mode(&self) -> Compat {
        self.compat
    }

    /// An error where an option has a value that it cannot have.
    pub(crate) fn check(&self) -> Result<(), LoaderError> {
        let range = |option, number: f64| check(is_range(number), option, "a number of 0 to 1e9", number);
        range("rotation_range", self.rotation_range)?;
        self.width_shift_range.check("width_shift_range")?;
        self.height_shift_range.check("height_shift_range")?;
        if let Some((low, high)) = self.brightness_range {
            check(is_rising(low, high), "brightness_range", RISING, format_args!("{low} to {high}"))?;
        }
        range("shear_range", self.shear_range)?;
        self.zoom_range.check()?;
        range("channel_shift_range", self.channel_shift_range)?;
        check(self.cval.is_finite(), "cval", "a finite number", self.cval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_cannot_be_are_named() {
        let new = ImageDataGenerator::new;
        let cases = [
            (new().rotation_range(-1.0), "rotation_range: expected a number of 0 to 1e9, got -1"),
            (new().rotation_range(f64::NAN), "rotation_range: expected a number of 0 to 1e9, got NaN"),
            (new().shear_range(f64::INFINITY), "shear_range: expected a number of 0 to 1e9, got inf"),
            (new().channel_shift_range(-0.5), "channel_shift_range: expected a number of 0 to 1e9, got -0.5"),
            (new().width_shift_range(-0.1), "width_shift_range: expected a fraction of 0 to 1, got -0.1"),
            (
                new().height_shift_range(Shift::Fraction(1.5)),
                "height_shift_range: expected a fraction of 0 to 1, got 1.5",
            ),
            (new().height_shift_range(f64::NAN), "height_shift_range: expected 0 to 1e9 pixels, got NaN"),
            (
                new().width_shift_range(vec![1.0, f64::NAN]),
                "width_shift_range: expected shifts of -1e9 to 1e9, got NaN",
            ),
            (new().width_shift_range(u32::MAX), "width_shift_range: expected 0 to 1e9 pixels, got 4294967295"),
            (
                new().zoom_range((1.2, 0.8)),
                "zoom_range: expected two factors of 0 to 1e9, the lower first, got 1.2 to 0.8",
            ),
            (new().zoom_range(20.0), "zoom_range: expected two factors of 0 to 1e9, the lower first, got -19 to 21"),
            (
                new().brightness_range((0.5, f64::NAN)),
                "brightness_range: expected two factors of 0 to 1e9, the lower first, got 0.5 to NaN",
            ),
            (new().cval(f64::NAN), "cval: expected a finite number, got NaN"),
        ];
        for (generator, message) in cases {
            assert_eq!(generator.check().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn values_of_keras_are_taken() {
        let generator = ImageDataGenerator::new()
            .rotation_range(20.0)
            .width_shift_range(0.2)
            .height_shift_range(vec![-3.0, 8.0])
            .brightness_range((0.5, 1.5))
            .shear_range(10.0)
            .zoom_range(1.0)
            .channel_shift_range(30.0);
        assert!(generator.check().is_ok());
        assert!(ImageDataGenerator::new().check().is_ok());
        assert_eq!(generator.brightness_range(None).brightness_range, None);
    }
}
