//! What a training leaves behind: a folder with everything that prediction needs.
//!
//! | file | holds |
//! |---|---|
//! | `model.json` | classes, backbone, weights, preprocessing, image size, and the digests of the other files; written last |
//! | `head.safetensors` | `kernel` `[features, outputs]` and `bias` `[outputs]`, f32; `hidden_kernel` and `hidden_bias` where there is a hidden layer, whose units are then the inputs of `kernel` |
//! | `batch_norm.safetensors` | the calibrated statistics of an untrained backbone, `LAYER/moving_mean` and `LAYER/moving_variance`, f32 |

mod files;
mod tensors;

pub(crate) use tensors::{decode_statistics, encode_statistics};

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use xfer_backbones::{Architecture, Backbone, BatchNormStatistics, Precision, Preprocess};
use xfer_loader::{Alpha, DecodeScale, Depth16, ExifOrientation, Interpolation, Preprocessing};

use crate::head::{Activation, Dense, Head};

/// A trained head and how its features are made.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// What was trained.
    pub head: Head,
    /// What it was trained on.
    pub description: ModelDescription,
    /// Batch-norm statistics to be set on the backbone, where they are not part of its weights.
    pub batch_norm: Option<BatchNormStatistics>,
}

/// Everything about a model that is not a tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelDescription {
    /// Class names in label order.
    pub classes: Vec<String>,
    /// The frozen network.
    #[serde(with = "text")]
    pub backbone: Architecture,
    /// Its weights.
    pub weights: WeightsDescription,
    /// What the network computed in. Models saved before this was recorded: [`Precision::Fp32`].
    #[serde(with = "text", default)]
    pub precision: Precision,
    /// Length of a feature vector.
    pub features: usize,
    /// How a 0..255 RGB image is standardised.
    #[serde(with = "text")]
    pub preprocessing: Preprocessing,
    /// Height and width in pixels.
    pub image_size: [usize; 2],
    /// How images are resized to it.
    #[serde(with = "text")]
    pub interpolation: Interpolation,
    /// What is done about EXIF orientation.
    #[serde(with = "text", default)]
    pub exif: ExifOrientation,
    /// What becomes of 16 bits a channel.
    #[serde(with = "text", default)]
    pub depth16: Depth16,
    /// What becomes of transparency.
    #[serde(with = "text", default)]
    pub alpha: Alpha,
    /// Whether large photos are decoded at a fraction of their size.
    #[serde(with = "text", default)]
    pub decode: DecodeScale,
    /// What decided the head's draw, the order of the photos and their augmentation.
    pub seed: u64,
}

/// What else a head is than one softmax layer of an output for each class. Dropout has no part in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct HeadDescription {
    activation: Activation,
    outputs: usize,
    hidden: Option<usize>,
}

impl HeadDescription {
    fn of(head: &Head) -> Self {
        let hidden = head.hidden().map(Dense::outputs);
        Self { activation: head.activation(), outputs: head.outputs(), hidden }
    }

    fn softmax(classes: usize) -> Self {
        Self { activation: Activation::Softmax, outputs: classes, hidden: None }
    }
}

/// Which weights a backbone ran with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeightsDescription {
    /// What was asked for: `imagenet`, a path, or `random:SEED`.
    pub source: String,
    /// The file that was read.
    pub path: Option<PathBuf>,
    /// `sha256:...` of that file, or of the tensors where there is none.
    pub digest: String,
    /// Epsilon of every batch norm.
    pub batch_norm_epsilon: f64,
    /// Whether the weights were drawn instead of learnt, so that the features mean little.
    pub untrained: bool,
}

impl WeightsDescription {
    /// The weights of `backbone` as they are now; `source` is what the user called them.
    pub fn of(backbone: &Backbone, source: String) -> Self {
        let weights = backbone.weights();
        let absolute = |path| std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
        Self {
            source,
            path: weights.source().map(absolute),
            digest: weights.digest().to_owned(),
            batch_norm_epsilon: backbone.epsilon(),
            untrained: weights.is_untrained(),
        }
    }
}

/// The loader's name of what a backbone does to an image.
pub fn preprocessing_of(architecture: Architecture) -> Preprocessing {
    match architecture.preprocessing() {
        Preprocess::Caffe => Preprocessing::Caffe,
        Preprocess::Tf => Preprocessing::Tf,
    }
}

/// Values as the text that users give for them.
mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
