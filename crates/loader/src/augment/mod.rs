//! What is done to an image at random: values are drawn, then applied to its pixels.

mod color;
mod draw;
mod flip;
mod transform;
mod warp;

pub(crate) use flip::{flip_horizontal, flip_vertical};
pub(crate) use transform::Transform;
pub(crate) use warp::Warper;
pub use warp::{FillMode, SplineOrder};

/// Does to an image (HWC of `shape`, 1, 3 or 4 channels in 0 to 255, or beyond after a spline of order 2 or
/// more) what comes after the warp, in place and in Keras' order.
pub(crate) fn apply_after_warp(transform: &Transform, pixels: &mut [f32], shape: (usize, usize, usize)) {
    let (_, width, channels) = shape;
    if let Some(shift) = transform.channel_shift {
        color::shift_channels(pixels, shift);
    }
    if transform.flip_horizontal {
        flip_horizontal(pixels, width, channels);
    }
    if transform.flip_vertical {
        flip_vertical(pixels, width * channels);
    }
    if let Some(factor) = transform.brightness {
        color::brighten(pixels, channels, factor);
    }
}

#[cfg(test)]
mod tests;
