//! `ImageDataGenerator.fit`: the statistics of a data set, one image after the other.

use super::error::StandardizeError;
use super::shape::ImageShape;
use super::standardization::Standardization;
use super::statistics::Statistics;
use super::zca::Covariance;

/// Fits [`Statistics`] on images (HWC, `f32`, all of one shape) that are given one at a time or in batches.
///
/// As in Keras, an image is rescaled before it is counted, and functions and [`Preprocessing`](super::Preprocessing)
/// are not applied: whoever uses them fits on images that went through them. Sums are in double precision, where
/// Keras' `float32` sums drift on large data sets; [`Compat::Keras3`](crate::Compat) has those. The same images in the same order give the same bits.
///
/// Memory does not grow with the number of images. Mean and standard deviation need next to none; ZCA whitening needs
/// some 24 bytes for each pair of values in an image, and time in proportion to their third power.
#[derive(Debug)]
pub struct StatisticsBuilder {
    shape: ImageShape,
    rescale: f32,
    images: u64,
    mean: Vec<f64>,
    /// Sums of squared deviations from the mean.
    squares: Vec<f64>,
    image_mean: Vec<f64>,
    image_squares: Vec<f64>,
    covariance: Option<Covariance>,
}

impl StatisticsBuilder {
    /// A builder for images of `shape`.
    ///
    /// # Errors
    ///
    /// [`StandardizeError::Empty`] when such an image has no pixels.
    pub fn new(shape: ImageShape) -> Result<Self, StandardizeError> {
        if shape.values() == 0 {
            return Err(StandardizeError::Empty);
        }
        let zeros = || vec![0.0; shape.channels];
        Ok(Self {
            shape,
            rescale: 1.0,
            images: 0,
            mean: zeros(),
            squares: zeros(),
            image_mean: zeros(),
            image_squares: zeros(),
            covariance: None,
        })
    }

    /// A builder of what `standardization` needs: with its `rescale`, and a whitening if it asks for one, that may
    /// need `max_zca_bytes` of memory ([`DEFAULT_ZCA_BYTES`](super::DEFAULT_ZCA_BYTES)).
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new) and [`zca_whitening`](Self::zca_whitening).
    pub fn for_standardization(
        standardization: &Standardization,
        shape: ImageShape,
        max_zca_bytes: u64,
    ) -> Result<Self, StandardizeError> {
        let builder = Self::new(shape)?.rescale(standardization.rescale);
        if standardization.zca_whitening {
            builder.zca_whitening(standardization.zca_epsilon, max_zca_bytes)
        } else {
            Ok(builder)
        }
    }

    /// Multiplies every value first. `None` and 0 are none.
    pub fn rescale(mut self, rescale: Option<f64>) -> Self {
        self.rescale = rescale.filter(|&rescale| rescale != 0.0).map_or(1.0, |rescale| rescale as f32);
        self
    }

    /// Also fits the whitening: `U diag(sqrt(n) / (s + epsilon)) U'`, with the singular vectors and values of the `n`
    /// flattened images, centred by channel.
    ///
    /// # Errors
    ///
    /// [`StandardizeError::ZcaTooLarge`] when that needs more than `max_bytes`; [`StandardizeError::ZcaNotBuilt`]
    /// without the `zca` feature; [`StandardizeError::Zca`] when `epsilon` is negative or not finite.
    pub fn zca_whitening(mut self, epsilon: f64, max_bytes: u64) -> Result<Self, StandardizeError> {
        self.covariance = Some(Covariance::new(self.shape, epsilon, max_bytes)?);
        Ok(self)
    }

    /// How many images were counted.
    pub fn images(&self) -> u64 {
        self.images
    }

    /// Counts one image.
    ///
    /// # Errors
    ///
    /// [`StandardizeError::Length`], [`StandardizeError::NotFinite`]. The image is then not counted; others can be.
    pub fn add(&mut self, image: &[f32]) -> Result<(), StandardizeError> {
        if image.len() != self.shape.values() {
            return Err(StandardizeError::Length { shape: self.shape, got: image.len() });
        }
        let channels = self.shape.channels;
        let pixels = (image.len() / channels) as f64;
        let rescale = self.rescale;

        self.image_mean.fill(0.0);
        for pixel in image.chunks_exact(channels) {
            for (sum, &value) in self.image_mean.iter_mut().zip(pixel) {
                *sum += f64::from(value * rescale);
            }
        }
        // Finite single-precision numbers cannot add up to more than a double holds.
        if !self.image_mean.iter().all(|sum| sum.is_finite()) {
            let index = image.iter().position(|&value| !(value * rescale).is_finite()).unwrap_or_default();
            return Err(StandardizeError::not_finite(self.shape, self.images, index, image[index] * rescale));
        }
        self.image_mean.iter_mut().for_each(|sum| *sum /= pixels);

        self.image_squares.fill(0.0);
        for pixel in image.chunks_exact(channels) {
            for ((sum, mean), &value) in self.image_squares.iter_mut().zip(&self.image_mean).zip(pixel) {
                let deviation = f64::from(value * rescale) - mean;
                *sum += deviation * deviation;
            }
        }

        // Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
        let before = self.images as f64 * pixels;
        let weight = pixels / (before + pixels);
        for channel in 0..channels {
            let apart = self.image_mean[channel] - self.mean[channel];
            self.mean[channel] += apart * weight;
            self.squares[channel] += self.image_squares[channel] + apart * apart * before * weight;
        }
        if let Some(covariance) = &mut self.covariance {
            covariance.add(image, rescale, &self.image_mean);
        }
        self.images += 1;
        Ok(())
    }

    /// Counts a batch: NHWC.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add), by the first image that is wrong; those before it are counted.
    pub fn add_batch(&mut self, images: &[f32]) -> Result<(), StandardizeError> {
        images.chunks(self.shape.values()).try_for_each(|image| self.add(image))
    }

    /// The statistics of all images.
    ///
    /// # Errors
    ///
    /// [`StandardizeError::Empty`] without images; [`StandardizeError::Zca`] when they do not determine a whitening;
    /// [`StandardizeError::Statistics`] when a result is larger than single precision can hold.
    pub fn finish(self) -> Result<Statistics, StandardizeError> {
        if self.images == 0 {
            return Err(StandardizeError::Empty);
        }
        let pixels = self.images as f64 * (self.shape.values() / self.shape.channels) as f64;
        let mean = self.mean.iter().map(|&mean| mean as f32).collect();
        let std = self.squares.iter().map(|&squares| (squares / pixels).sqrt() as f32).collect();
        let zca = self.covariance.map(|covariance| covariance.whitening(&self.mean)).transpose()?;
        Statistics::new(self.shape, mean, std, zca)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { height: 1, width: 2, channels: 2 };

    #[test]
    fn mean_and_deviation_are_of_all_pixels() {
        let mut builder = StatisticsBuilder::new(SHAPE).unwrap();
        builder.add_batch(&[1.0, 10.0, 3.0, 10.0, 5.0, 10.0, 7.0, 10.0]).unwrap();
        assert_eq!(builder.images(), 2);
        let statistics = builder.finish().unwrap();
        assert_eq!(statistics.mean(), [4.0, 10.0]);
        assert_eq!(statistics.std(), [5.0_f32.sqrt(), 0.0]);
        assert_eq!(statistics.zca(), None);
    }

    #[test]
    fn a_far_mean_does_not_drown_the_deviation() {
        let mut builder = StatisticsBuilder::new(ImageShape { height: 1, width: 1, channels: 1 }).unwrap();
        for i in 0..100_000_u32 {
            builder.add(&[8_388_608.0 + (i % 2) as f32]).unwrap();
        }
        assert_eq!(builder.finish().unwrap().std(), [0.5]);
    }

    #[test]
    fn a_bad_image_is_named_and_not_counted() {
        let mut builder = StatisticsBuilder::new(SHAPE).unwrap().rescale(Some(2.0));
        builder.add(&[1.0; 4]).unwrap();
        let error = builder.add(&[1.0, 1.0, 1.0, f32::NAN]).unwrap_err();
        assert_eq!(error.to_string(), "image 1, counted from 0: NaN at row 0, column 1, channel 1");
        let error = builder.add(&[1.0, 3e38, 1.0, 1.0]).unwrap_err();
        assert_eq!(error.to_string(), "image 1, counted from 0: inf at row 0, column 0, channel 1");
        assert!(matches!(builder.add(&[1.0; 3]), Err(StandardizeError::Length { got: 3, .. })));
        let statistics = builder.finish().unwrap();
        assert_eq!((statistics.mean(), statistics.std()), (&[2.0, 2.0][..], &[0.0, 0.0][..]));
    }

    #[test]
    fn no_pixels_have_no_statistics() {
        assert!(matches!(StatisticsBuilder::new(SHAPE).unwrap().finish(), Err(StandardizeError::Empty)));
        let empty = ImageShape { height: 0, ..SHAPE };
        assert!(matches!(StatisticsBuilder::new(empty), Err(StandardizeError::Empty)));
    }

    #[cfg(not(feature = "zca"))]
    #[test]
    fn a_whitening_needs_the_feature() {
        let error = StatisticsBuilder::new(SHAPE).unwrap().zca_whitening(1e-6, u64::MAX).unwrap_err();
        assert!(error.to_string().contains("`zca` feature"), "{error}");
    }
}
