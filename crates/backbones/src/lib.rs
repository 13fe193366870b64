//! Frozen image backbones: a batch of photos in, one 2048-vector for each out.
//!
//! [`Backbone`] runs ResNet50 (v1) or Xception, without the classification top and with global average pooling, as
//! Keras defines them and with the numbers Keras gives: batch normalisation in inference mode, TensorFlow's padding,
//! Keras' preprocessing. Arithmetic is libtorch's, on the CPU or on a CUDA device.
//!
//! ```no_run
//! use std::path::Path;
//! use xfer_backbones::{Architecture, Backbone, ImageBatch, PixelData, Weights, device};
//!
//! # fn main() -> Result<(), xfer_backbones::BackboneError> {
//! let device = device::select("auto")?;
//! let weights = Weights::load(Architecture::ResNet50, Path::new("resnet50_notop.h5"))?;
//! let backbone = Backbone::new(&weights, None, device)?;
//! let photo = vec![128_u8; 224 * 224 * 3];
//! let features = backbone.forward(ImageBatch { pixels: PixelData::U8(&photo), shape: [1, 224, 224, 3] })?;
//! assert_eq!(features.values.len(), features.rows * Architecture::FEATURES);
//! # Ok(())
//! # }
//! ```
//!
//! How it hangs together: [`resnet50`] and [`xception`] describe an architecture as a [`layers::Graph`], plain data
//! in Keras' layer order and names. From that one description come the names and shapes of the weights
//! ([`weights`]), the table of layers ([`summary`]) and the steps that run.

pub mod architecture;
pub mod backbone;
pub mod calibration;
pub mod device;
pub mod error;
mod forward;
pub mod layers;
mod parallel;
mod plan;
pub mod precision;
pub mod preprocess;
pub mod resnet50;
mod script;
pub mod summary;
mod upload;
pub mod weights;
pub mod xception;

pub use architecture::Architecture;
pub use backbone::{Backbone, Features, ForwardTime, ImageBatch, PixelData};
pub use calibration::Calibration;
pub use device::Device;
pub use error::BackboneError;
pub use precision::Precision;
pub use preprocess::Preprocess;
pub use script::{ScriptActivation, ScriptLayer};
pub use summary::Summary;
pub use upload::Pipeline;
pub use weights::{BatchNormStatistics, Layout, Weights};
