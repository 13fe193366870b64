//! Warps images by an affine map, bit for bit as `scipy.ndimage.affine_transform` on each `float32` channel:
//! what Keras' `apply_affine_transform` does.

mod fill;
mod general;
mod line;
mod linear;
#[cfg(test)]
mod oracle;
mod order;
mod prefilter;
mod spline;

pub use fill::FillMode;
pub use order::SplineOrder;

#[cfg(target_arch = "x86_64")]
use crate::cpu::Avx2;
use general::Source;
use line::Line;
use prefilter::Extension;

/// Where an output pixel's value comes from: input (row, column) = matrix * output (row, column) + offset, in
/// pixels. All numbers are finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Affine {
    pub(crate) matrix: [[f64; 2]; 2],
    pub(crate) offset: [f64; 2],
}

/// Which code does the sums. All give the same bytes; the choice is a value so that tests can force it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kernel {
    /// For any processor.
    Scalar,
    /// 256-bit vectors, where the processor has them.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
}

impl Kernel {
    /// The fastest that this processor runs.
    fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = Avx2::detect() {
            return Self::Avx2(avx2);
        }
        Self::Scalar
    }
}

/// Warps images, keeping its scratch space from one to the next.
#[derive(Debug)]
pub(crate) struct Warper {
    kernel: Kernel,
    scratch: Scratch,
}

impl Default for Warper {
    fn default() -> Self {
        Self::with_kernel(Kernel::detect())
    }
}

/// Height, width, channels.
type Shape = (usize, usize, usize);

impl Warper {
    fn with_kernel(kernel: Kernel) -> Self {
        Self { kernel, scratch: Scratch::default() }
    }

    /// Warps `pixels` (HWC, `shape` = height, width, channels) into `out` (`f32`, the same shape). What is read
    /// outside the image is what `fill` says; `cval` is used by the constant modes alone.
    ///
    /// # Panics
    ///
    /// When a slice is not as long as `shape` says.
    #[expect(clippy::too_many_arguments, reason = "scipy's own, which callers have at hand one by one")]
    pub(crate) fn warp<T: Copy + Into<f64>>(
        &mut self,
        pixels: &[T],
        shape: Shape,
        affine: &Affine,
        fill: FillMode,
        cval: f64,
        order: SplineOrder,
        out: &mut [f32],
    ) {
        let (height, width, channels) = shape;
        assert_eq!(pixels.len(), height * width * channels, "source of {shape:?}");
        assert_eq!(out.len(), pixels.len(), "target of {shape:?}");
        if out.is_empty() {
            return;
        }
        let source = Source { values: pixels, height, width, channels, fill, cval };
        match self.kernel {
            Kernel::Scalar => self.scratch.warp(&source, affine, order, out),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(avx2) => avx2.warp(&mut self.scratch, &source, affine, order, out),
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    fn warp<T: Copy + Into<f64>>(
        self,
        scratch: &mut Scratch,
        source: &Source<'_, T>,
        affine: &Affine,
        order: SplineOrder,
        out: &mut [f32],
    ) {
        /// The same code, which the compiler puts into 256-bit vectors; it never fuses a product and a sum, so
        /// the results are the same too.
        #[target_feature(enable = "avx2")]
        fn warp<T: Copy + Into<f64>>(
            scratch: &mut Scratch,
            source: &Source<'_, T>,
            affine: &Affine,
            order: SplineOrder,
            out: &mut [f32],
        ) {
            scratch.warp(source, affine, order, out);
        }
        // SAFETY: an `Avx2` exists only where the processor has the feature.
        unsafe { warp(scratch, source, affine, order, out) }
    }
}

/// Room for spline coefficients, kept from one image to the next.
#[derive(Debug, Default)]
struct Scratch {
    pixels: Vec<f32>,
    coefficients: Vec<f64>,
    lines: prefilter::Lines,
}

impl Scratch {
    #[inline(always)]
    fn warp<T: Copy + Into<f64>>(
        &mut self,
        source: &Source<'_, T>,
        affine: &Affine,
        order: SplineOrder,
        out: &mut [f32],
    ) {
        let width = source.width;
        match order.get() {
            0 => rows::<_, 1>(source, affine, 0, width, out),
            // Widened once, since each pixel is read about four times.
            1 if size_of::<T>() < size_of::<f32>() => {
                self.pixels.clear();
                self.pixels.extend(source.values.iter().map(|&pixel| pixel.into() as f32));
                linear_rows(&source.of(&self.pixels), affine, out);
            }
            1 => linear_rows(source, affine, out),
            order => {
                let (source, padding) = self.filtered(source, order);
                match order {
                    2 => rows::<_, 3>(&source, affine, padding, width, out),
                    3 => rows::<_, 4>(&source, affine, padding, width, out),
                    4 => rows::<_, 5>(&source, affine, padding, width, out),
                    _ => rows::<_, 6>(&source, affine, padding, width, out),
                }
            }
        }
    }

    /// Spline coefficients of the pixels, and by how many pixels they were padded on each side
    /// (`_prepad_for_spline_filter`).
    #[inline(always)]
    fn filtered<T: Copy + Into<f64>>(&mut self, source: &Source<'_, T>, order: u8) -> (Source<'_, f64>, usize) {
        let padding = if source.fill.maps_coordinates() { 0 } else { 12 };
        let (height, width) = (source.height + 2 * padding, source.width + 2 * padding);
        let Source { channels, fill, cval, .. } = *source;
        self.coefficients.clear();
        if fill == FillMode::GridConstant {
            // numpy pads in the image's own type.
            self.coefficients.resize(height * width * channels, f64::from(cval as f32));
        }
        for row in 0..height {
            let inside = row.saturating_sub(padding).min(source.height - 1);
            let pixels = &source.values[inside * source.width * channels..][..source.width * channels];
            if fill == FillMode::GridConstant {
                if (padding..padding + source.height).contains(&row) {
                    let out = &mut self.coefficients[(row * width + padding) * channels..];
                    for (out, &pixel) in out.iter_mut().zip(pixels) {
                        *out = pixel.into();
                    }
                }
                continue;
            }
            for _ in 0..padding {
                self.coefficients.extend(pixels[..channels].iter().map(|&pixel| pixel.into()));
            }
            self.coefficients.extend(pixels.iter().map(|&pixel| pixel.into()));
            for _ in 0..padding {
                self.coefficients.extend(pixels[pixels.len() - channels..].iter().map(|&pixel| pixel.into()));
            }
        }
        let shape = (height, width, channels);
        prefilter::filter_image(&mut self.coefficients, shape, order, Extension::of(fill), &mut self.lines);
        (Source { values: &self.coefficients, height, width, channels, fill, cval }, padding)
    }
}

/// Every row of the result, `N` taps along each axis.
#[inline(always)]
fn rows<T: Copy + Into<f64>, const N: usize>(
    source: &Source<'_, T>,
    affine: &Affine,
    padding: usize,
    width: usize,
    out: &mut [f32],
) {
    for (row, out) in out.chunks_exact_mut(width * source.channels).enumerate() {
        source.row::<N>(&Line::new(affine, row, padding), out);
    }
}

/// Every row of the result, interpolated linearly.
#[inline(always)]
fn linear_rows<T: Copy + Into<f64>>(source: &Source<'_, T>, affine: &Affine, out: &mut [f32]) {
    for (row, out) in out.chunks_exact_mut(source.width * source.channels).enumerate() {
        source.linear_row(&Line::new(affine, row, 0), out);
    }
}

#[cfg(test)]
mod tests;
