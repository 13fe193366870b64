//! A generator bound to files: what can be streamed.

use std::fmt::Display;
use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::batch::{Layout, PixelType, SampleShape};
use crate::decode::{DecodeOptions, DecodeScale, Wanted};
use crate::error::LoaderError;
use crate::failure::{ErrorBudget, OnError};
use crate::file_reader::FileReader;
use crate::generator::{Compat, ImageDataGenerator};
use crate::pipeline::{BatchStream, LoaderOptions, PlannedBatch, Schedule};
use crate::report::ReportHandle;
use crate::resize::Interpolation;
use crate::sampler::Sampler;
use crate::save::SaveTo;
use crate::source::{Folds, Index, InvalidFiles, Split, SplitReport};

/// How samples become batches. The defaults are those of Keras' `flow_from_directory`.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowOptions {
    /// (height, width) of every image of a batch, in pixels. Default (256, 256).
    pub target_size: (usize, usize),
    /// Samples a batch. Default 32.
    pub batch_size: usize,
    /// Whether each epoch has an order of its own. Default `true`.
    pub shuffle: bool,
    /// Decides, with the epoch, order and augmentation. Default 0.
    pub seed: u64,
    /// How images are resized. Default [`Interpolation::Nearest`].
    pub interpolation: Interpolation,
    /// Whether to cut the largest centre of the target's proportions out of an image before it is resized, instead of
    /// distorting it. Default `false`.
    pub keep_aspect_ratio: bool,
    /// What of an image's file is heeded: colours, EXIF orientation, 16 bits, transparency. Default: RGB, and the rest
    /// as Keras has it.
    pub decode: DecodeOptions,
    /// Whether JPEG files that shrink by a lot may be decoded at a fraction of their size. Default
    /// [`DecodeScale::Exact`].
    pub decode_scale: DecodeScale,
    /// What pixels are stored as. Default [`PixelType::F32`].
    pub pixel_type: PixelType,
    /// The order of a batch's axes. Default [`Layout::Nhwc`].
    pub layout: Layout,
    /// What is done about files that cannot be read or decoded. Default [`OnError::Fail`].
    pub on_error: OnError,
    /// How many files may be skipped or replaced, all epochs taken together. Default one in ten.
    pub error_budget: ErrorBudget,
    /// Where every augmented image is written, to look at. Default `None`: nowhere.
    pub save_to: Option<SaveTo>,
    /// An epoch is cut to its first so many batches. Default `None`: every sample once.
    pub max_batches: Option<usize>,
}

impl Default for FlowOptions {
    fn default() -> Self {
        Self {
            target_size: (256, 256),
            batch_size: 32,
            shuffle: true,
            seed: 0,
            interpolation: Interpolation::default(),
            keep_aspect_ratio: false,
            decode: DecodeOptions::default(),
            decode_scale: DecodeScale::default(),
            pixel_type: PixelType::default(),
            layout: Layout::default(),
            on_error: OnError::default(),
            error_budget: ErrorBudget::default(),
            save_to: None,
            max_batches: None,
        }
    }
}

impl FlowOptions {
    pub(crate) fn sample_shape(&self) -> SampleShape {
        let (height, width) = self.target_size;
        let channels = self.decode.color_mode.channels();
        SampleShape { height, width, channels, layout: self.layout, pixel_type: self.pixel_type }
    }
}

/// The longest side that an image may be resized to.
const MAX_SIDE: usize = 65_535;

/// An index of samples and what is done to them. Nothing runs until [`stream`](Self::stream).
#[derive(Clone, Debug)]
pub struct Flow {
    generator: ImageDataGenerator,
    source: Arc<Index>,
    options: FlowOptions,
    reader: FileReader,
}

impl Flow {
    pub(crate) fn new(generator: ImageDataGenerator, source: Index, options: FlowOptions) -> Result<Self, LoaderError> {
        let flow = Self { generator, source: Arc::new(source), options, reader: FileReader::default() };
        flow.check()?;
        Ok(flow)
    }

    /// The same samples with other options.
    ///
    /// # Errors
    ///
    /// An option has a value that it cannot have.
    pub fn with_options(&self, options: FlowOptions) -> Result<Self, LoaderError> {
        self.with(self.generator.clone(), options)
    }

    /// The same samples with another generator and other options.
    ///
    /// # Errors
    ///
    /// An option has a value that it cannot have.
    pub fn with(&self, generator: ImageDataGenerator, options: FlowOptions) -> Result<Self, LoaderError> {
        let flow = Self { generator, options, ..self.clone() };
        flow.check()?;
        Ok(flow)
    }

    /// The same samples, whose files streams get from `reader` instead of the file system. Nothing needs to be at their
    /// paths: those of a table need not be looked up ([`TableOptions::validate_filenames`](crate::TableOptions)).
    #[must_use]
    pub fn read_by(&self, reader: FileReader) -> Self {
        Self { reader, ..self.clone() }
    }

    /// Both sides of a split, training first, each with the generator and options of this flow: give the validation
    /// side others by [`with`](Self::with). Files are read at most once.
    ///
    /// # Errors
    ///
    /// A side has no samples; a file that the split has to read cannot be read.
    pub fn divide(&self, split: &Split) -> Result<(Self, Self), LoaderError> {
        let (training, validation) = (*self.source).clone().divide(split)?;
        let side = |source| Self { source: Arc::new(source), ..self.clone() };
        Ok((side(training), side(validation)))
    }

    /// The splits of a cross-validation, each as [`divide`](Self::divide) gives it. Files are read once.
    ///
    /// # Errors
    ///
    /// There are fewer than two folds, or one has no samples; a file cannot be read.
    pub fn folds(&self, folds: &Folds) -> Result<Vec<(Self, Self)>, LoaderError> {
        let side = |source| Self { source: Arc::new(source), ..self.clone() };
        let splits = self.source.folds(folds)?;
        Ok(splits.into_iter().map(|(training, validation)| (side(training), side(validation))).collect())
    }

    /// The first so many samples.
    pub fn first(&self, samples: usize) -> Self {
        self.keep((0..samples.min(self.samples())).collect())
    }

    /// At most `samples` of the samples, spread evenly over the index.
    pub fn spread(&self, samples: usize) -> Self {
        let all = self.samples();
        if samples >= all {
            return self.clone();
        }
        self.keep((0..samples).map(|k| k * all / samples).collect())
    }

    fn keep(&self, places: Vec<usize>) -> Self {
        let mut source = (*self.source).clone();
        source.keep(&places);
        Self { source: Arc::new(source), ..self.clone() }
    }

    fn check(&self) -> Result<(), LoaderError> {
        let options = &self.options;
        let (height, width) = options.target_size;
        check(
            (1..=MAX_SIDE).contains(&height) && (1..=MAX_SIDE).contains(&width),
            "target_size",
            "sides of 1 to 65535 pixels",
            format_args!("{height}x{width}"),
        )?;
        check(options.batch_size > 0, "batch_size", "at least 1", options.batch_size)?;
        check(options.max_batches != Some(0), "max_batches", "at least 1", 0)?;
        check(options.error_budget.is_valid(), "error_budget", "a share of 0% to 100%", options.error_budget)?;
        check(u32::try_from(self.samples()).is_ok(), "samples", "at most 4294967295", self.samples())?;
        if self.generator.compat == Compat::Keras3 {
            check(options.seed <= u32::MAX.into(), "seed", "at most 4294967295 with keras3", options.seed)?;
        }
        self.generator.check()?;
        let standardization = self.generator.standardization();
        let shape = options.sample_shape().image();
        standardization.check(shape)?;
        standardization.check_fitted()?;
        check(
            options.pixel_type == PixelType::F32 || standardization.is_identity(),
            "pixel_type",
            "f32 where pixels are standardised",
            "u8",
        )?;
        options.save_to.as_ref().map_or(Ok(()), |save_to| save_to.check(shape.channels))
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.source.len()
    }

    /// Class names in label order; empty where folders are not classes.
    pub fn class_names(&self) -> &[String] {
        self.source.classes()
    }

    /// The class of each sample in index order, where folders are classes.
    pub fn labels(&self) -> Option<&[u32]> {
        self.source.labels()
    }

    /// The classes of sample `sample`: one where folders are classes, any number where a table says so.
    ///
    /// # Panics
    ///
    /// There is no such sample.
    pub fn classes_of(&self, sample: usize) -> &[u32] {
        self.source.targets().classes_of(sample)
    }

    /// What each sample counts for in the loss, in index order, where the table has a column for it.
    pub fn weights(&self) -> Option<&[f32]> {
        self.source.weights()
    }

    /// Each sample's path under the folder that was indexed, in index order.
    pub fn filenames(&self) -> impl Iterator<Item = &Path> {
        (0..self.samples()).map(|index| self.source.name(index))
    }

    /// Where sample `sample` is.
    ///
    /// # Panics
    ///
    /// There is no such sample.
    pub fn path(&self, sample: usize) -> PathBuf {
        self.source.path(sample)
    }

    /// The folder that was indexed.
    pub fn root(&self) -> &Path {
        self.source.root()
    }

    /// Folders left out because their names begin with a dot.
    pub fn hidden_folders(&self) -> &[PathBuf] {
        self.source.hidden_folders()
    }

    /// Linked folders left out because they lead back to where they hang.
    pub fn link_loops(&self) -> &[PathBuf] {
        self.source.link_loops()
    }

    /// Rows of a table left out because they name no image.
    pub fn invalid_files(&self) -> &InvalidFiles {
        self.source.invalid_files()
    }

    /// How many samples each side got, where the index was split.
    pub fn split_report(&self) -> Option<&SplitReport> {
        self.source.split_report()
    }

    /// Keras' `class_indices`: the label of each class name.
    pub fn class_indices(&self) -> impl Iterator<Item = (&str, u32)> {
        self.source.class_indices()
    }

    /// Samples a batch; the last of an epoch may have fewer.
    pub fn batch_size(&self) -> usize {
        self.options.batch_size
    }

    /// Batches of one epoch.
    pub fn batches_per_epoch(&self) -> usize {
        self.sampler().batches_per_epoch()
    }

    /// How samples become batches.
    pub fn options(&self) -> &FlowOptions {
        &self.options
    }

    /// What Keras prints: `Found 72 images belonging to 2 classes.`
    pub fn found(&self) -> String {
        self.source.found()
    }

    /// Starts threads that read, decode, resize, augment and standardise ahead, and returns the batches of `epochs`,
    /// counted from 0, in order. `0..` never ends. Epochs do not depend on those before: any may be the first.
    ///
    /// # Errors
    ///
    /// An option has a value that it cannot have; a thread cannot be started. What happens to single files
    /// is an item of the stream, which ends after the first error.
    pub fn stream(&self, epochs: impl RangeBounds<u64>, loader: &LoaderOptions) -> Result<BatchStream, LoaderError> {
        BatchStream::start(self.clone(), self.schedule(epochs), loader)
    }

    /// What [`stream`](Self::stream) would load: which samples are in which batch, and what is drawn for them.
    pub fn schedule(&self, epochs: impl RangeBounds<u64>) -> Schedule {
        let start = match epochs.start_bound() {
            Bound::Included(&epoch) => epoch,
            Bound::Excluded(&epoch) => epoch.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match epochs.end_bound() {
            Bound::Included(&epoch) => epoch.saturating_add(1),
            Bound::Excluded(&epoch) => epoch,
            Bound::Unbounded => u64::MAX,
        };
        Schedule::new(self.clone(), start..end)
    }

    /// Streams batches of one's own making, such as those of a [`schedule`](Self::schedule) without the samples that
    /// are not needed. Failures are added to `report`, whose budget may be that of several streams; remarks on files
    /// are those of epoch 0. A batch without samples is left out.
    ///
    /// # Errors
    ///
    /// As [`stream`](Self::stream).
    ///
    /// # Panics
    ///
    /// In a thread of the stream, where a sample is not in the index: the stream then ends.
    pub fn stream_planned(
        &self,
        batches: impl Iterator<Item = Result<PlannedBatch, LoaderError>> + Send + 'static,
        report: &ReportHandle,
        loader: &LoaderOptions,
    ) -> Result<BatchStream, LoaderError> {
        let some = batches.filter(|batch| batch.as_ref().map_or(true, |batch| !batch.samples.is_empty()));
        BatchStream::start_batches(self.clone(), some, report.clone(), loader)
    }

    /// An empty report, for streams that share one.
    pub fn report(&self) -> ReportHandle {
        ReportHandle::new(self.options.error_budget, self.samples())
    }

    pub(crate) fn sampler(&self) -> Sampler {
        Sampler {
            samples: self.samples(),
            batch_size: self.options.batch_size,
            shuffle: self.options.shuffle,
            seed: self.options.seed,
            max_batches: self.options.max_batches,
        }
    }

    /// What becomes of every picture.
    pub(crate) fn wanted(&self) -> Wanted {
        let FlowOptions { target_size, interpolation, keep_aspect_ratio, decode_scale, .. } = self.options;
        let scaled = match decode_scale {
            DecodeScale::Exact => false,
            DecodeScale::Scaled => true,
            DecodeScale::Auto => self.generator.compat != Compat::Keras3,
        };
        Wanted { target: target_size, interpolation, keep_aspect_ratio, scaled }
    }

    /// What is done to every image.
    pub fn generator(&self) -> &ImageDataGenerator {
        &self.generator
    }

    /// Whether what is done to an image can wait for something: a function of the user's, or a disk.
    pub(crate) fn can_block(&self) -> bool {
        self.generator.standardization().function.is_some() || self.options.save_to.is_some()
    }

    pub(crate) fn reader(&self) -> &FileReader {
        &self.reader
    }

    pub(crate) fn source(&self) -> &Arc<Index> {
        &self.source
    }
}

/// An [`LoaderError::InvalidOption`] unless `holds`.
pub(crate) fn check(
    holds: bool,
    option: &'static str,
    expected: &'static str,
    got: impl Display,
) -> Result<(), LoaderError> {
    if holds { Ok(()) } else { Err(LoaderError::InvalidOption { option, expected, got: got.to_string() }) }
}
