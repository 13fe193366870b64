use std::collections::BTreeMap;

use hdf5_reader::Hdf5File;
use safetensors::SafeTensors;
use tch::{CModule, Tensor};
use xfer_backbones::{Architecture, BackboneError, Device, ImageBatch, PixelData, Weights};
use xfer_loader::{Alpha, DecodeScale, Depth16, ExifOrientation, Interpolation};

use super::*;
use crate::head::{Activation, Head, HeadOptions};
use crate::model::{Model, ModelDescription, WeightsDescription, preprocessing_of};

const SIZE: [usize; 2] = [72, 80];

/// An untrained model, and its backbone with statistics of its own.
fn model(architecture: Architecture, hidden: Option<usize>, activation: Activation) -> (Model, Backbone) {
    let mut backbone = Backbone::new(&Weights::random(architecture, 4), None, Device::Cpu).unwrap();
    let pixels = pixels();
    backbone.calibrate([Ok::<_, BackboneError>(batch(&pixels))]).unwrap();
    let statistics = backbone.batch_norm_statistics();
    let options = HeadOptions { features: Architecture::FEATURES, outputs: 3, hidden, activation, seed: 2 };
    let description = ModelDescription {
        classes: ["a", "b", "ü"].map(str::to_owned).to_vec(),
        backbone: architecture,
        weights: WeightsDescription::of(&backbone, "random:4".to_owned()),
        precision: backbone.precision(),
        features: Architecture::FEATURES,
        preprocessing: preprocessing_of(architecture),
        image_size: SIZE,
        interpolation: Interpolation::Bilinear,
        exif: ExifOrientation::Ignore,
        depth16: Depth16::Clip,
        alpha: Alpha::Drop,
        decode: DecodeScale::Exact,
        seed: 2,
    };
    (Model { head: Head::new(&options).unwrap(), description, batch_norm: Some(statistics) }, backbone)
}

fn pixels() -> Vec<u8> {
    (0..2 * SIZE[0] * SIZE[1] * 3).map(|i| ((i * 7919) % 251) as u8).collect()
}

fn batch(pixels: &[u8]) -> ImageBatch<'_> {
    ImageBatch { pixels: PixelData::U8(pixels), shape: [2, SIZE[0], SIZE[1], 3] }
}

fn of<'a>(model: &'a Model, backbone: &'a Backbone) -> Export<'a> {
    Export { head: &model.head, description: &model.description, backbone }
}

fn export(model: &Model, backbone: &Backbone, format: ExportFormat, name: &str) -> (tempfile::TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    of(model, backbone).write(format, &path, Existing::Keep).unwrap();
    let bytes = std::fs::read(path).unwrap();
    (folder, bytes)
}

#[test]
fn torchscript_gives_the_models_probabilities() {
    let (model, backbone) = model(Architecture::Xception, Some(4), Activation::Softmax);
    let (_folder, bytes) = export(&model, &backbone, ExportFormat::TorchScript, "model.pt");
    let module = CModule::load_data(&mut bytes.as_slice()).unwrap();
    let pixels = pixels();
    let expected = model.head.probabilities(&backbone.forward(batch(&pixels)).unwrap().values).unwrap();
    assert!(expected.iter().all(|p| (0.001..0.999).contains(p)), "they would agree whatever came in: {expected:?}");
    let images = Tensor::from_slice(&pixels).view([2, SIZE[0] as i64, SIZE[1] as i64, 3]);
    let got: Vec<f32> = Vec::try_from(module.forward_ts(&[images]).unwrap().view(-1)).unwrap();
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(&expected) {
        assert!((got - expected).abs() < 1e-5, "{got} {expected}");
    }
}

/// What `model.save_weights` of Keras 3.15 writes: dataset, layer, shape (`tests/keras/make_layouts.py`).
fn keras_layout(architecture: Architecture) -> Vec<(String, String, Vec<usize>)> {
    let text = match architecture {
        Architecture::ResNet50 => include_str!("../../tests/keras/resnet50.weights.tsv"),
        _ => include_str!("../../tests/keras/xception.weights.tsv"),
    };
    let lines = text.lines().map(|line| {
        let [path, name, shape] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        (path.to_owned(), name.to_owned(), shape.split(',').map(|n| n.parse().unwrap()).collect())
    });
    lines.collect()
}

#[test]
fn the_keras_file_has_every_tensor_where_keras_looks_for_it() {
    for architecture in [Architecture::ResNet50, Architecture::Xception] {
        let (model, backbone) = model(architecture, Some(4), Activation::Softmax);
        let (_folder, bytes) = export(&model, &backbone, ExportFormat::Keras, "model.weights.h5");
        let file = Hdf5File::from_vec(bytes).unwrap();
        let mut variables: BTreeMap<String, usize> = BTreeMap::new();
        for (path, layer, shape) in keras_layout(architecture) {
            let dataset = file.dataset(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            let values = dataset.read_array::<f32>().unwrap().into_raw_vec_and_offset().0;
            let sides: Vec<usize> = dataset.shape().iter().map(|&n| n as usize).collect();
            let expected = match layer.as_str() {
                "dense" | "dense_1" => {
                    let dense = if layer == "dense" { model.head.hidden().unwrap() } else { model.head.output() };
                    assert_eq!(sides.len(), shape.len(), "{path}");
                    if path.ends_with("/0") { dense.kernel() } else { dense.bias().to_vec() }
                }
                _ => {
                    assert_eq!(sides, shape, "{path}");
                    let number = variables.entry(layer.clone()).or_default();
                    let mut own = backbone.weights().tensors().filter(|t| t.name.split('/').next() == Some(&layer));
                    let tensor = own.nth(*number).unwrap();
                    *number += 1;
                    tensor.values.to_vec()
                }
            };
            assert!(values == expected, "{path} is not {layer}");
        }
        assert_eq!(variables.values().sum::<usize>(), backbone.weights().tensors().len());
    }
}

#[test]
fn another_epsilon_becomes_part_of_the_variances() {
    let (model, first) = model(Architecture::ResNet50, None, Activation::Softmax);
    let backbone = Backbone::new(first.weights(), Some(1e-3), Device::Cpu).unwrap();
    let (_folder, bytes) = export(&model, &backbone, ExportFormat::Keras, "model.weights.h5");
    let file = Hdf5File::from_vec(bytes).unwrap();
    let dataset = file.dataset("layers/functional/layers/batch_normalization/vars/3").unwrap();
    let got = dataset.read_array::<f32>().unwrap().into_raw_vec_and_offset().0;
    let own = backbone.weights().tensor("conv1_bn/moving_variance").unwrap();
    for (got, &own) in got.iter().zip(own.values) {
        let (got, expected) = (f64::from(*got) + 1.001e-5, f64::from(own) + 1e-3);
        // What f32 can hold of the sum.
        assert!((got - expected).abs() <= 1e-7 * expected.max(1.0), "{got} {expected}");
    }
}

#[test]
fn safetensors_hold_everything_and_serve_as_weights() {
    let (model, backbone) = model(Architecture::ResNet50, Some(4), Activation::Sigmoid);
    let (folder, bytes) = export(&model, &backbone, ExportFormat::Safetensors, "model.safetensors");
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let floats = |name: &str| -> Vec<f32> {
        let tensor = tensors.tensor(name).unwrap();
        tensor.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    };
    assert_eq!(floats("dense/kernel"), model.head.hidden().unwrap().kernel());
    assert_eq!(floats("dense_1/kernel"), model.head.output().kernel());
    assert_eq!(floats("dense_1/bias"), model.head.output().bias());
    assert_eq!(tensors.tensor("dense/kernel").unwrap().shape(), [2048, 4]);
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let about: serde_json::Value = serde_json::from_str(&header.metadata().as_ref().unwrap()[ABOUT]).unwrap();
    assert_eq!(about["classes"][2], "ü");
    assert_eq!(about["input"]["height"], 72);
    assert_eq!(about["input"]["interpolation"], "bilinear");
    assert_eq!(about["output"]["activation"], "sigmoid");

    let weights = Weights::load(Architecture::ResNet50, &folder.path().join("model.safetensors")).unwrap();
    assert!(weights.is_untrained());
    assert_eq!(weights.epsilon(), backbone.epsilon());
    assert!(weights.tensors().eq(backbone.weights().tensors()));
}

#[test]
fn what_cannot_be_exported_leaves_no_file() {
    let (model, backbone) = model(Architecture::ResNet50, None, Activation::Softmax);
    let folder = tempfile::tempdir().unwrap();
    let to = |name: &str, format| of(&model, &backbone).write(format, &folder.path().join(name), Existing::Keep);
    let error = to("model.h5", ExportFormat::Keras).unwrap_err().to_string();
    assert!(error.contains("model.h5: the name must end in .weights.h5"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    std::fs::write(folder.path().join("there.safetensors"), "mine").unwrap();
    assert!(to("there.safetensors", ExportFormat::Safetensors).is_err());
    assert_eq!(std::fs::read(folder.path().join("there.safetensors")).unwrap(), b"mine");

    let other = Backbone::new(&Weights::random(Architecture::Xception, 1), None, Device::Cpu).unwrap();
    let path = folder.path().join("model.safetensors");
    let error = of(&model, &other).write(ExportFormat::Safetensors, &path, Existing::Keep).unwrap_err().to_string();
    assert_eq!(error, "the model was trained on resnet50, not on xception");
    assert_eq!(
        "onnx".parse::<ExportFormat>().unwrap_err().to_string(),
        "unknown format `onnx`; there are torchscript, keras, safetensors"
    );
}
