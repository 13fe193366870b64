//! Pixels to the numbers that a network is trained on: Keras' `ImageDataGenerator.standardize` and `.fit`.

mod error;
mod fit;
mod function;
mod levels;
mod numpy_fit;
mod preprocessing;
mod samplewise;
mod shape;
mod standardization;
mod statistics;
mod zca;

#[cfg(test)]
mod goldens;

pub use error::StandardizeError;
pub use fit::StatisticsBuilder;
pub use function::{FunctionError, PreprocessingFunction};
pub use levels::save_image_levels;
pub(crate) use numpy_fit::{MAX_BYTES as MAX_NUMPY_FIT_BYTES, NumpyFit};
pub use preprocessing::Preprocessing;
pub use shape::ImageShape;
pub use standardization::{Standardization, StandardizeScratch};
pub use statistics::Statistics;
pub use zca::DEFAULT_ZCA_BYTES;
