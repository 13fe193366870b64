//! TorchScript: see [`Backbone::torchscript`].

use xfer_backbones::{Backbone, ScriptActivation, ScriptLayer};

use super::{ABOUT, Failure, about::about};
use crate::head::Activation;
use crate::model::Model;

pub(super) fn encode(model: &Model, backbone: &Backbone) -> Result<Vec<u8>, Failure> {
    let head = &model.head;
    let last = match head.activation() {
        Activation::Softmax => ScriptActivation::Softmax,
        Activation::Sigmoid => ScriptActivation::Sigmoid,
    };
    let layers = [head.hidden().map(|hidden| (hidden, ScriptActivation::Relu)), Some((head.output(), last))];
    let kernels: Vec<_> =
        layers.into_iter().flatten().map(|(layer, then)| (layer.kernel(), layer.bias(), then)).collect();
    let layers: Vec<_> = kernels
        .iter()
        .map(|(kernel, bias, activation)| ScriptLayer { kernel, bias, activation: *activation })
        .collect();
    let about = about(model)?;
    Ok(backbone.torchscript(model.description.image_size, &layers, &[(ABOUT, &about)])?)
}
