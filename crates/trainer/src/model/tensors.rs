//! f32 tensors to and from safetensors.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use xfer_backbones::{BatchNormStatistics, weights::Moments};

use super::HeadDescription;
use crate::error::TrainerError;
use crate::head::{Dense, Head};

const MEAN: &str = "moving_mean";
const VARIANCE: &str = "moving_variance";

const KERNEL: &str = "kernel";
const BIAS: &str = "bias";
const HIDDEN: &str = "hidden_";

pub(super) fn encode_head(head: &Head) -> Vec<u8> {
    let layers = [("", Some(head.output())), (HIDDEN, head.hidden())];
    let tensors =
        layers.into_iter().filter_map(|(prefix, layer)| Some((prefix, layer?))).flat_map(|(prefix, layer)| {
            [
                (format!("{prefix}{KERNEL}"), vec![layer.inputs(), layer.outputs()], layer.kernel()),
                (format!("{prefix}{BIAS}"), vec![layer.outputs()], layer.bias().to_vec()),
            ]
        });
    encode(tensors.collect(), None)
}

pub(super) fn decode_head(
    path: &Path,
    bytes: &[u8],
    features: usize,
    shape: HeadDescription,
) -> Result<Head, TrainerError> {
    let tensors = parse(path, bytes)?;
    let layer = |prefix: &str, inputs, outputs| {
        let kernel = floats(path, &tensors, &format!("{prefix}{KERNEL}"), &[inputs, outputs])?;
        let bias = floats(path, &tensors, &format!("{prefix}{BIAS}"), &[outputs])?;
        Dense::from_parameters(inputs, outputs, &kernel, bias)
    };
    let hidden = shape.hidden.map(|units| layer(HIDDEN, features, units)).transpose()?;
    Head::from_layers(hidden, layer("", shape.hidden.unwrap_or(features), shape.outputs)?, shape.activation)
}

/// `about` is the file's metadata.
pub(crate) fn encode_statistics(statistics: &BatchNormStatistics, about: Option<BTreeMap<String, String>>) -> Vec<u8> {
    let tensors = statistics.iter().flat_map(|(layer, moments)| {
        [(MEAN, &moments.mean), (VARIANCE, &moments.variance)]
            .map(|(name, values)| (format!("{layer}/{name}"), vec![values.len()], values.clone()))
    });
    encode(tensors.collect(), about)
}

pub(crate) fn decode_statistics(path: &Path, bytes: &[u8]) -> Result<BatchNormStatistics, TrainerError> {
    let tensors = parse(path, bytes)?;
    let mut statistics = BatchNormStatistics::new();
    for name in tensors.names() {
        let Some((layer, MEAN)) = name.rsplit_once('/') else { continue };
        let channels = tensors.tensor(name).map_or(0, |tensor| tensor.shape().iter().product());
        let mean = floats(path, &tensors, name, &[channels])?;
        let variance = floats(path, &tensors, &format!("{layer}/{VARIANCE}"), &[channels])?;
        statistics.insert(layer.to_owned(), Moments { mean, variance });
    }
    Ok(statistics)
}

fn encode(tensors: Vec<(String, Vec<usize>, Vec<f32>)>, about: Option<BTreeMap<String, String>>) -> Vec<u8> {
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .into_iter()
        .map(|(name, shape, values)| (name, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        (name, view.unwrap_or_else(|error| unreachable!("shape and values of {name} agree: {error}")))
    });
    let about = about.map(|about| about.into_iter().collect());
    safetensors::serialize(views, about).unwrap_or_else(|error| unreachable!("the tensors are well formed: {error}"))
}

fn parse<'a>(path: &Path, bytes: &'a [u8]) -> Result<SafeTensors<'a>, TrainerError> {
    SafeTensors::deserialize(bytes).map_err(|source| TrainerError::TensorFile { path: path.to_owned(), source })
}

fn floats(path: &Path, tensors: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>, TrainerError> {
    let refuse = |got: String| {
        let expected = format!("f32 of shape {shape:?}");
        Err(TrainerError::Tensor { path: path.to_owned(), tensor: name.to_owned(), expected, got })
    };
    match tensors.tensor(name) {
        Ok(tensor) if tensor.dtype() == Dtype::F32 && tensor.shape() == shape => {
            Ok(tensor.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
        }
        Ok(tensor) => refuse(format!("{} of shape {:?}", tensor.dtype(), tensor.shape())),
        Err(_) => refuse("none".to_owned()),
    }
}
