//! Resizing with Pillow's arithmetic, which is what Keras resizes with.

mod alpha;
mod convolution;
mod crop;
mod deep;
mod digits;
mod filter;
mod interpolation;
mod nearest;
mod tables;
mod weights;

pub use crop::{Crop, keep_aspect_box};
pub use deep::DeepKind;
pub use interpolation::Interpolation;
pub(crate) use nearest::nearest_places;

use convolution::Convolution;
use crop::Axis;
use deep::DeepConvolution;
use nearest::Steps;

/// An image of 8 bits a channel.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// HWC, `0..=255`.
    pub pixels: &'a [u8],
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 (grey), 3 (RGB) or 4 (RGBA, not premultiplied).
    pub channels: usize,
}

/// A grey image of 16 or 32 bits.
#[derive(Clone, Copy, Debug)]
pub struct DeepView<'a> {
    /// HW, in the range of `kind`.
    pub pixels: &'a [i32],
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// The range of its values, and with it the rounding.
    pub kind: DeepKind,
}

/// Resizes images as Pillow's `Image.resize` does, bit for bit, keeping filter tables and scratch space from one
/// image to the next.
///
/// With a [`Crop`] (Pillow's `box`) a part of the image becomes the whole result; filters reach over its borders
/// to the pixels around it. A part of the size of the result is copied.
#[derive(Debug, Default)]
pub struct Resizer {
    convolution: Convolution,
    premultiplied: Vec<u8>,
    deep: DeepConvolution,
    places: Vec<usize>,
}

impl Resizer {
    /// A resizer with nothing kept yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Resizes `source`, or the part of it that is `crop`, into `out` (`u8`, HWC, as many channels as the source,
    /// `to` = (height, width)). The colours of RGBA are weighted by their alpha, except by
    /// [`Interpolation::Nearest`].
    ///
    /// # Panics
    ///
    /// When a slice is not as long as its size says, a size is zero, the crop is not inside the source, or the
    /// number of channels is not 1, 3 or 4.
    pub fn resize(
        &mut self,
        source: View<'_>,
        crop: Option<Crop>,
        out: &mut [u8],
        to: (usize, usize),
        interpolation: Interpolation,
    ) {
        self.resize_reduced(source, 1, (source.height, source.width), crop, out, to, interpolation);
    }

    /// Resizes an image of `size` = (height, width) of which only means of `reduction` x `reduction` pixels are at hand,
    /// those at the right and the bottom of fewer; `crop` is in its pixels. Close to what [`resize`](Self::resize) makes
    /// of the image itself where `reduction` is small beside the scale, as Pillow's `reducing_gap` is.
    ///
    /// # Panics
    ///
    /// As [`resize`](Self::resize); or when `reduction` is zero, or the source has not as many pixels as there are means.
    #[expect(clippy::too_many_arguments, reason = "those of `resize`, and what the source stands for")]
    pub fn resize_reduced(
        &mut self,
        source: View<'_>,
        reduction: usize,
        size: (usize, usize),
        crop: Option<Crop>,
        out: &mut [u8],
        to: (usize, usize),
        interpolation: Interpolation,
    ) {
        let means = (size.0.div_ceil(reduction), size.1.div_ceil(reduction));
        assert_eq!((source.height, source.width), means, "means of {size:?} pixels");
        let from = (size, reduction);
        match source.channels {
            1 => self.resize_channels::<1>(source, from, crop, out, to, interpolation),
            3 => self.resize_channels::<3>(source, from, crop, out, to, interpolation),
            4 => self.resize_channels::<4>(source, from, crop, out, to, interpolation),
            other => panic!("1, 3 or 4 channels, not {other}"),
        }
    }

    fn resize_channels<const C: usize>(
        &mut self,
        source: View<'_>,
        (size, reduction): ((usize, usize), usize),
        crop: Option<Crop>,
        out: &mut [u8],
        to: (usize, usize),
        interpolation: Interpolation,
    ) {
        let plan = Plan::new(source.pixels.len(), (size, reduction), crop, out.len(), to, C);
        let Some(filter) = interpolation.filter().filter(|_| !plan.is_whole()) else {
            return plan.pick::<_, C>(source.pixels, Steps::Added, &mut self.places, out);
        };
        let Self { convolution, premultiplied, places, .. } = self;
        let has_alpha = C == 4 && !alpha::is_opaque(source.pixels);
        let pixels = if has_alpha {
            premultiplied.resize(source.pixels.len(), 0);
            alpha::premultiply(source.pixels, premultiplied);
            premultiplied
        } else {
            source.pixels
        };
        if plan.is_cut() {
            plan.pick::<_, C>(pixels, Steps::Added, places, out);
        } else {
            convolution.resize::<C>(pixels, plan.axes, out, filter);
        }
        if has_alpha {
            // After a plain cut as well, which takes Pillow there and back, and colours with it.
            alpha::unpremultiply(out);
        }
    }

    /// Resizes `source`, or the part of it that is `crop`, into `out` (`i32`, HW, `to` = (height, width)).
    ///
    /// # Panics
    ///
    /// When a slice is not as long as its size says, a size is zero, or the crop is not inside the source.
    pub fn resize_deep(
        &mut self,
        source: DeepView<'_>,
        crop: Option<Crop>,
        out: &mut [i32],
        to: (usize, usize),
        interpolation: Interpolation,
    ) {
        let from = (source.height, source.width);
        let plan = Plan::new(source.pixels.len(), (from, 1), crop, out.len(), to, 1);
        match interpolation.filter().filter(|_| !plan.is_cut()) {
            None => plan.pick::<_, 1>(source.pixels, source.kind.steps(), &mut self.places, out),
            Some(filter) => self.deep.resize(source.pixels, source.kind, plan.axes, out, filter),
        }
    }
}

/// What becomes of the rows and of the columns.
#[derive(Clone, Copy, Debug)]
struct Plan {
    axes: (Axis, Axis),
}

impl Plan {
    fn new(
        pixels: usize,
        (from, reduction): ((usize, usize), usize),
        crop: Option<Crop>,
        out: usize,
        to: (usize, usize),
        channels: usize,
    ) -> Self {
        let means = from.0.div_ceil(reduction) * from.1.div_ceil(reduction);
        assert_eq!(pixels, means * channels, "source of {from:?} pixels");
        assert_eq!(out, to.0 * to.1 * channels, "target of {to:?} pixels");
        assert!(pixels != 0 && out != 0, "sizes of at least 1x1");
        let crop = crop.unwrap_or(Crop::whole(from));
        let inside = |start: usize, len: usize, n: usize| start < n && len <= n - start;
        assert!(
            inside(crop.top, crop.height, from.0) && inside(crop.left, crop.width, from.1),
            "{crop:?} of {from:?} pixels"
        );
        let axes = (crop.rows(from.0, to.0), crop.columns(from.1, to.1));
        Self { axes: if reduction == 1 { axes } else { (axes.0.reduced(reduction), axes.1.reduced(reduction)) } }
    }

    /// The result is the source.
    fn is_whole(&self) -> bool {
        self.axes.0.is_identity() && self.axes.1.is_identity()
    }

    /// The result is a part of the source.
    fn is_cut(&self) -> bool {
        self.axes.0.is_cut() && self.axes.1.is_cut()
    }

    /// Takes the pixels of the result from the source as they are.
    fn pick<T: Copy, const C: usize>(&self, pixels: &[T], steps: Steps, places: &mut Vec<usize>, out: &mut [T]) {
        if self.is_whole() {
            out.copy_from_slice(pixels);
        } else {
            nearest::resize::<T, C>(pixels, self.axes, steps, places, out);
        }
    }
}

#[cfg(test)]
mod tests;
