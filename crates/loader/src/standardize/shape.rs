//! The size of one image.

use std::fmt;

/// Size of an image whose values are in the order height, width, channels (HWC), rows from the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageShape {
    /// Rows.
    pub height: usize,
    /// Pixels a row.
    pub width: usize,
    /// Values a pixel: 1 (grayscale), 3 (RGB) or 4 (RGBA).
    pub channels: usize,
}

impl ImageShape {
    /// Values of an image: `height * width * channels`, or `usize::MAX` where that overflows.
    pub const fn values(self) -> usize {
        self.height.saturating_mul(self.width).saturating_mul(self.channels)
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {} x {}", self.height, self.width, self.channels)
    }
}
