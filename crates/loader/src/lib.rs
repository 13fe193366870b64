//! Streams batches of images from folders to a training loop: an asynchronous, prefetching
//! `ImageDataGenerator` with Keras' semantics.
//!
//! A [`ImageDataGenerator`] says what is done to an image, [`ImageDataGenerator::flow_from_directory`]
//! binds it to files as a [`Flow`], and [`Flow::stream`] starts reading, decoding and resizing ahead of
//! the consumer. Batches arrive in the order that the seed and the epoch give, whatever the number of
//! threads, as a [`Stream`](tokio_stream::Stream) or, through [`BatchStream::blocking`], as an iterator.
//!
//! ```no_run
//! use xfer_loader::{DirectoryOptions, FlowOptions, ImageDataGenerator, LoaderOptions, Preprocessing};
//!
//! # fn main() -> Result<(), xfer_loader::LoaderError> {
//! let flow = ImageDataGenerator::new()
//!     .horizontal_flip(true)
//!     .preprocessing(Preprocessing::Caffe)
//!     .flow_from_directory("photos/train", &DirectoryOptions::default(), FlowOptions { target_size: (224, 224), ..FlowOptions::default() })?;
//! println!("{}", flow.found());
//! for batch in flow.stream(0..10, &LoaderOptions::default())?.blocking() {
//!     let batch = batch?;
//!     println!("epoch {} batch {}: {:?}", batch.epoch, batch.index, batch.shape());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Shapes
//!
//! A batch is NHWC: `[samples, height, width, 3]`, rows from the top. Channels are RGB in `0..=255`
//! (`u8`), or what the [`Preprocessing`] makes of that (`f32`; BGR after [`Preprocessing::Caffe`]).
//!
//! # Memory
//!
//! What is in flight is bounded by [`LoaderOptions::prefetch_batches`] batch buffers and
//! [`LoaderOptions::max_bytes_in_flight`] bytes of files, and does not grow with the data set. Each
//! compute thread keeps one decoded image as scratch.

mod augment;
mod batch;
mod cpu;
mod decode;
mod error;
mod failure;
mod flow;
mod generator;
mod metrics;
mod pipeline;
mod random;
mod report;
mod resize;
mod sampler;
mod save;
pub mod scan;
mod source;
mod standardize;
mod targets;

pub use augment::{FillMode, SplineOrder};
pub use batch::{Batch, Layout, PixelType, Pixels};
pub use decode::{Alpha, ColorMode, DecodeError, DecodeOptions, DecodeScale, Depth16, ExifOrientation, MAX_PIXELS};
pub use error::{LoaderError, Stage};
pub use failure::{ErrorBudget, Failure, OnError};
pub use flow::{Flow, FlowOptions};
pub use generator::{Compat, ImageDataGenerator, Shift, ZoomRange};
pub use metrics::describe as describe_metrics;
pub use pipeline::{BatchStream, BlockingBatches, LoaderOptions};
pub use report::{Report, ReportHandle};
pub use resize::Interpolation;
pub use save::{SaveFormat, SaveTo};
pub use source::{ClassMode, DirectoryOptions, GroupBy, InvalidFiles, Split, SplitReport, Subset, TableOptions};
pub use standardize::{
    DEFAULT_ZCA_BYTES, FunctionError, ImageShape, Preprocessing, PreprocessingFunction, Standardization,
    StandardizeError, Statistics, StatisticsBuilder,
};
pub use targets::{BatchTargets, TargetValues};

/// Single steps of the pipeline, one image at a time, for tools and benchmarks.
pub mod stages {
    pub use crate::decode::{Decoder, Deep, Extent, FileFormat, Image, Wanted, format_of};
    pub use crate::resize::{Crop, DeepKind, DeepView, Resizer, View, keep_aspect_box};
    pub use crate::standardize::{StandardizeScratch, save_image_levels};
}
