//! TorchScript: see [`Backbone::torchscript`](xfer_backbones::Backbone::torchscript).

use xfer_backbones::{ScriptActivation, ScriptLayer};

use super::about::about;
use super::{ABOUT, Export, Failure};
use crate::head::Activation;

pub(super) fn encode(model: &Export<'_>) -> Result<Vec<u8>, Failure> {
    let head = model.head;
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
    Ok(model.backbone.torchscript(model.description.image_size, &layers, &[(ABOUT, &about)])?)
}
