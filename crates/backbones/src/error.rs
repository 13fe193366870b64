//! What can go wrong between a weights file and a feature vector.

use std::path::PathBuf;

use crate::architecture::Architecture;
use crate::device::Device;
use crate::precision::Precision;

/// An error of this crate. `Display` says what happened and where; the cause, if any, is the `source`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackboneError {
    /// A backbone was asked for by a name that none has.
    #[error("unknown backbone `{name}`; there are {}", names())]
    UnknownArchitecture {
        /// The name as given.
        name: String,
    },

    /// The operating system refused a file operation.
    #[error("cannot {stage} `{path}`")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was attempted: `open`, `read`, `write`.
        stage: &'static str,
        /// The operating system's reason.
        source: std::io::Error,
    },

    /// The file is not one that holds weights in a known format.
    #[error("`{path}` is not a weights file: {reason}")]
    NotWeights {
        /// The file.
        path: PathBuf,
        /// What it is instead, and what to do.
        reason: String,
    },

    /// The container (HDF5 or safetensors) cannot be read: cut short, damaged, or written with a feature that is
    /// not supported.
    #[error(
        "cannot read {format} file `{path}` (at {at}): it is damaged, cut short or of an unsupported kind; {bytes} bytes were found"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// `HDF5` or `safetensors`.
        format: &'static str,
        /// The object that was being read.
        at: String,
        /// Size of the file.
        bytes: u64,
        /// The reader's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The file holds another architecture.
    #[error("`{path}` looks like {found} weights, not {expected}; choose `--backbone {found}` or another file")]
    OtherArchitecture {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        expected: Architecture,
        /// What the names of the layers say.
        found: Architecture,
    },

    /// Tensors that the architecture has are not in the file.
    #[error("`{path}` has no tensor `{tensor}` ({missing} of {total} are missing)")]
    MissingTensor {
        /// The file.
        path: PathBuf,
        /// The first one missing, under the name that this layout gives it.
        tensor: String,
        /// How many are missing.
        missing: usize,
        /// How many the architecture has.
        total: usize,
    },

    /// The file holds a tensor that belongs to no layer of the architecture and to no classification top.
    #[error("`{path}` has a tensor `{tensor}` that {architecture} does not have")]
    ExtraTensor {
        /// The file.
        path: PathBuf,
        /// The dataset's path in the file.
        tensor: String,
        /// What was asked for.
        architecture: Architecture,
    },

    /// Two tensors of the file are the same weight.
    #[error("`{path}` holds `{tensor}` twice: `{first}` and `{second}`")]
    DuplicateTensor {
        /// The file.
        path: PathBuf,
        /// The weight's canonical name.
        tensor: String,
        /// The first dataset.
        first: String,
        /// The second dataset.
        second: String,
    },

    /// A tensor has another shape than the layer.
    #[error("tensor `{tensor}` in `{path}` has shape {got:?}, expected {expected:?}")]
    TensorShape {
        /// The file.
        path: PathBuf,
        /// The dataset's path in the file.
        tensor: String,
        /// Shape of the layer's weight, in Keras' order of axes.
        expected: Vec<usize>,
        /// Shape in the file.
        got: Vec<usize>,
    },

    /// A tensor is of a type that weights cannot have.
    #[error("tensor `{tensor}` in `{path}` holds {got}, expected {expected}")]
    TensorType {
        /// The file.
        path: PathBuf,
        /// The dataset's path in the file.
        tensor: String,
        /// The types that can be read.
        expected: &'static str,
        /// The type in the file.
        got: String,
    },

    /// A tensor holds a value that no weight can have.
    #[error("tensor `{tensor}` in `{path}` holds {value} at element {index}; {reason}")]
    TensorValue {
        /// The file.
        path: PathBuf,
        /// The dataset's path in the file.
        tensor: String,
        /// Position in row-major order.
        index: usize,
        /// The value.
        value: f32,
        /// What it ought to be.
        reason: &'static str,
    },

    /// Batch-norm statistics do not fit the model.
    #[error("batch-norm statistics of `{layer}`: {reason}")]
    Statistics {
        /// The layer.
        layer: String,
        /// What does not fit.
        reason: String,
    },

    /// The weights are not those that were looked at before.
    #[error("the weights have changed since the run began (expected {expected}, got {got}); start again")]
    WeightsChanged {
        /// Digest of those before.
        expected: String,
        /// Digest of those now.
        got: String,
    },

    /// The name of a device cannot be understood.
    #[error("unknown device `{name}`; there are auto, cpu, cuda and cuda:N")]
    UnknownDevice {
        /// The name as given.
        name: String,
    },

    /// A precision was asked for by a name that none has.
    #[error("unknown precision `{name}`; there are {}", precisions())]
    UnknownPrecision {
        /// The name as given.
        name: String,
    },

    /// The device would be slower in this precision.
    #[error("precision {precision} cannot be used on {device}: {reason}")]
    Precision {
        /// What was asked for.
        precision: Precision,
        /// Where it was to run.
        device: Device,
        /// What is missing.
        reason: &'static str,
    },

    /// CUDA was asked for and is not there.
    #[error("CUDA device {index} cannot be used: {reason}")]
    CudaUnavailable {
        /// The device asked for.
        index: usize,
        /// What was looked for and not found.
        reason: String,
    },

    /// CUDA failed at work. The failure may be an earlier operation's, since operations run behind the program.
    #[error("CUDA failed in {function}: {reason}")]
    Cuda {
        /// The function that told.
        function: &'static str,
        /// CUDA's own words.
        reason: String,
    },

    /// A batch of images does not fit the backbone.
    #[error("batch of shape {shape:?} cannot be used: {reason}")]
    Batch {
        /// Images, height, width, channels.
        shape: [usize; 4],
        /// What is wrong with it.
        reason: String,
    },

    /// A number outside what is possible.
    #[error("{what} {value} cannot be used: {reason}")]
    Setting {
        /// The setting, as `batch-norm epsilon`.
        what: &'static str,
        /// The value given.
        value: String,
        /// What it must be.
        reason: &'static str,
    },

    /// libtorch refused an operation (out of memory, for one).
    #[error("libtorch failed in {stage}")]
    Torch {
        /// The operation, with the layer where there is one.
        stage: String,
        /// libtorch's own words.
        source: tch::TchError,
    },
}

fn names() -> String {
    Architecture::ALL.map(Architecture::name).join(", ")
}

fn precisions() -> String {
    Precision::ALL.map(Precision::name).join(", ")
}

/// Says at which operation libtorch failed.
pub(crate) trait TorchContext<T> {
    fn stage(self, stage: impl FnOnce() -> String) -> Result<T, BackboneError>;
}

impl<T> TorchContext<T> for Result<T, tch::TchError> {
    fn stage(self, stage: impl FnOnce() -> String) -> Result<T, BackboneError> {
        self.map_err(|source| BackboneError::Torch { stage: stage(), source })
    }
}
