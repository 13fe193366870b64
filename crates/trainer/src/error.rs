//! What can go wrong between batches and a saved model.

use std::io;
use std::path::PathBuf;

use xfer_backbones::{Architecture, BackboneError};
use xfer_loader::LoaderError;

use crate::export::ExportFormat;

/// Every failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainerError {
    /// The loader could not make a batch.
    #[error(transparent)]
    Loader(#[from] LoaderError),

    /// The backbone could not make features of a batch.
    #[error("the features of batch {batch} of pass {pass} could not be computed")]
    Backbone {
        /// The pass over the data, from 0.
        pass: u64,
        /// The batch of that pass, from 0.
        batch: usize,
        /// The backbone's reason.
        source: BackboneError,
    },

    /// Features are infinite or not a number.
    #[error(
        "the features of batch {batch} of pass {pass} are not finite; \
         the weights do not belong to this backbone or are damaged, or the batch-norm epsilon is wrong"
    )]
    NonFiniteFeatures {
        /// The pass over the data, from 0.
        pass: u64,
        /// The batch of that pass, from 0.
        batch: usize,
    },

    /// The loss is infinite or not a number.
    #[error(
        "the loss became {loss} at step {step} of epoch {epoch} with a learning rate of {learning_rate}; \
         use a smaller learning rate, and check that the weights belong to the backbone"
    )]
    NonFiniteLoss {
        /// Epoch, from 1.
        epoch: u64,
        /// Step of that epoch, from 1.
        step: u64,
        /// What it became.
        loss: f32,
        /// The rate that led there.
        learning_rate: f32,
    },

    /// The batches ended before the epochs did.
    #[error("the {phase} data ended after {got} of {expected} steps of epoch {epoch}")]
    OutOfData {
        /// `training` or `validation`.
        phase: &'static str,
        /// Epoch, from 1.
        epoch: u64,
        /// Steps that the epoch should have had.
        expected: u64,
        /// Steps that it had.
        got: u64,
    },

    /// Every photo of an epoch was left out.
    #[error("no photo was left for {phase} in epoch {epoch}: every file failed")]
    NoImages {
        /// `training` or `validation`.
        phase: &'static str,
        /// Epoch, from 1.
        epoch: u64,
    },

    /// A count that must not be zero is.
    #[error("{option} is 0; at least 1 is needed")]
    ZeroOption {
        /// Which one.
        option: &'static str,
    },

    /// A number is out of its range.
    #[error("{option} is {value}; it must be {expected}")]
    OptionRange {
        /// Which one.
        option: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },

    /// Boundaries of a learning rate and the values between them do not fit each other.
    #[error(
        "{boundaries} boundaries and {values} learning rates; boundaries must ascend, with one rate more than there are"
    )]
    PiecewiseBoundaries {
        /// Boundaries given.
        boundaries: usize,
        /// Learning rates given.
        values: usize,
    },

    /// The learning rate cannot be set, because a schedule gives it.
    #[error("the learning rate follows a schedule and cannot be changed; use a constant one")]
    ScheduledLearningRate,

    /// A callback watches a metric that there is none of.
    #[error("{callback} watches {metric}, but the epoch has only {available}")]
    NoSuchMetric {
        /// Who watches.
        callback: &'static str,
        /// What it watches.
        metric: String,
        /// What there is.
        available: String,
    },

    /// It is not known whether more or less of a metric is better.
    #[error("it is not known whether a high {metric} is good; say min or max")]
    UnknownDirection {
        /// The metric.
        metric: String,
    },

    /// A saved state does not belong to what it is to be put into.
    #[error("the saved state's {name}: expected {expected}, got {got}")]
    State {
        /// The tensor's name.
        name: String,
        /// Values that are needed.
        expected: String,
        /// What there is.
        got: String,
    },

    /// A file of a saved state is not what was written.
    #[error("{}: damaged: SHA-256 {got}, and {expected} when it was written", path.display())]
    StateDigest {
        /// The file.
        path: PathBuf,
        /// The digest that it was written with.
        expected: String,
        /// The digest of what is in it.
        got: String,
    },

    /// A saved state is of a longer or another training.
    #[error("the saved state is at step {step} of epoch {epoch}; this training has {epochs} epochs of {steps} steps")]
    StatePosition {
        /// Epoch, from 1.
        epoch: u64,
        /// Steps of it that are done.
        step: u64,
        /// Epochs of the training.
        epochs: u64,
        /// Steps of its epochs.
        steps: u64,
    },

    /// Targets are not as many as samples and outputs ask for.
    #[error("{rows} samples of {outputs} outputs have {got} target values")]
    TargetLength {
        /// Samples given.
        rows: usize,
        /// Outputs of the head.
        outputs: usize,
        /// Target values given.
        got: usize,
    },

    /// Weights are not as many as what they weigh.
    #[error("{expected} {of} have {got} weights")]
    Weights {
        /// `samples` or `classes`.
        of: &'static str,
        /// Of them.
        expected: usize,
        /// Weights given.
        got: usize,
    },

    /// Class weights need samples that have one class each.
    #[error("class weights cannot be used with targets of several labels a sample; weight the samples")]
    ClassWeightsOfLabels,

    /// A head needs features and classes.
    #[error("a head of {features} features and {classes} classes cannot be made")]
    EmptyHead {
        /// Features asked for.
        features: usize,
        /// Classes asked for.
        classes: usize,
    },

    /// A tensor of parameters has the wrong length.
    #[error("the head's {name} needs {expected} values, got {got}")]
    ParameterLength {
        /// `kernel` or `bias`.
        name: &'static str,
        /// Values that the shape asks for.
        expected: usize,
        /// Values given.
        got: usize,
    },

    /// Feature vectors are not as long as the head takes them.
    #[error("features come in vectors of {expected} values, got {got} values in all")]
    FeatureLength {
        /// Length of one vector.
        expected: usize,
        /// Values given.
        got: usize,
    },

    /// Samples and labels do not pair up.
    #[error("{rows} samples have {labels} labels; training needs one each")]
    Labels {
        /// Samples given.
        rows: usize,
        /// Labels given.
        labels: usize,
    },

    /// A label is not a class.
    #[error("label {label} is none of the {classes} classes")]
    LabelOutOfRange {
        /// The label.
        label: u32,
        /// Number of classes.
        classes: usize,
    },

    /// A head makes no numbers of a photo.
    #[error("{}: the head's outputs are not finite; it was trained until it broke, as by too high a learning rate", path.display())]
    NonFiniteOutputs {
        /// The photo.
        path: PathBuf,
    },

    /// A prediction is not of the classes that it is judged by.
    #[error("{}: the prediction has {got} probabilities, for {classes} classes", path.display())]
    PredictionClasses {
        /// The photo.
        path: PathBuf,
        /// The classes.
        classes: usize,
        /// Probabilities of the prediction.
        got: usize,
    },

    /// There is nothing to judge a model by.
    #[error("no photo with a known class is left to judge the model by")]
    NothingJudged,

    /// A file could not be written.
    #[error("{}: cannot write", path.display())]
    Write {
        /// The file, under its final name.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// A file could not be read.
    #[error("{}: cannot read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// The folder of a run already holds results.
    #[error("{}: already there", path.display())]
    Exists {
        /// The first file found.
        path: PathBuf,
    },

    /// A saved model's description cannot be understood.
    #[error("{}: not a model description", path.display())]
    ModelDescription {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },

    /// A saved model is of a version that this program does not know.
    #[error("{}: model format {got}; this program reads up to format {expected}", path.display())]
    ModelVersion {
        /// The file.
        path: PathBuf,
        /// The latest version that is read.
        expected: u32,
        /// The version found.
        got: u32,
    },

    /// A file of a saved model is not the one that its description was written for.
    #[error("{}: SHA-256 {got}, but the model description says {expected}; the file was changed or damaged", path.display())]
    ModelDigest {
        /// The file.
        path: PathBuf,
        /// What the description says.
        expected: String,
        /// What the file has.
        got: String,
    },

    /// A tensor file cannot be understood.
    #[error("{}: not a safetensors file", path.display())]
    TensorFile {
        /// The file.
        path: PathBuf,
        /// The reader's reason.
        source: safetensors::SafeTensorError,
    },

    /// A tensor file lacks a tensor, or has it in another type or shape.
    #[error("{}: tensor {tensor}: expected {expected}, got {got}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// Type and shape that are needed.
        expected: String,
        /// What there is.
        got: String,
    },

    /// Fewer or more feature rows came than the file was opened for.
    #[error("{}: {got} rows of features came, {expected} were announced", path.display())]
    FeatureRows {
        /// The file being written.
        path: PathBuf,
        /// Rows announced.
        expected: usize,
        /// Rows that came.
        got: usize,
    },

    /// A model was to be exported in a format that there is not.
    #[error("unknown format `{name}`; there are {}", ExportFormat::ALL.map(ExportFormat::name).join(", "))]
    UnknownFormat {
        /// The name as given.
        name: String,
    },

    /// A model cannot be exported.
    #[error("{}: the model cannot be written as {format}", path.display())]
    Export {
        /// The file to be.
        path: PathBuf,
        /// The format.
        format: ExportFormat,
        /// What stood in the way.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The reader of a format goes by names.
    #[error("{}: the name must end in {ending}, or its reader does not take the file", path.display())]
    FileName {
        /// The file to be.
        path: PathBuf,
        /// What is asked for.
        ending: &'static str,
    },

    /// A model was put together with another backbone.
    #[error("the model was trained on {expected}, not on {got}")]
    OtherBackbone {
        /// The model's.
        expected: Architecture,
        /// What was given.
        got: Architecture,
    },
}
