//! A model as a file that others read: PyTorch, Keras, and whoever reads safetensors.
//!
//! | format | what is in it | who reads it |
//! |---|---|---|
//! | [`TorchScript`](ExportFormat::TorchScript) | preprocessing, backbone, pooling, head and its activation, runnable | `torch.jit.load(file)(images)` |
//! | [`Keras`](ExportFormat::Keras) | weights of backbone and head, in the layout of Keras 3's `*.weights.h5` | `model.load_weights(file)` of the model below |
//! | [`Safetensors`](ExportFormat::Safetensors) | the same tensors under Keras' names of layers and variables | anything; as `--weights`, xfer itself |
//!
//! In Keras, the model is
//!
//! ```python
//! model = keras.Sequential([
//!     keras.applications.ResNet50(include_top=False, pooling="avg", weights=None),
//!     # keras.layers.Dense(units, activation="relu"),   where the head has a hidden layer
//!     keras.layers.Dense(outputs, activation="softmax"),  # or "sigmoid"
//! ])
//! ```
//!
//! and it takes what `keras.applications.resnet50.preprocess_input` (of Xception: `xception.preprocess_input`) makes of
//! RGB images. What a file's reader needs to know besides (classes, size, resizing) is in the file as JSON:
//! [`ABOUT`] among the extra files of TorchScript, and by that name in the metadata of safetensors.

mod about;
mod keras;
mod tensors;
mod torchscript;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use xfer_backbones::Backbone;

use crate::atomic_file::{AtomicFile, Existing};
use crate::error::TrainerError;
use crate::head::Head;
use crate::model::ModelDescription;

/// Name under which a file says what it is.
pub const ABOUT: &str = "xfer.json";

/// A kind of file that a model can be handed on as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExportFormat {
    /// One file that runs under PyTorch 2.
    TorchScript,
    /// Weights for a Keras 3 model.
    Keras,
    /// Every tensor by its name.
    Safetensors,
}

impl ExportFormat {
    /// Every format, in the order in which they are listed to users.
    pub const ALL: [Self; 3] = [Self::TorchScript, Self::Keras, Self::Safetensors];

    /// The lower-case name, as in `--format keras`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TorchScript => "torchscript",
            Self::Keras => "keras",
            Self::Safetensors => "safetensors",
        }
    }

    /// How a file's name must end for its reader to take it; empty where any name will do.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Keras => ".weights.h5",
            Self::TorchScript | Self::Safetensors => "",
        }
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ExportFormat {
    type Err = TrainerError;

    fn from_str(name: &str) -> Result<Self, TrainerError> {
        let known = Self::ALL.into_iter().find(|format| format.name() == name);
        known.ok_or_else(|| TrainerError::UnknownFormat { name: name.to_owned() })
    }
}

/// A trained model with its network, to be handed on.
#[derive(Clone, Copy, Debug)]
pub struct Export<'a> {
    /// What was trained.
    pub head: &'a Head,
    /// What it was trained on.
    pub description: &'a ModelDescription,
    /// The frozen network, with the batch-norm statistics of the training.
    pub backbone: &'a Backbone,
}

impl Export<'_> {
    /// Writes the model to `path`. Numbers are f32, whatever precision the backbone runs in.
    ///
    /// # Errors
    ///
    /// The backbone is another than the model's, the name does not end as the format's reader needs it, the file cannot
    /// be made or written, or it is there already and is to be kept.
    pub fn write(&self, format: ExportFormat, path: &Path, existing: Existing) -> Result<(), TrainerError> {
        let (expected, got) = (self.description.backbone, self.backbone.architecture());
        if expected != got {
            return Err(TrainerError::OtherBackbone { expected, got });
        }
        if !path.to_string_lossy().ends_with(format.ending()) {
            return Err(TrainerError::FileName { path: path.to_owned(), ending: format.ending() });
        }
        let made = match format {
            ExportFormat::TorchScript => torchscript::encode(self),
            ExportFormat::Keras => keras::encode(self),
            ExportFormat::Safetensors => tensors::encode(self),
        };
        let bytes = made.map_err(|source| TrainerError::Export { path: path.to_owned(), format, source })?;
        AtomicFile::write_all(path, &bytes, existing)
    }
}

/// Why a file could not be made.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[cfg(test)]
mod tests;
