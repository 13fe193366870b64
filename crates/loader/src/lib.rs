//! Streams batches of images from folders to a training loop: an asynchronous, prefetching
//! `ImageDataGenerator` with Keras' semantics.
//!
//! A [`ImageDataGenerator`] says what is done to an image, [`ImageDataGenerator::flow_from_directory`]
//! binds it to files as a [`Flow`], and [`Flow::stream`] starts reading, decoding and resizing ahead of
//! the consumer. Batches arrive in the order that the seed and the epoch give, whatever the number of
//! threads, as a [`Stream`](tokio_stream::Stream) or, through [`BatchStream::blocking`], as an iterator.
//!
//! ```no_run
//! use xfer_loader::{FlowOptions, ImageDataGenerator, LoaderOptions, Preprocessing};
//!
//! # fn main() -> Result<(), xfer_loader::LoaderError> {
//! let flow = ImageDataGenerator::new()
//!     .horizontal_flip(true)
//!     .preprocessing(Preprocessing::Caffe)
//!     .flow_from_directory("photos/train", FlowOptions { target_size: (224, 224), ..FlowOptions::default() })?;
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
mod flow;
mod generator;
mod metrics;
mod pipeline;
mod random;
mod resize;
mod sampler;
mod source;
mod standardize;

pub use batch::{Batch, PixelType, Pixels};
pub use decode::{DecodeError, MAX_PIXELS};
pub use error::{LoaderError, Stage};
pub use flow::{Flow, FlowOptions};
pub use generator::ImageDataGenerator;
pub use metrics::describe as describe_metrics;
pub use pipeline::{BatchStream, BlockingBatches, LoaderOptions};
pub use resize::{Interpolation, Resizer};
pub use source::{ClassMode, DirectoryOptions, GroupBy, InvalidFiles, Split, SplitReport, Subset, TableOptions};
pub use standardize::Preprocessing;

/// Single steps of the pipeline, one image at a time, for tools and benchmarks.
pub mod stages {
    pub use crate::decode::{Decoder, Image};
    pub use crate::resize::{Interpolation, Resizer};
    pub use crate::standardize::Preprocessing;
}
