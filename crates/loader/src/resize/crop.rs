//! Which part of an image is resized.

/// A part of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Crop {
    /// Rows above it.
    pub top: usize,
    /// Columns left of it.
    pub left: usize,
    /// Its rows. Zero is the line at `top` itself, as Pillow allows.
    pub height: usize,
    /// Its columns. Zero is the line at `left` itself.
    pub width: usize,
}

impl Crop {
    pub(super) const fn whole(size: (usize, usize)) -> Self {
        Self { top: 0, left: 0, height: size.0, width: size.1 }
    }

    pub(super) const fn rows(self, from: usize, to: usize) -> Axis {
        Axis { source: from, start: self.top, len: self.height, target: to, reduction: 1 }
    }

    pub(super) const fn columns(self, from: usize, to: usize) -> Axis {
        Axis { source: from, start: self.left, len: self.width, target: to, reduction: 1 }
    }
}

/// The centre of an image of size `from` that has the proportions of `to`, both (height, width) and at least
/// 1x1: what Keras' `load_img` resizes under `keep_aspect_ratio`. Rounded down, so that a very long image
/// asked to be very flat has a height (or width) of zero.
pub fn keep_aspect_box(from: (usize, usize), to: (usize, usize)) -> Crop {
    let scaled = |a: usize, b: usize, c: usize| a as u128 * b as u128 / c as u128;
    let height = (from.0 as u128).min(scaled(from.1, to.0, to.1)) as usize;
    let width = (from.1 as u128).min(scaled(from.0, to.1, to.0)) as usize;
    Crop { top: (from.0 - height) / 2, left: (from.1 - width) / 2, height, width }
}

/// One dimension of a resize: `len` of `source` pixels, from `start` on, become `target` pixels. Where each pixel at
/// hand is the mean of `reduction` pixels, `start` and `len` are in those, as in Pillow's `reducing_gap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    pub(super) source: usize,
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) target: usize,
    pub(super) reduction: usize,
}

impl Axis {
    /// Nothing changes along it.
    pub(super) const fn is_identity(self) -> bool {
        self.reduction == 1 && self.start == 0 && self.len == self.source && self.target == self.source
    }

    /// Source pixels to a target pixel. Pillow's box is in single precision.
    pub(super) fn scale(self) -> f64 {
        f64::from(self.place(self.start + self.len) - self.place(self.start)) / self.target as f64
    }

    /// Where it begins, in Pillow's single precision.
    pub(super) fn origin(self) -> f64 {
        f64::from(self.place(self.start))
    }

    fn place(self, pixels: usize) -> f32 {
        pixels as f32 / self.reduction as f32
    }

    /// The same where the source is not at hand, but means of so many of its pixels.
    pub(super) const fn reduced(self, reduction: usize) -> Self {
        Self { source: self.source.div_ceil(reduction), reduction, ..self }
    }

    /// Pixels are taken as they are.
    pub(super) const fn is_cut(self) -> bool {
        self.reduction == 1 && self.len == self.target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_centre_with_the_proportions_of_the_target() {
        let crop = |top, left, height, width| Crop { top, left, height, width };
        assert_eq!(keep_aspect_box((300, 400), (224, 224)), crop(0, 50, 300, 300));
        assert_eq!(keep_aspect_box((401, 300), (224, 224)), crop(50, 0, 300, 300));
        assert_eq!(keep_aspect_box((100, 100), (10, 30)), crop(33, 0, 33, 100));
        assert_eq!(keep_aspect_box((50, 100), (50, 100)), crop(0, 0, 50, 100));
        assert_eq!(keep_aspect_box((9, 1), (2, 5)), crop(4, 0, 0, 1));
        assert_eq!(keep_aspect_box((usize::MAX, 1), (1, usize::MAX)).width, 1);
    }
}
