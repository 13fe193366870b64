//! Streams batches of images from folders to a training loop: an asynchronous, prefetching `ImageDataGenerator` with
//! Keras' semantics, for any framework. It needs neither Python nor a deep-learning library.
//!
//! An [`ImageDataGenerator`] says what is done to an image; [`flow_from_directory`], [`flow_from_table`] or
//! [`flow_from_files`] binds it to files as a [`Flow`]; [`Flow::stream`] starts threads that read, decode, resize,
//! augment and standardise ahead of the consumer. Batches arrive in the order that the seed and the epoch give,
//! whatever the number of threads, as a [`Stream`](tokio_stream::Stream) or, through [`BatchStream::blocking`], as an
//! iterator.
//!
//! Whoever comes from Keras finds every argument of it in [`migration`].
//!
//! # A first example
//!
//! ```
//! use xfer_loader::{DirectoryOptions, FlowOptions, ImageDataGenerator, LoaderOptions, Pixels};
//!
//! # use image::{Rgb, RgbImage};
//! # let photos = tempfile::tempdir()?;
//! # for name in ["rural/a.png", "rural/b.png", "urban/a.png"] {
//! #     std::fs::create_dir_all(photos.path().join(name).parent().unwrap())?;
//! #     RgbImage::from_pixel(60, 40, Rgb([255, 0, 255])).save(photos.path().join(name))?;
//! # }
//! # let photos = photos.path();
//! // One sub-folder a class.
//! let flow = ImageDataGenerator::new()
//!     .rotation_range(20.0)
//!     .horizontal_flip(true)
//!     .rescale(1.0 / 255.0)
//!     .flow_from_directory(
//!         photos,
//!         &DirectoryOptions::default(),
//!         FlowOptions { target_size: (224, 224), batch_size: 2, ..FlowOptions::default() },
//!     )?;
//! assert_eq!(flow.found(), "Found 3 images belonging to 2 classes.");
//!
//! for batch in flow.stream(0..10, &LoaderOptions::default())?.blocking() {
//!     let batch = batch?;
//!     let Pixels::F32(values) = batch.pixels() else { unreachable!("the default") };
//!     let [samples, height, width, channels] = batch.shape();
//!     assert_eq!(values.len(), samples * height * width * channels);
//!     assert_eq!(batch.labels().len(), samples);
//!     assert_eq!(values[..3], [1.0, 0.0, 1.0]);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! There are complete programs in the crate's `examples`: `to_ndarray` (views without a copy), `async_stream`,
//! `augment_preview`, `skip_bad_files`; and `to_tch` (tensors of libtorch) among those of `xfer-trainer`, so that this
//! crate has nothing to do with libtorch.
//!
//! # Shapes and values
//!
//! A [`Batch`] is one contiguous piece of memory, rows from the top, of [`Batch::shape`]:
//!
//! | [`FlowOptions::layout`] | shape |
//! |---|---|
//! | [`Layout::Nhwc`], the default | `[samples, height, width, channels]` |
//! | [`Layout::Nchw`] | `[samples, channels, height, width]` |
//!
//! `height` and `width` are those of [`FlowOptions::target_size`]. The last batch of an epoch may have fewer samples
//! than [`FlowOptions::batch_size`], and so may any under [`OnError::Skip`].
//!
//! | [`DecodeOptions::color_mode`] | channels |
//! |---|---|
//! | [`ColorMode::Rgb`], the default | red, green, blue |
//! | [`ColorMode::Rgba`] | red, green, blue, opacity (255 is opaque), not premultiplied |
//! | [`ColorMode::Grayscale`] | luma |
//!
//! | [`FlowOptions::pixel_type`] | values |
//! |---|---|
//! | [`PixelType::F32`], the default | levels `0.0..=255.0`, or what the standardisation makes of them |
//! | [`PixelType::U8`] | levels `0..=255`; refused where something standardises |
//!
//! Levels in `f32` go beyond 255 in one case by decoding, 16-bit grey under [`ColorMode::Grayscale`], which Keras
//! keeps; and beyond 0 and 255 in one by augmentation, a spline of order 2 or more. [`Preprocessing::Caffe`] is BGR
//! less the ImageNet means, [`Preprocessing::Tf`] `-1.0..=1.0`, [`Preprocessing::Torch`] RGB by the ImageNet means and
//! deviations.
//!
//! # Order of steps
//!
//! read, decode, resize, rotation with shift, shear and zoom (one resampling), channel shift, flips, brightness, the
//! user's function, preprocessing, rescale, samplewise, featurewise or ZCA; then, where that is asked for, the image is
//! saved.
//!
//! # Determinism
//!
//! A batch depends on the files, the options and `(seed, epoch, index)`, to the last bit: not on the number of threads,
//! on timing, or on the machine. Any epoch can be streamed by itself: `stream(7..8, ..)` is what the eighth of `0..8`
//! is. (A function of the user's has to be as deterministic.) There are two sets of random streams:
//!
//! - [`Compat::Documented`], the default: ChaCha8, keyed by (seed, purpose, epoch, sample). Switching one augmentation on
//!   leaves the draws of the others as they were, and a sample its own, whatever batch it is in.
//! - [`Compat::Keras3`]: numpy's Mersenne Twister, seeded anew for each batch as Keras does, with Keras' order of draws
//!   and Keras' geometry. Angles go through the sine of the C library there, whose last digit may depend on the machine.
//!
//! # Failures
//!
//! An error names the file, the [`Stage`] and the reason, and ends the stream: nothing follows it. What a bad file does
//! is [`FlowOptions::on_error`]:
//!
//! - [`OnError::Fail`], the default: it is that error.
//! - [`OnError::Skip`]: the sample is left out of its batch.
//! - [`OnError::Replace`]: a sample of its class takes its place.
//!
//! The latter two end with [`LoaderError::TooManyFailures`] once more files than [`FlowOptions::error_budget`] have
//! failed; [`BatchStream::report`] lists them. Bad are: files that cannot be read, are no image, are cut short, or are
//! corrupt (missing JPEG data is an error, not grey); images that a user's function refuses; and panics, of a decoder
//! or a function, which are contained. A file that hangs for longer than [`LoaderOptions::stall_timeout`] ends the
//! stream under every policy. [`scan`](mod@scan) looks for all of it beforehand.
//!
//! # Memory and threads
//!
//! What is in flight does not grow with the data set or with time. It is bounded by:
//!
//! - [`LoaderOptions::max_bytes_in_flight`] bytes of buffers: files that are read and not yet decoded, batches that are
//!   begun or finished, and those that the consumer keeps. Beyond it the loader waits until a batch is dropped; only the
//!   batch that the consumer waits for is made whatever the budget, so that one who keeps them all waits for none.
//!   [`LoaderOptions::prefetch_batches`] batches and one for the consumer may be there in any case;
//! - the scratch of the compute threads, [`LoaderOptions::threads`] at most: one decoded image each, and a few of the target's size.
//!   What an unusually large image took is let go some hundred images later.
//!
//! Buffers return when a file is decoded and when a [`Batch`] is dropped, and are used again: once a stream is warm,
//! reading, decoding JPEG, resizing and standardising allocate nothing.
//!
//! The index takes some 20 bytes a sample besides its name.
//!
//! A stream has a thread that plans the batches, threads that read, the compute threads, and one that watches for stalls.
//! How many files are read at the same time, [`LoaderOptions::concurrent_reads`] at most, depends on how long a read takes
//! and how fast files are decoded: one or two from memory, dozens from a network file system or through a [`FileReader`]
//! of one's own ([`Flow::read_by`]). Reading may be ahead of the batches that have a buffer, so that slow reads are made
//! good for whatever the size of a batch. A stream may be polled in any async runtime, or in none. Dropping it ends and
//! joins all of its threads. For one that hangs in a system call or in a function it waits two seconds; such a thread ends
//! as soon as it is let go.
//!
//! # Send and Sync
//!
//! The compiler checks this list.
//!
//! - Options, generators, statistics, errors and reports are `Send` and `Sync`, and so are [`Flow`] and [`Batch`]: one
//!   flow may be streamed from several threads at once, a batch may be sent to another thread or read in several.
//! - [`BatchStream`] and [`BlockingBatches`] are `Send` (and `Unpin`), and **not** `Sync`: one consumer at a time, which
//!   may move. A [`ReportHandle`] may be read beside it.
//! - [`PreprocessingFunction`] takes functions that are `Send + Sync + 'static`: all compute threads call the same one.
//!   So does [`FileReader`], for threads that read.
//! - [`stages`] that keep buffers take `&mut self`: one for each thread.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `parquet`: [`flow_from_table`] reads Parquet files besides CSV.
//! - `zca`: [`ImageDataGenerator::fit`] finds ZCA whitenings. Applying one that is loaded needs no feature.
//!
//! # Metrics
//!
//! Counters, queue depths and times of each stage are reported through the `metrics` facade, to the recorder that is
//! installed when a stream starts, labelled with [`LoaderOptions::name`]; [`describe_metrics`] registers their
//! descriptions.
//!
//! [`LoaderOptions::concurrent_reads`]: field@LoaderOptions::concurrent_reads
//! [`LoaderOptions::threads`]: field@LoaderOptions::threads
//! [`flow_from_directory`]: ImageDataGenerator::flow_from_directory
//! [`flow_from_table`]: ImageDataGenerator::flow_from_table
//! [`flow_from_files`]: ImageDataGenerator::flow_from_files

mod augment;
mod batch;
mod clocks;
mod cpu;
mod decode;
mod error;
mod failure;
mod file_reader;
mod flow;
mod generator;
mod metrics;
#[doc = include_str!("../docs/migration.md")]
pub mod migration {}
mod pipeline;
mod random;
mod report;
mod resize;
mod sampler;
mod save;
pub mod scan;
mod source;
pub mod stages;
mod standardize;
mod targets;
mod thread_safety;

pub use augment::{FillMode, SplineOrder};
pub use batch::{Batch, Layout, PixelType, Pixels};
pub use decode::{Alpha, ColorMode, DecodeError, DecodeOptions, DecodeScale, Depth16, ExifOrientation, MAX_PIXELS};
pub use error::{LoaderError, Stage};
pub use failure::{ErrorBudget, Failure, OnError};
pub use file_reader::{FileBuffer, FileReader};
pub use flow::{Flow, FlowOptions};
pub use generator::{Compat, ImageDataGenerator, Shift, ZoomRange};
pub use metrics::describe as describe_metrics;
pub use pipeline::{BatchStream, BlockingBatches, Flips, LoaderOptions, PlannedBatch, PlannedSample, Schedule};
pub use report::{Report, ReportHandle};
pub use resize::Interpolation;
pub use save::{SaveFormat, SaveTo};
pub use source::{
    ClassMode, DirectoryOptions, Folds, GroupBy, InvalidFiles, Split, SplitReport, Subset, TableOptions, image_files,
};
pub use standardize::{
    DEFAULT_ZCA_BYTES, FunctionError, ImageShape, Preprocessing, PreprocessingFunction, Standardization,
    StandardizeError, Statistics, StatisticsBuilder,
};
pub use targets::{BatchTargets, TargetValues};
pub use xfer_telemetry::verdict::LoaderTime;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
