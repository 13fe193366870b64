//! TorchScript as libtorch itself loads and runs it, against the backbone that it was written from.

#![expect(clippy::unwrap_used, reason = "helpers of tests are not marked as tests")]

use std::io::{Cursor, Read as _};

use tch::{CModule, Kind, Tensor};
use xfer_backbones::{
    Architecture, Backbone, BackboneError, Device, ImageBatch, PixelData, ScriptActivation, ScriptLayer, Weights,
};

/// Odd and even, so that Xception's borders are of both kinds.
const SIZE: [usize; 2] = [75, 82];
const IMAGE: usize = SIZE[0] * SIZE[1] * 3;

fn pixels(images: usize) -> Vec<u8> {
    (0..images * IMAGE).map(|i| ((i * 7919) % 251 + i % 5) as u8).collect()
}

fn calibrated(architecture: Architecture, pixels: &[u8]) -> Backbone {
    let mut backbone = Backbone::new(&Weights::random(architecture, 3), None, Device::Cpu).unwrap();
    backbone.calibrate([Ok::<_, BackboneError>(batch(pixels))]).unwrap();
    backbone
}

fn batch(pixels: &[u8]) -> ImageBatch<'_> {
    ImageBatch { pixels: PixelData::U8(pixels), shape: [pixels.len() / IMAGE, SIZE[0], SIZE[1], 3] }
}

fn tensor(pixels: &[u8], [height, width]: [usize; 2]) -> Tensor {
    Tensor::from_slice(pixels).view([-1, height as i64, width as i64, 3])
}

fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.contiguous().view(-1)).unwrap()
}

/// What the layers make of features, from the definition.
fn dense(features: &[f32], layer: &ScriptLayer<'_>) -> Vec<f64> {
    let outputs = layer.bias.len();
    let mut y: Vec<f64> = layer.bias.iter().map(|&b| f64::from(b)).collect();
    for (&x, row) in features.iter().zip(layer.kernel.chunks_exact(outputs)) {
        y.iter_mut().zip(row).for_each(|(y, &w)| *y += f64::from(x) * f64::from(w));
    }
    match layer.activation {
        ScriptActivation::Relu => y.iter_mut().for_each(|y| *y = y.max(0.0)),
        ScriptActivation::Sigmoid => y.iter_mut().for_each(|y| *y = 1.0 / (1.0 + (-*y).exp())),
        ScriptActivation::Softmax => {
            let sum: f64 = y.iter().map(|y| y.exp()).sum();
            y.iter_mut().for_each(|y| *y = y.exp() / sum);
        }
    }
    y
}

#[test]
fn libtorch_runs_the_file_to_the_same_probabilities() {
    let images = pixels(3);
    let kernel: Vec<f32> = (0..2048 * 4).map(|i| ((i * 37) % 101) as f32 / 2000.0 - 0.025).collect();
    let last: Vec<f32> = (0..4 * 3).map(|i| i as f32 / 10.0 - 0.6).collect();
    for (architecture, activation) in
        [(Architecture::ResNet50, ScriptActivation::Softmax), (Architecture::Xception, ScriptActivation::Sigmoid)]
    {
        let backbone = calibrated(architecture, &images);
        let features = backbone.forward(batch(&images)).unwrap();
        let hidden = ScriptLayer { kernel: &kernel, bias: &[0.1, -0.2, 0.0, 0.3], activation: ScriptActivation::Relu };
        let output = ScriptLayer { kernel: &last, bias: &[0.0, 0.25, -0.25], activation };
        let bytes = backbone.torchscript(SIZE, &[hidden, output], &[("about.json", "{\"ü\": 1}")]).unwrap();
        let module = CModule::load_data(&mut bytes.as_slice()).unwrap();

        let expected: Vec<f64> = features
            .rows()
            .flat_map(|row| {
                let hidden: Vec<f32> = dense(row, &hidden).iter().map(|&v| v as f32).collect();
                dense(&hidden, &output)
            })
            .collect();
        let all = module.forward_ts(&[tensor(&images, SIZE)]).unwrap();
        assert_eq!((all.size(), all.kind()), (vec![3, 3], Kind::Float));
        // Any number at a time, and floats of whole numbers as well as bytes.
        let one = module.forward_ts(&[tensor(&images[..IMAGE], SIZE).to_kind(Kind::Float)]).unwrap();
        assert_eq!(one.size(), [1, 3]);
        for (got, expected) in values(&all).iter().zip(&expected).chain(values(&one).iter().zip(&expected)) {
            assert!((f64::from(*got) - expected).abs() < 2e-5, "{architecture}: {got} {expected}");
        }

        let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
        let mut about = String::new();
        archive.by_name("classifier/extra/about.json").unwrap().read_to_string(&mut about).unwrap();
        assert_eq!(about, "{\"ü\": 1}");
    }
}

#[test]
fn images_of_another_size_are_an_error_and_input_is_left_alone() {
    let images = pixels(2);
    let backbone = calibrated(Architecture::ResNet50, &images);
    let bytes = backbone.torchscript(SIZE, &[], &[]).unwrap();
    let module = CModule::load_data(&mut bytes.as_slice()).unwrap();
    let error = module.forward_ts(&[tensor(&pixels(1), [SIZE[1], SIZE[0]])]).unwrap_err().to_string();
    assert!(error.contains("must match the size"), "{error}");

    let input = tensor(&images, SIZE).to_kind(Kind::Float);
    let features = module.forward_ts(&[input.shallow_clone()]).unwrap();
    assert_eq!(features.size(), [2, 2048]);
    assert_eq!(values(&input), values(&tensor(&images, SIZE).to_kind(Kind::Float)));
}

#[test]
fn a_size_or_layer_that_does_not_fit_is_refused() {
    let backbone = Backbone::new(&Weights::random(Architecture::ResNet50, 1), None, Device::Cpu).unwrap();
    let error = backbone.torchscript([31, 90], &[], &[]).unwrap_err().to_string();
    assert!(error.contains("resnet50 needs images of at least 32x32"), "{error}");
    let layer = ScriptLayer { kernel: &[0.0; 30], bias: &[0.0; 3], activation: ScriptActivation::Softmax };
    assert!(backbone.torchscript([32, 32], &[layer], &[]).is_err());
    // A failed recording does not stand in the way of the next.
    assert!(backbone.torchscript([32, 32], &[], &[]).is_ok());
}
