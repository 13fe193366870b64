//! What a reader of an exported file needs to know besides the tensors.

use serde::Serialize;
use serde_json::{Value, json};

use super::Export;
use crate::head::{Activation, Dense};

/// Of this description.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct About<'a> {
    format_version: u32,
    /// The program that wrote the file.
    program: &'static str,
    /// In the order of the outputs.
    classes: &'a [String],
    input: Value,
    output: Value,
    backbone: String,
    /// By Keras' name: `caffe` is BGR less the means of ImageNet, `tf` is -1..1.
    preprocessing: String,
    weights: Value,
    /// Units of the hidden layer, which a relu follows.
    hidden: Option<usize>,
}

/// As JSON. Where photos and weights lay on the machine that wrote it is left out.
pub(super) fn about(model: &Export<'_>) -> Result<String, serde_json::Error> {
    let description = model.description;
    let [height, width] = description.image_size;
    let (activation, values) = match model.head.activation() {
        Activation::Softmax => ("softmax", "the probability of each class"),
        Activation::Sigmoid if model.head.outputs() == 1 => ("sigmoid", "the probability of the second class"),
        Activation::Sigmoid => ("sigmoid", "the probability of each class, on its own"),
    };
    serde_json::to_string_pretty(&About {
        format_version: VERSION,
        program: concat!("xfer ", env!("CARGO_PKG_VERSION")),
        classes: &description.classes,
        input: json!({
            "layout": "NHWC", "channels": "RGB", "range": [0, 255], "height": height, "width": width,
            "interpolation": description.interpolation.to_string(),
            "exif": description.exif.to_string(),
            "depth16": description.depth16.to_string(),
            "alpha": description.alpha.to_string(),
            "decode": description.decode.to_string(),
        }),
        output: json!({ "activation": activation, "values": values, "outputs": model.head.outputs() }),
        backbone: description.backbone.to_string(),
        preprocessing: description.preprocessing.to_string(),
        weights: json!({
            "source": description.weights.source,
            "digest": description.weights.digest,
            "batch_norm_epsilon": description.weights.batch_norm_epsilon,
            "untrained": description.weights.untrained,
        }),
        hidden: model.head.hidden().map(Dense::outputs),
    })
}
