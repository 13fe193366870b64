//! Trains a small head on the features of a frozen backbone, with Keras' arithmetic.
//!
//! Batches of the loader become features ([`features`]), a [`Learner`] steps on them, and [`Fit`] runs the
//! epochs: averages as Keras keeps them, validation after each epoch, [`callbacks`] on every event. What comes
//! out is a [`History`] and a [`Model`], saved with all that prediction needs.
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//! use xfer_loader::{Flow, LoaderOptions};
//! use xfer_trainer::features::{Extracted, FeatureExtractor};
//! use xfer_trainer::{Fit, FitOptions, Head, Learner, Sgd, TrainerError};
//!
//! # fn train(flow: &Flow, backbone: &dyn FeatureExtractor) -> Result<(), TrainerError> {
//! let head = Head::glorot_uniform(backbone.feature_len(), flow.class_names().len(), 123)?;
//! let mut learner = Learner::new(head, Box::new(Sgd::new(0.01)));
//! let batches = flow.stream(0..10, &LoaderOptions::default())?.blocking();
//! let fitted = Fit {
//!     learner: &mut learner,
//!     training: &mut Extracted::new(batches, backbone),
//!     validation: None,
//!     options: FitOptions { epochs: 10, steps_per_epoch: flow.batches_per_epoch() as u64, validation_steps: None },
//!     callbacks: Vec::new(),
//!     stop: &AtomicBool::new(false),
//!     from: None,
//!     recovery: None,
//! }
//! .run()?;
//! # Ok(())
//! # }
//! ```
//!
//! All arithmetic of the head is f32 on one thread, summed in a fixed order: the same features give the same
//! bits at any number of threads.

mod atomic_file;
pub mod callbacks;
mod error;
pub mod evaluation;
pub mod export;
pub mod features;
mod fit;
mod head;
mod history;
mod learner;
mod linalg;
mod loss;
mod metric;
mod metrics;
mod model;
mod optimizer;
mod schedule;
mod state;
pub mod sweep;

pub use atomic_file::{AtomicFile, CompleteFile, Existing};
pub use error::TrainerError;
pub use evaluation::{Evaluation, Prediction};
pub use export::{Export, ExportFormat};
pub use fit::{Fit, FitOptions, Fitted, Outcome, Position, Recovery};
pub use head::{Activation, Dense, Dropout, Head, HeadOptions};
pub use history::{ACCURACY, History, LEARNING_RATE, LOSS, Logs, VALIDATION_ACCURACY, VALIDATION_LOSS};
pub use learner::{BatchResult, Learner, Samples};
pub use loss::{Loss, Targets, balanced_class_weights};
pub use metric::{Accuracy, Auc, Direction, EpochMetrics, Mean, Metric, Precision, Recall, RocAuc};
pub use metrics::describe as describe_metrics;
pub use model::{Model, ModelDescription, WeightsDescription, preprocessing_of};
pub use optimizer::{Adam, AdamOptions, Clip, Ema, Optimizer, OptimizerConfig, OptimizerOptions, Parameter, Rule, Sgd};
pub use schedule::{Schedule, Warmup};
pub use state::{State, Values};
