//! What happens to training photos at random, with Keras' names.

use xfer_loader::{Compat, FillMode, ImageDataGenerator, Shift, SplineOrder, ZoomRange};

use super::values;

/// Augmentation of training photos. Validation photos are never augmented.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Augmentation of training photos")]
pub(crate) struct AugmentArgs {
    /// Do not mirror photos left to right at random
    #[arg(long)]
    no_flip: bool,

    /// Mirror photos top to bottom at random as well
    #[arg(long)]
    vertical_flip: bool,

    /// Rotate by up to so many degrees, either way
    #[arg(long, value_name = "DEGREES", default_value_t = 0.0)]
    rotation_range: f64,

    /// Shift left or right: 0.2 is a fraction of the width, 30.0 pixels, 30 whole pixels below 30, [-8,8] one of these
    #[arg(long, value_name = "SHIFT", default_value = "0.0", allow_hyphen_values = true)]
    width_shift_range: Shift,

    /// Shift up or down, likewise
    #[arg(long, value_name = "SHIFT", default_value = "0.0", allow_hyphen_values = true)]
    height_shift_range: Shift,

    /// Shear by an angle of up to so many degrees, either way
    #[arg(long, value_name = "DEGREES", default_value_t = 0.0)]
    shear_range: f64,

    /// Zoom each axis by a factor between two, such as 0.8,1.2; 0.2 is the same
    #[arg(long, value_name = "Z|LOW,HIGH", default_value = "0", value_parser = values::zoom)]
    zoom_range: ZoomRange,

    /// Add up to so much, of 255, to all channels, either way
    #[arg(long, value_name = "LEVELS", default_value_t = 0.0)]
    channel_shift_range: f64,

    /// Multiply brightness by a factor between two, such as 0.8,1.2
    #[arg(long, value_name = "LOW,HIGH", value_parser = values::pair)]
    brightness_range: Option<(f64, f64)>,

    /// What is beyond the border: nearest, constant, reflect, wrap, mirror, or scipy's grid-* modes
    #[arg(long, value_name = "MODE", default_value_t = FillMode::default())]
    fill_mode: FillMode,

    /// The level beyond the border where --fill-mode is constant
    #[arg(long, value_name = "LEVEL", default_value_t = 0.0, allow_hyphen_values = true)]
    cval: f64,

    /// Order of the spline that photos are warped with: 0 nearest, 1 linear, 3 cubic
    #[arg(long, value_name = "ORDER", default_value_t = SplineOrder::default())]
    interpolation_order: SplineOrder,

    /// `keras3`: the order and the draws of Keras 3, number for number; `documented`: what Keras documents
    #[arg(long, value_name = "WHOSE", default_value_t = Compat::default())]
    pub(crate) compat: Compat,
}

impl AugmentArgs {
    /// The generator for training photos.
    pub(crate) fn generator(&self) -> ImageDataGenerator {
        ImageDataGenerator::new()
            .horizontal_flip(!self.no_flip)
            .vertical_flip(self.vertical_flip)
            .rotation_range(self.rotation_range)
            .width_shift_range(self.width_shift_range.clone())
            .height_shift_range(self.height_shift_range.clone())
            .shear_range(self.shear_range)
            .zoom_range(self.zoom_range)
            .channel_shift_range(self.channel_shift_range)
            .brightness_range(self.brightness_range)
            .fill_mode(self.fill_mode)
            .cval(self.cval)
            .interpolation_order(self.interpolation_order)
            .compat(self.compat)
    }
}
