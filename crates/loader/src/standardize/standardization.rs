//! `ImageDataGenerator.standardize`: the steps from an augmented image to a network's numbers.

use std::sync::Arc;

use super::error::StandardizeError;
use super::function::PreprocessingFunction;
use super::preprocessing::Preprocessing;
use super::samplewise;
use super::shape::ImageShape;
use super::statistics::Statistics;
use super::zca;
use crate::error::LoaderError;

/// What Keras adds to every standard deviation before it divides by it.
const EPSILON: f32 = 1e-6;

/// How an image is standardised, with the names that Keras gives it. Nothing is on by default.
///
/// The steps are taken in this order, which is that of the fields: [`function`](Self::function), on levels in
/// `0..=255`, before [`preprocessing`](Self::preprocessing), so that a function does not depend on the network (Keras
/// has one function for both); then Keras' own. All of it is in single precision, with numpy's order of operations.
#[derive(Clone, Debug, PartialEq)]
pub struct Standardization {
    /// A user's own step.
    pub function: Option<PreprocessingFunction>,
    /// What `keras.applications` does before the network.
    pub preprocessing: Preprocessing,
    /// Multiplies every value. `None` and 0 are none. (Together with a `preprocessing` it is hardly ever meant.)
    pub rescale: Option<f64>,
    /// Subtracts the image's mean, one for all channels.
    pub samplewise_center: bool,
    /// Divides by the image's standard deviation, one for all channels, plus 1e-6. Implies `samplewise_center`.
    pub samplewise_std_normalization: bool,
    /// Subtracts the data set's mean of each channel.
    pub featurewise_center: bool,
    /// Divides by the data set's standard deviation of each channel plus 1e-6. Implies `featurewise_center`.
    pub featurewise_std_normalization: bool,
    /// Multiplies the flattened image by the data set's whitening. Implies `featurewise_center`, and switches
    /// `featurewise_std_normalization` off.
    pub zca_whitening: bool,
    /// What is added to singular values when the whitening is fitted, 1e-6 by default.
    pub zca_epsilon: f64,
    /// What the three steps before know of the data set. Without it they do nothing, as in Keras;
    /// [`check_fitted`](Self::check_fitted) makes an error of that.
    pub statistics: Option<Arc<Statistics>>,
}

impl Default for Standardization {
    fn default() -> Self {
        Self {
            function: None,
            preprocessing: Preprocessing::None,
            rescale: None,
            samplewise_center: false,
            samplewise_std_normalization: false,
            featurewise_center: false,
            featurewise_std_normalization: false,
            zca_whitening: false,
            zca_epsilon: 1e-6,
            statistics: None,
        }
    }
}

/// Memory that [`Standardization::standardize`] keeps between images. One for each thread.
#[derive(Clone, Debug, Default)]
pub struct StandardizeScratch {
    sums: Vec<f64>,
}

impl Standardization {
    /// The same steps with what they imply written out, as Keras' constructor does (which warns): a standard
    /// deviation brings its centring along; whitening brings `featurewise_center` along and takes
    /// `featurewise_std_normalization` away; a `rescale` of 0 is none. Every other method reads the settings so.
    pub fn resolved(&self) -> Self {
        let mut resolved = self.clone();
        resolved.rescale = self.rescale.filter(|&rescale| rescale != 0.0);
        resolved.samplewise_center |= self.samplewise_std_normalization;
        resolved.featurewise_center |= self.featurewise_std_normalization || self.zca_whitening;
        resolved.featurewise_std_normalization &= !self.zca_whitening;
        resolved
    }

    /// Whether pixels stay as they are.
    pub fn is_identity(&self) -> bool {
        self.preprocessing.is_identity() && !self.needs_f32()
    }

    /// Whether there are steps besides [`preprocessing`](Self::preprocessing), the only one that can start from `u8`.
    pub fn needs_f32(&self) -> bool {
        self.function.is_some() || self.has_keras_steps()
    }

    /// Whether any step needs [`statistics`](Self::statistics).
    pub fn needs_statistics(&self) -> bool {
        self.featurewise_center || self.featurewise_std_normalization || self.zca_whitening
    }

    /// Whether images of `shape` can be standardised so. To be asked once, before the first image.
    ///
    /// # Errors
    ///
    /// [`LoaderError::InvalidOption`]: `rescale` or `zca_epsilon` is not a finite single-precision number, or the
    /// latter is negative; `preprocessing` is for RGB and `shape` is not; the statistics are of images with other
    /// channels, or lack the whitening that is asked for, or have it for images of another size.
    pub fn check(&self, shape: ImageShape) -> Result<(), LoaderError> {
        let invalid = |option, expected, got| Err(LoaderError::InvalidOption { option, expected, got });
        self.preprocessing.check_channels(shape.channels)?;
        if let Some(rescale) = self.rescale.filter(|&rescale| !(rescale as f32).is_finite()) {
            return invalid("rescale", "a finite number", rescale.to_string());
        }
        let epsilon = self.zca_epsilon;
        if !(epsilon >= 0.0 && (epsilon as f32).is_finite()) {
            return invalid("zca_epsilon", "a finite number that is not negative", epsilon.to_string());
        }
        let Some(statistics) = self.statistics.as_deref().filter(|_| self.needs_statistics()) else {
            return Ok(());
        };
        let fitted = statistics.shape();
        if self.zca_whitening && statistics.zca().is_none() {
            let got = "statistics without a whitening matrix".to_owned();
            return invalid("zca_whitening", "statistics that were fitted with zca_whitening", got);
        }
        if !self.fits(statistics, shape) {
            let got = format!("statistics of images of {fitted} for images of {shape}");
            let expected = if self.zca_whitening {
                "statistics of images of the same shape"
            } else {
                "statistics of images with the same number of channels"
            };
            return invalid("statistics", expected, got);
        }
        Ok(())
    }

    /// Whether the statistics that are needed are there. Keras warns and leaves the step out; whoever wants that does
    /// not ask.
    ///
    /// # Errors
    ///
    /// [`LoaderError::InvalidOption`] that names the first setting that needs them.
    pub fn check_fitted(&self) -> Result<(), LoaderError> {
        if self.statistics.is_some() || !self.needs_statistics() {
            return Ok(());
        }
        let option = match self {
            Self { zca_whitening: true, .. } => "zca_whitening",
            Self { featurewise_std_normalization: true, .. } => "featurewise_std_normalization",
            _ => "featurewise_center",
        };
        let got = "none; fit the generator first".to_owned();
        Err(LoaderError::InvalidOption { option, expected: "statistics of the training images", got })
    }

    /// Standardises one image (HWC, `f32`) in place.
    ///
    /// Means and deviations of the image are those of numpy to the bit, for an array in the order of `pixels`.
    /// Whitening is summed in double precision. Values that are not finite go through as numpy's would.
    ///
    /// # Errors
    ///
    /// The number of values is not `shape`'s; the function fails; the statistics are of another shape, or lack the
    /// whitening. The image is then left half done.
    ///
    /// # Panics
    ///
    /// When [`Preprocessing::check_channels`] would have failed.
    pub fn standardize(
        &self,
        pixels: &mut [f32],
        shape: ImageShape,
        scratch: &mut StandardizeScratch,
    ) -> Result<(), StandardizeError> {
        check_length(pixels.len(), shape)?;
        if let Some(function) = &self.function {
            function.call(pixels, shape)?;
        }
        self.preprocessing.apply_in_place(pixels);
        self.keras_steps(pixels, shape, scratch)
    }

    /// Standardises `levels` (HWC, `u8`) to `out` (HWC, `f32`): the same numbers as [`standardize`](Self::standardize)
    /// on levels converted to `f32`, in one pass less where there is no function.
    ///
    /// # Errors
    ///
    /// As [`standardize`](Self::standardize).
    ///
    /// # Panics
    ///
    /// As [`standardize`](Self::standardize), and when the two lengths differ.
    pub fn standardize_levels(
        &self,
        levels: &[u8],
        out: &mut [f32],
        shape: ImageShape,
        scratch: &mut StandardizeScratch,
    ) -> Result<(), StandardizeError> {
        check_length(levels.len(), shape)?;
        if self.function.is_some() {
            Preprocessing::None.apply(levels, out);
            return self.standardize(out, shape, scratch);
        }
        self.preprocessing.apply(levels, out);
        if self.has_keras_steps() { self.keras_steps(out, shape, scratch) } else { Ok(()) }
    }

    fn has_keras_steps(&self) -> bool {
        self.rescale.is_some_and(|rescale| rescale != 0.0)
            || self.samplewise_center
            || self.samplewise_std_normalization
            || self.needs_statistics()
    }

    fn keras_steps(
        &self,
        pixels: &mut [f32],
        shape: ImageShape,
        scratch: &mut StandardizeScratch,
    ) -> Result<(), StandardizeError> {
        if let Some(rescale) = self.rescale.filter(|&rescale| rescale != 0.0) {
            let rescale = rescale as f32;
            pixels.iter_mut().for_each(|value| *value *= rescale);
        }
        if self.samplewise_center || self.samplewise_std_normalization {
            let mean = samplewise::mean(pixels);
            pixels.iter_mut().for_each(|value| *value -= mean);
        }
        if self.samplewise_std_normalization {
            let divisor = samplewise::standard_deviation(pixels) + EPSILON;
            pixels.iter_mut().for_each(|value| *value /= divisor);
        }
        let Some(statistics) = self.statistics.as_deref().filter(|_| self.needs_statistics()) else {
            return Ok(());
        };
        if !self.fits(statistics, shape) {
            return Err(StandardizeError::Shape { expected: statistics.shape(), got: shape });
        }
        by_channel(pixels, statistics.mean(), |value, mean| value - mean);
        if self.zca_whitening {
            let reason = || "the matrix for zca_whitening was not fitted".to_owned();
            let matrix = statistics.zca().ok_or_else(|| StandardizeError::Statistics { reason: reason() })?;
            zca::whiten(pixels, matrix, &mut scratch.sums);
        } else if self.featurewise_std_normalization {
            by_channel(pixels, statistics.std(), |value, std| value / (std + EPSILON));
        }
        Ok(())
    }

    fn fits(&self, statistics: &Statistics, shape: ImageShape) -> bool {
        let fitted = statistics.shape();
        fitted.channels == shape.channels && (!self.zca_whitening || fitted == shape)
    }
}

fn check_length(got: usize, shape: ImageShape) -> Result<(), StandardizeError> {
    if got == shape.values() { Ok(()) } else { Err(StandardizeError::Length { shape, got }) }
}

/// Replaces every value by `step` of it and its channel's parameter.
fn by_channel(pixels: &mut [f32], parameters: &[f32], step: impl Fn(f32, f32) -> f32) {
    let apply = |pixel: &mut [f32], parameters: &[f32]| {
        pixel.iter_mut().zip(parameters).for_each(|(value, &parameter)| *value = step(*value, parameter));
    };
    if let &[red, green, blue] = parameters {
        // A length that the compiler knows makes this several times as fast.
        pixels.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| apply(pixel, &[red, green, blue]));
    } else {
        pixels.chunks_exact_mut(parameters.len()).for_each(|pixel| apply(pixel, parameters));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { height: 2, width: 1, channels: 3 };

    fn standardize(standardization: &Standardization, pixels: &[f32]) -> Vec<f32> {
        let mut pixels = pixels.to_vec();
        standardization.standardize(&mut pixels, SHAPE, &mut StandardizeScratch::default()).unwrap();
        pixels
    }

    fn statistics(channels: usize) -> Option<Arc<Statistics>> {
        let shape = ImageShape { channels, ..SHAPE };
        Some(Arc::new(Statistics::new(shape, vec![1.0; channels], vec![2.0; channels], None).unwrap()))
    }

    #[test]
    fn a_function_sees_levels() {
        let standardization = Standardization {
            function: Some(PreprocessingFunction::new(|pixels, _| pixels.fill(255.0))),
            preprocessing: Preprocessing::Tf,
            rescale: Some(3.0),
            ..Standardization::default()
        };
        assert_eq!(standardize(&standardization, &[9.0; 6]), [3.0; 6]);
        let mut out = [0.0; 6];
        standardization.standardize_levels(&[9; 6], &mut out, SHAPE, &mut StandardizeScratch::default()).unwrap();
        assert_eq!(out, [3.0; 6]);
    }

    #[test]
    fn a_flat_image_becomes_zero() {
        let standardization = Standardization { samplewise_std_normalization: true, ..Standardization::default() };
        assert_eq!(standardize(&standardization, &[7.0; 6]), [0.0; 6]);
    }

    #[test]
    fn what_is_implied_is_written_out() {
        let all = Standardization {
            rescale: Some(0.0),
            samplewise_std_normalization: true,
            featurewise_std_normalization: true,
            zca_whitening: true,
            ..Standardization::default()
        };
        let resolved = all.resolved();
        assert_eq!(resolved.rescale, None);
        assert!(resolved.samplewise_center && resolved.featurewise_center && resolved.zca_whitening);
        assert!(!resolved.featurewise_std_normalization);
        let deviation = Standardization { featurewise_std_normalization: true, ..Standardization::default() };
        assert!(deviation.resolved().featurewise_center && deviation.resolved().featurewise_std_normalization);
    }

    #[test]
    fn nothing_is_on_by_default() {
        let off = Standardization { rescale: Some(0.0), ..Standardization::default() };
        assert!(off.is_identity() && !off.needs_f32());
        let preset = Standardization { preprocessing: Preprocessing::Torch, ..off.clone() };
        assert!(!preset.is_identity() && !preset.needs_f32());
        let rescaled = Standardization { rescale: Some(0.5), ..off };
        assert!(!rescaled.is_identity() && rescaled.needs_f32());
    }

    #[test]
    fn steps_without_statistics_do_nothing_and_are_found_out() {
        let unfitted = Standardization { featurewise_std_normalization: true, ..Standardization::default() };
        assert_eq!(standardize(&unfitted, &[7.0; 6]), [7.0; 6]);
        assert!(unfitted.check(SHAPE).is_ok());
        let error = unfitted.check_fitted().unwrap_err().to_string();
        assert!(error.starts_with("featurewise_std_normalization: expected statistics"), "{error}");
        let fitted = Standardization { statistics: statistics(3), ..unfitted };
        assert!(fitted.check_fitted().is_ok() && fitted.check(SHAPE).is_ok());
        assert!(Standardization::default().check_fitted().is_ok());
    }

    #[test]
    fn settings_that_do_not_fit_are_refused() {
        let refused = |standardization: &Standardization| standardization.check(SHAPE).unwrap_err().to_string();
        let plain = Standardization::default();
        assert!(refused(&Standardization { rescale: Some(f64::NAN), ..plain.clone() }).starts_with("rescale: "));
        assert!(refused(&Standardization { rescale: Some(1e39), ..plain.clone() }).starts_with("rescale: "));
        assert!(refused(&Standardization { zca_epsilon: -1.0, ..plain.clone() }).starts_with("zca_epsilon: "));
        let of_grey = Standardization { featurewise_center: true, statistics: statistics(1), ..plain.clone() };
        assert!(refused(&of_grey).contains("of 2 x 1 x 1 for images of 2 x 1 x 3"), "{}", refused(&of_grey));
        let unwhitened = Standardization { zca_whitening: true, statistics: statistics(3), ..plain };
        assert!(refused(&unwhitened).contains("without a whitening"), "{}", refused(&unwhitened));
    }

    #[test]
    fn an_image_that_does_not_fit_is_an_error() {
        let mut scratch = StandardizeScratch::default();
        let centred =
            Standardization { featurewise_center: true, statistics: statistics(1), ..Standardization::default() };
        let error = centred.standardize(&mut [0.0; 6], SHAPE, &mut scratch).unwrap_err();
        assert!(matches!(error, StandardizeError::Shape { .. }), "{error}");
        let error = centred.standardize(&mut [0.0; 5], SHAPE, &mut scratch).unwrap_err();
        assert_eq!(error.to_string(), "5 values, where an image of 2 x 1 x 3 has 6");
        let unwhitened = Standardization { zca_whitening: true, statistics: statistics(3), ..centred };
        assert!(unwhitened.standardize(&mut [0.0; 6], SHAPE, &mut scratch).is_err());
    }
}
