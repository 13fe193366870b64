//! Backbone and head in one safetensors file, named as Keras names layers and variables: `conv1_conv/kernel`, ...,
//! `dense/kernel`, `dense/bias`.
//!
//! [`Weights::load`](xfer_backbones::Weights::load) reads the backbone out of it and passes over the head.

use std::collections::HashMap;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::about::about;
use super::{ABOUT, Export, Failure};

/// Orders of axes, for those who do not know Keras'.
const LAYOUT: &str = "kernel: [height, width, inputs, outputs] of convolutions, [inputs, outputs] of Dense layers; \
     depthwise_kernel: [height, width, channels, 1]; pointwise_kernel: [1, 1, inputs, outputs]; all others: [channels]";

pub(super) fn encode(model: &Export<'_>) -> Result<Vec<u8>, Failure> {
    let backbone = model.backbone;
    let weights = backbone.weights();
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> =
        weights.tensors().map(|tensor| (tensor.name.to_owned(), tensor.shape.to_vec(), bytes(tensor.values))).collect();
    for (number, layer) in model.head.hidden().into_iter().chain([model.head.output()]).enumerate() {
        let name = if number == 0 { "dense".to_owned() } else { format!("dense_{number}") };
        let (inputs, outputs) = (layer.inputs(), layer.outputs());
        tensors.push((format!("{name}/kernel"), vec![inputs, outputs], bytes(&layer.kernel())));
        tensors.push((format!("{name}/bias"), vec![outputs], bytes(layer.bias())));
    }
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    let metadata = HashMap::from(
        [
            ("architecture", backbone.architecture().to_string()),
            // `{:?}` of a float reads back as the same float.
            ("batch_norm_epsilon", format!("{:?}", backbone.epsilon())),
            ("untrained", weights.is_untrained().to_string()),
            ("layout", LAYOUT.to_owned()),
            (ABOUT, about(model)?),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    );
    Ok(safetensors::serialize(views, Some(metadata))?)
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
