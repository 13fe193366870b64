//! What can be wrong with an image to standardise, or with the statistics to do it by.

use super::function::FunctionError;
use super::shape::ImageShape;

/// Why an image cannot be standardised, or statistics cannot be fitted or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StandardizeError {
    /// There are not as many values as the image's shape says.
    #[error("{got} values, where an image of {shape} has {}", shape.values())]
    Length {
        /// The shape that was said.
        shape: ImageShape,
        /// The number of values.
        got: usize,
    },

    /// The image is not of the shape that the statistics were fitted on.
    #[error("an image of {got}, where the statistics are those of images of {expected}")]
    Shape {
        /// The statistics' shape. Mean and standard deviation need its channels only, ZCA needs all of it.
        expected: ImageShape,
        /// The image's shape.
        got: ImageShape,
    },

    /// The user's function failed on the image.
    #[error("the preprocessing function failed")]
    Function {
        /// What it said.
        source: FunctionError,
    },

    /// An image to fit on has a value that is infinite or not a number, as it is or once rescaled.
    #[error("image {image}, counted from 0: {value} at row {row}, column {column}, channel {channel}")]
    NotFinite {
        /// How many images were fitted on before it.
        image: u64,
        /// Row, from the top.
        row: usize,
        /// Column, from the left.
        column: usize,
        /// Channel.
        channel: usize,
        /// The value.
        value: f32,
    },

    /// Statistics of no images, or of images without pixels.
    #[error("no pixels to fit statistics on")]
    Empty,

    /// Fitting as Keras 3 does needs all images at once, which is more memory than they may have.
    #[error(
        "fitting as Keras 3 does holds all images in memory: {images} of {shape} need {bytes} bytes, more than the \
         {limit} allowed; fit on fewer or smaller images, or with compat documented, which holds one at a time"
    )]
    FitTooLarge {
        /// How many images.
        images: u64,
        /// Shape of the images.
        shape: ImageShape,
        /// What they need.
        bytes: u64,
        /// What they may have.
        limit: u64,
    },

    /// Fitting the whitening needs more memory than it may.
    #[error(
        "ZCA whitening of {shape} images ({} values each) needs {bytes} bytes, more than the {limit} allowed; \
         fit smaller images, or raise the limit",
        shape.values()
    )]
    ZcaTooLarge {
        /// Shape of the images.
        shape: ImageShape,
        /// What fitting them needs.
        bytes: u64,
        /// What it may have.
        limit: u64,
    },

    /// This build cannot fit a whitening. It can apply one.
    #[error("ZCA whitening cannot be fitted: xfer-loader was built without its `zca` feature")]
    ZcaNotBuilt,

    /// The images do not determine a whitening.
    #[error("the images do not determine a ZCA whitening: {reason}")]
    Zca {
        /// Why not.
        reason: &'static str,
    },

    /// These are not statistics.
    #[error("not image statistics: {reason}")]
    Statistics {
        /// What is wrong with them.
        reason: String,
    },
}

impl StandardizeError {
    /// Of the value at `index` of an image of `shape` (HWC), the `image`th to fit on.
    pub(super) const fn not_finite(shape: ImageShape, image: u64, index: usize, value: f32) -> Self {
        let ImageShape { width, channels, .. } = shape;
        let (row, column) = (index / (width * channels), index / channels % width);
        Self::NotFinite { image, row, column, channel: index % channels, value }
    }

    /// A short, fixed name of the reason, for the `reason` label of the metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Length { .. } | Self::Shape { .. } => "shape",
            Self::Function { .. } => "function",
            Self::NotFinite { .. } => "not_finite",
            Self::Empty => "empty",
            Self::FitTooLarge { .. } | Self::ZcaTooLarge { .. } => "size",
            Self::ZcaNotBuilt | Self::Zca { .. } => "zca",
            Self::Statistics { .. } => "statistics",
        }
    }
}
