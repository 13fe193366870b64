//! `ImageDataGenerator.fit` with the very numbers of Keras 3: numpy's single-precision sums, in numpy's order.
//!
//! Those sums are not exact: added up one pixel after the other, as numpy does with channels last, 12 photos of 96 x 72
//! give an opaque alpha channel a deviation that is not 0, by which Keras then divides. Whoever compares numbers with
//! Keras, or goes on with a network that was trained there, needs the error as much as the number. Everyone else is
//! better off with [`StatisticsBuilder`](super::StatisticsBuilder).

use super::error::StandardizeError;
use super::samplewise::{divide, pairwise_sum};
use super::shape::ImageShape;
use super::standardization::Standardization;
use super::statistics::Statistics;
use super::zca::{Covariance, DEFAULT_ZCA_BYTES};
use crate::batch::Layout;

/// How much memory the images may need: 4 GiB, some 7,000 of 224 x 224 x 3. Keras itself needs three times that.
pub(crate) const MAX_BYTES: u64 = 4 << 30;

/// Fits [`Statistics`] as Keras does, on images (HWC, `f32`, all of one shape) that are all held in memory: the mean
/// has to be known to the bit before the deviation can be.
///
/// Mean and deviation have the bits of Keras. The whitening is of the images that Keras centres, in double precision.
#[derive(Debug)]
pub(crate) struct NumpyFit {
    shape: ImageShape,
    /// That of the array that Keras would be given.
    layout: Layout,
    rescale: f32,
    images: Vec<f32>,
    covariance: Option<Covariance>,
}

impl NumpyFit {
    /// For `count` images of `shape` or less, in arrays of `layout`, and what `standardization` needs of them.
    ///
    /// # Errors
    ///
    /// [`StandardizeError::FitTooLarge`] when they need more than `max_bytes`; as
    /// [`StatisticsBuilder::for_standardization`](super::StatisticsBuilder::for_standardization).
    pub(crate) fn new(
        standardization: &Standardization,
        shape: ImageShape,
        layout: Layout,
        count: u64,
        max_bytes: u64,
    ) -> Result<Self, StandardizeError> {
        if shape.values() == 0 {
            return Err(StandardizeError::Empty);
        }
        let bytes = (shape.values() as u64).saturating_mul(count).saturating_mul(size_of::<f32>() as u64);
        if bytes > max_bytes {
            return Err(StandardizeError::FitTooLarge { images: count, shape, bytes, limit: max_bytes });
        }
        let whitening = || Covariance::new(shape, standardization.zca_epsilon, DEFAULT_ZCA_BYTES);
        Ok(Self {
            shape,
            layout,
            rescale: standardization.resolved().rescale.map_or(1.0, |rescale| rescale as f32),
            images: Vec::new(),
            covariance: standardization.zca_whitening.then(whitening).transpose()?,
        })
    }

    /// Takes a batch: NHWC.
    ///
    /// # Errors
    ///
    /// [`StandardizeError::Length`], [`StandardizeError::NotFinite`].
    pub(crate) fn add_batch(&mut self, images: &[f32]) -> Result<(), StandardizeError> {
        for image in images.chunks(self.shape.values()) {
            if image.len() != self.shape.values() {
                return Err(StandardizeError::Length { shape: self.shape, got: image.len() });
            }
            let before = (self.images.len() / self.shape.values()) as u64;
            if let Some(index) = image.iter().position(|value| !(value * self.rescale).is_finite()) {
                return Err(StandardizeError::not_finite(self.shape, before, index, image[index] * self.rescale));
            }
            self.images.extend(image.iter().map(|value| value * self.rescale));
        }
        Ok(())
    }

    /// The statistics of all images: what Keras' `fit` does, line by line.
    ///
    /// # Errors
    ///
    /// As [`StatisticsBuilder::finish`](super::StatisticsBuilder::finish).
    pub(crate) fn finish(mut self) -> Result<Statistics, StandardizeError> {
        if self.images.is_empty() {
            return Err(StandardizeError::Empty);
        }
        let mean = self.mean_of(|_, value| value);
        for pixel in self.images.chunks_exact_mut(self.shape.channels) {
            pixel.iter_mut().zip(&mean).for_each(|(value, mean)| *value -= mean);
        }
        // `np.std` takes the mean again, which is not 0 once the first has been rounded.
        let left = self.mean_of(|_, value| value);
        let variance = self.mean_of(|channel, value| (value - left[channel]) * (value - left[channel]));
        let std = variance.into_iter().map(f32::sqrt).collect();
        let zca = match self.covariance.take() {
            None => None,
            Some(mut covariance) => {
                let centred = vec![0.0; self.shape.channels];
                for image in self.images.chunks_exact(self.shape.values()) {
                    covariance.add(image, 1.0, &centred);
                }
                Some(covariance.whitening(&centred)?)
            }
        };
        Statistics::new(self.shape, mean, std, zca)
    }

    /// For each channel, the mean of `term` over all pixels of all images: `np.mean` of the array that Keras has.
    fn mean_of(&self, term: impl Fn(usize, f32) -> f32) -> Vec<f32> {
        let ImageShape { channels, .. } = self.shape;
        let mut sums = vec![0.0_f32; channels];
        if channels == 1 {
            // Contiguous in either layout: numpy makes one run of it.
            sums[0] = pairwise_sum(&self.images, &|value| term(0, value));
        } else if self.layout == Layout::Nhwc {
            // Channels lie side by side and are numpy's inner loop, so that each is summed from pixel to pixel.
            for pixel in self.images.chunks_exact(channels) {
                sums.iter_mut()
                    .zip(pixel)
                    .enumerate()
                    .for_each(|(channel, (sum, &value))| *sum += term(channel, value));
            }
        } else {
            // The inner loop is over the plane of one channel of one image.
            let mut plane = Vec::with_capacity(self.shape.values() / channels);
            for image in self.images.chunks_exact(self.shape.values()) {
                for (channel, sum) in sums.iter_mut().enumerate() {
                    plane.clear();
                    plane.extend(image.iter().skip(channel).step_by(channels));
                    *sum += pairwise_sum(&plane, &|value| term(channel, value));
                }
            }
        }
        let count = self.images.len() / channels;
        sums.into_iter().map(|sum| divide(sum, count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { height: 1, width: 2, channels: 2 };

    fn fit(shape: ImageShape, count: u64, max_bytes: u64) -> Result<NumpyFit, StandardizeError> {
        NumpyFit::new(&Standardization::default(), shape, Layout::Nhwc, count, max_bytes)
    }

    #[test]
    fn more_images_than_memory_are_refused_before_they_are_loaded() {
        let photo = ImageShape { height: 224, width: 224, channels: 3 };
        assert!(fit(photo, 7_000, MAX_BYTES).is_ok());
        let error = fit(photo, 8_000, MAX_BYTES).unwrap_err().to_string();
        assert!(error.contains("8000 of 224 x 224 x 3 need 4816896000 bytes, more than the 4294967296"), "{error}");
        assert!(matches!(fit(photo, u64::MAX, MAX_BYTES), Err(StandardizeError::FitTooLarge { .. })));
    }

    #[test]
    fn a_bad_image_is_named() {
        let mut fit = fit(SHAPE, 2, MAX_BYTES).unwrap();
        let error = fit.add_batch(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, f32::NAN]).unwrap_err();
        assert_eq!(error.to_string(), "image 1, counted from 0: NaN at row 0, column 1, channel 1");
        assert!(matches!(fit.add_batch(&[1.0; 3]), Err(StandardizeError::Length { got: 3, .. })));
    }

    #[test]
    fn no_pixels_have_no_statistics() {
        assert!(matches!(fit(SHAPE, 0, MAX_BYTES).unwrap().finish(), Err(StandardizeError::Empty)));
        assert!(matches!(fit(ImageShape { height: 0, ..SHAPE }, 1, MAX_BYTES), Err(StandardizeError::Empty)));
    }
}
