//! The layout of Keras 3's `*.weights.h5` (`keras.src.saving.saving_lib`).
//!
//! Objects are found by where they are, not by their names: a `Sequential`'s children are `layers/functional`,
//! `layers/dense`, `layers/dense_1`, ..., each numbered among those of its class in the order of the model, and
//! within the functional model likewise `layers/conv2d`, `layers/conv2d_1`, ... Variables are numbered datasets under
//! `vars`, in the order in which the layer made them. An attribute `name` tells people which layer it is.

use std::collections::BTreeMap;

use hdf5_writer::{AttributeBuilder, DatasetBuilder, Hdf5Builder, WriteOptions};
use xfer_backbones::layers::{Layer, Variable};
use xfer_backbones::{Architecture, Layout};

use super::{Export, Failure};
use crate::head::Dense;

pub(super) fn encode(model: &Export<'_>) -> Result<Vec<u8>, Failure> {
    let backbone = model.backbone;
    let architecture = backbone.architecture();
    let mut file = group(Hdf5Builder::new(), "layers/functional", architecture.name());
    let mut places = Places::default();
    let mut tensors = backbone.weights().tensors();
    for layer in architecture.graph().layers() {
        let place = format!("layers/functional/layers/{}", places.next(&class(layer)));
        file = group(file, &place, &layer.name);
        for (number, ((variable, shape), tensor)) in layer.variables().into_iter().zip(&mut tensors).enumerate() {
            let values = match variable {
                Variable::MovingVariance => &variances(tensor.values, architecture, backbone.epsilon()),
                _ => tensor.values,
            };
            file = dataset(file, &place, number, &shape, values)?;
        }
    }
    let mut places = Places::default();
    for layer in model.head.hidden().into_iter().chain([model.head.output()]) {
        let name = places.next("dense");
        let place = format!("layers/{name}");
        file = group(file, &place, &name);
        file = dataset(file, &place, 0, &[layer.inputs(), layer.outputs()], &Dense::kernel(layer))?;
        file = dataset(file, &place, 1, &[layer.outputs()], layer.bias())?;
    }
    Ok(file.into_plan()?.encode(WriteOptions::default())?)
}

/// Numbers of the children of one object, by class.
#[derive(Default)]
struct Places(BTreeMap<String, usize>);

impl Places {
    /// `conv2d`, `conv2d_1`, ...
    fn next(&mut self, class: &str) -> String {
        let count = self.0.entry(class.to_owned()).or_default();
        *count += 1;
        match *count - 1 {
            0 => class.to_owned(),
            number => format!("{class}_{number}"),
        }
    }
}

/// The name of a layer's class as Keras' `to_snake_case` writes it: `SeparableConv2D` is `separable_conv2d`.
fn class(layer: &Layer) -> String {
    let name = layer.op.keras_type();
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, letter) in name.char_indices() {
        // An upper-case letter begins a word where a lower-case one comes after or before it, except for `2D`.
        if letter.is_uppercase() && at > 0 && name.as_bytes().get(at + 1).is_some_and(u8::is_ascii_lowercase) {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// Variances that with Keras' own epsilon make what ours make with another, as of old weights files.
fn variances(values: &[f32], architecture: Architecture, epsilon: f64) -> Vec<f32> {
    let more = epsilon - Layout::Modern.epsilon(architecture);
    values.iter().map(|&variance| (f64::from(variance) + more) as f32).collect()
}

fn group(file: Hdf5Builder, place: &str, name: &str) -> Hdf5Builder {
    file.group_attribute(format!("{place}/vars"), AttributeBuilder::fixed_string("name", name))
}

fn dataset(
    file: Hdf5Builder,
    place: &str,
    number: usize,
    shape: &[usize],
    values: &[f32],
) -> Result<Hdf5Builder, hdf5_writer::Error> {
    let shape: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
    Ok(file.dataset(DatasetBuilder::typed_data(format!("{place}/vars/{number}"), shape, values)?))
}
