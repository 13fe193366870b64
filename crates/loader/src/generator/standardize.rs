//! How augmented images are standardised, with the names that Keras gives it.

use std::sync::Arc;

use super::{Compat, ImageDataGenerator};
use crate::batch::{Layout, PixelType, Pixels};
use crate::error::LoaderError;
use crate::flow::{Flow, FlowOptions};
use crate::pipeline::LoaderOptions;
use crate::standardize::{
    DEFAULT_ZCA_BYTES, ImageShape, MAX_NUMPY_FIT_BYTES, NumpyFit, Preprocessing, PreprocessingFunction,
    Standardization, StandardizeError, Statistics, StatisticsBuilder,
};

impl ImageDataGenerator {
    /// What `keras.applications` does before its networks, after augmentation. Default [`Preprocessing::None`].
    pub fn preprocessing(mut self, preprocessing: Preprocessing) -> Self {
        self.standardization.preprocessing = preprocessing;
        self
    }

    /// A function of one's own, on each augmented image (HWC, `f32`, `0.0..=255.0`), before everything else that
    /// standardises. Default `None`. What it fails with, or panics with, is a failure of the image's file.
    pub fn preprocessing_function(mut self, function: impl Into<Option<PreprocessingFunction>>) -> Self {
        self.standardization.function = function.into();
        self
    }

    /// Multiplies every value. Default `None`; 0 is none as well.
    pub fn rescale(mut self, factor: impl Into<Option<f64>>) -> Self {
        self.standardization.rescale = factor.into();
        self
    }

    /// Subtracts each image's mean, one for all channels. Default `false`.
    pub fn samplewise_center(mut self, on: bool) -> Self {
        self.standardization.samplewise_center = on;
        self
    }

    /// Divides each image by its standard deviation, one for all channels, plus 1e-6; centres it as well. Default
    /// `false`.
    pub fn samplewise_std_normalization(mut self, on: bool) -> Self {
        self.standardization.samplewise_std_normalization = on;
        self
    }

    /// Subtracts the data set's mean of each channel, which [`fit`](Self::fit) finds; binding a generator that was not
    /// fitted is an error. Default `false`.
    pub fn featurewise_center(mut self, on: bool) -> Self {
        self.standardization.featurewise_center = on;
        self
    }

    /// Divides by the data set's standard deviation of each channel plus 1e-6, which [`fit`](Self::fit) finds; centres
    /// as well. Default `false`.
    pub fn featurewise_std_normalization(mut self, on: bool) -> Self {
        self.standardization.featurewise_std_normalization = on;
        self
    }

    /// Multiplies each flattened image by the data set's ZCA whitening, which [`fit`](Self::fit) finds; centres as well,
    /// and takes the place of `featurewise_std_normalization`. Default `false`.
    pub fn zca_whitening(mut self, on: bool) -> Self {
        self.standardization.zca_whitening = on;
        self
    }

    /// What is added to the singular values of the whitening when it is fitted. Default 1e-6.
    pub fn zca_epsilon(mut self, epsilon: f64) -> Self {
        self.standardization.zca_epsilon = epsilon;
        self
    }

    /// Statistics that were fitted before, such as those of the training images for prediction. Default `None`.
    pub fn statistics(mut self, statistics: impl Into<Option<Arc<Statistics>>>) -> Self {
        self.standardization.statistics = statistics.into();
        self
    }

    /// How images are standardised.
    pub fn standardization(&self) -> &Standardization {
        &self.standardization
    }

    /// Finds the statistics that featurewise standardisation and whitening need, over every image of `flow` as it is
    /// resized, not augmented: Keras' `fit`. As there, images are rescaled first and functions are not applied.
    ///
    /// Sums are in double precision and one image is held at a time. With [`Compat::Keras3`] they are numpy's, in
    /// single precision and in the order that the flow's layout gives them, and all images are held.
    ///
    /// # Errors
    ///
    /// An image cannot be loaded; the whitening needs more than 2 GiB of memory, or cannot be found; with
    /// [`Compat::Keras3`] the images need more than 4 GiB; an option has a value that it cannot have.
    pub fn fit(self, flow: &Flow) -> Result<Self, LoaderError> {
        self.fit_with(flow, &Self::new(), 1)
    }

    /// Likewise over `rounds` augmented versions of every image: Keras' `fit(augment=True)`.
    ///
    /// # Errors
    ///
    /// As [`fit`](Self::fit).
    pub fn fit_augmented(self, flow: &Flow, rounds: u64) -> Result<Self, LoaderError> {
        let augmentation = Self { standardization: Standardization::default(), ..self.clone() };
        self.fit_with(flow, &augmentation, rounds)
    }

    fn fit_with(self, flow: &Flow, generator: &Self, rounds: u64) -> Result<Self, LoaderError> {
        let options = FlowOptions {
            shuffle: false,
            pixel_type: PixelType::F32,
            layout: Layout::Nhwc,
            max_batches: None,
            save_to: None,
            ..flow.options().clone()
        };
        let shape = options.sample_shape().image();
        let failed = |source| LoaderError::Fit { source };
        let count = (flow.samples() as u64).saturating_mul(rounds);
        let mut fitting = Fitting::new(&self, shape, flow.options().layout, count).map_err(failed)?;
        for batch in flow.with(generator.clone(), options)?.stream(0..rounds, &LoaderOptions::default())?.blocking() {
            let batch = batch?;
            if let Pixels::F32(images) = batch.pixels() {
                fitting.add_batch(images).map_err(failed)?;
            }
        }
        Ok(self.statistics(Arc::new(fitting.finish().map_err(failed)?)))
    }
}

/// Statistics in the making, by whose arithmetic the generator wants.
#[derive(Debug)]
enum Fitting {
    Exact(StatisticsBuilder),
    Numpy(NumpyFit),
}

impl Fitting {
    fn new(
        generator: &ImageDataGenerator,
        shape: ImageShape,
        layout: Layout,
        images: u64,
    ) -> Result<Self, StandardizeError> {
        let standardization = &generator.standardization;
        Ok(match generator.compat {
            Compat::Documented => {
                Self::Exact(StatisticsBuilder::for_standardization(standardization, shape, DEFAULT_ZCA_BYTES)?)
            }
            Compat::Keras3 => Self::Numpy(NumpyFit::new(standardization, shape, layout, images, MAX_NUMPY_FIT_BYTES)?),
        })
    }

    fn add_batch(&mut self, images: &[f32]) -> Result<(), StandardizeError> {
        match self {
            Self::Exact(builder) => builder.add_batch(images),
            Self::Numpy(fit) => fit.add_batch(images),
        }
    }

    fn finish(self) -> Result<Statistics, StandardizeError> {
        match self {
            Self::Exact(builder) => builder.finish(),
            Self::Numpy(fit) => fit.finish(),
        }
    }
}
