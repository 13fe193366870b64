//! The numbers of Keras: layers by name, the printed tables, and features of weights that both sides draw by formula.

#![expect(clippy::unwrap_used, reason = "helpers of tests are not marked as tests")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use xfer_backbones::layers::Variable;
use xfer_backbones::{Architecture, Backbone, Device, ImageBatch, PixelData, Summary, Weights};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

#[test]
fn layers_are_keras_layers_by_name_shape_count_and_type() {
    for architecture in Architecture::ALL {
        let text = std::fs::read_to_string(fixture(&format!("layers/{architecture}.tsv"))).unwrap();
        let mut lines = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        let header = lines.next().unwrap();
        let keras: Vec<_> = lines.collect();
        // Keras 3 calls the input layer `input_layer`, Keras 2 `input_1`.
        let name = |name: &str| name.replace("input_layer", "input_1");
        for (column, size) in header.iter().enumerate().skip(4) {
            let (height, width) = size.split_once('x').unwrap();
            let summary = Summary::layers(architecture, height.parse().unwrap(), width.parse().unwrap()).unwrap();
            assert_eq!(summary.rows.len(), keras.len());
            for (row, keras) in summary.rows.iter().zip(&keras) {
                let sides: Vec<String> = row.output_shape.iter().map(ToString::to_string).collect();
                assert_eq!(row.name, name(keras[0]), "{architecture} {size}");
                assert_eq!(row.keras_type, keras[1], "{}", row.name);
                assert_eq!(row.parameters.to_string(), keras[2], "{}", row.name);
                assert_eq!(row.connected_to.join(","), name(keras[3]), "{}", row.name);
                assert_eq!(sides.join("x"), keras[column], "{} at {size}", row.name);
            }
        }
    }
}

#[test]
fn tables_are_printed_as_keras_prints_them() {
    for architecture in Architecture::ALL {
        let golden =
            |kind: &str| std::fs::read_to_string(fixture(&format!("summary/{architecture}-{kind}.txt"))).unwrap();
        assert_eq!(format!("{}\n", Summary::short(architecture, 2)), golden("short"));

        let size = architecture.default_image_size();
        let printed = format!("{}\n", Summary::layers(architecture, size, size).unwrap());
        let golden = golden("layers");
        let (beginning, end) = golden.split_once("...\n").unwrap();
        assert_eq!(&printed[..beginning.len()], beginning);
        assert_eq!(&printed[printed.len() - end.len()..], end);
    }
}

// invariant 8: parameter counts are those of Keras.
#[test]
fn totals_are_keras_totals() {
    let totals = |a: Architecture| {
        let summary = Summary::short(a, 2);
        (summary.total(), summary.trainable, summary.non_trainable)
    };
    assert_eq!(totals(Architecture::ResNet50), (23_591_810, 4_098, 23_587_712));
    assert_eq!(totals(Architecture::Xception), (20_865_578, 4_098, 20_861_480));
    assert!(Summary::layers(Architecture::Xception, 70, 71).unwrap_err().to_string().contains("71x71"));
    assert!(Summary::layers(Architecture::ResNet50, 224, usize::MAX).is_err());
}

/// A hash of tensor and element number, to [0, 1); `uniform` of make_fixtures.py.
fn uniform(tensor: u32, element: u32) -> f64 {
    let mut h = element.wrapping_mul(2_654_435_761).wrapping_add((tensor + 1).wrapping_mul(2_246_822_519));
    h = (h ^ (h >> 15)).wrapping_mul(2_246_822_519);
    h = (h ^ (h >> 13)).wrapping_mul(3_266_489_917);
    h ^= h >> 16;
    f64::from(h >> 8) / f64::from(1 << 24)
}

/// The weights of `formula_weight` of make_fixtures.py, through a safetensors file.
fn formula_weights(architecture: Architecture) -> Weights {
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for (index, spec) in architecture.graph().tensors().into_iter().enumerate() {
        let (low, high) = match spec.variable {
            Variable::Bias => (-0.03, 0.03),
            Variable::Gamma => (0.4, 0.8),
            Variable::Beta => (-0.2, 0.2),
            Variable::MovingMean => (-0.1, 0.1),
            Variable::MovingVariance => (0.5, 1.5),
            Variable::Kernel | Variable::DepthwiseKernel | Variable::PointwiseKernel => {
                let inputs = if spec.variable == Variable::DepthwiseKernel { 1 } else { spec.shape[2] };
                let limit = (6.0 / (spec.shape[0] * spec.shape[1] * inputs) as f64).sqrt();
                (-limit, limit)
            }
        };
        let value = |i: usize| (low + (high - low) * uniform(index as u32, i as u32)) as f32;
        let bytes = (0..spec.len()).flat_map(|i| value(i).to_le_bytes()).collect();
        // The suffix of TensorFlow's names is accepted, too.
        let suffix = if index % 2 == 0 { ":0" } else { "" };
        tensors.push((format!("{}{suffix}", spec.name), spec.shape, bytes));
    }
    let views: HashMap<&str, _> = tensors
        .iter()
        .map(|(name, shape, bytes)| {
            (
                name.as_str(),
                safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).unwrap(),
            )
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("formula.safetensors");
    safetensors::serialize_to_file(views, None, &path).unwrap();
    Weights::load(architecture, &path).unwrap()
}

fn formula_image(height: usize, width: usize) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(height * width * 3);
    for y in 0..height {
        for x in 0..width {
            for c in 0..3 {
                pixels.push(((x * 7 + y * 13 + c * 29 + (x * y) % 17 * 5) % 256) as u8);
            }
        }
    }
    pixels
}

// Even, odd and unequal sides, down to the smallest that Keras admits.
// invariant 8: features are those of Keras.
#[test]
fn features_are_keras_features() {
    for (architecture, sizes) in
        [(Architecture::ResNet50, [(64, 64), (45, 62)]), (Architecture::Xception, [(75, 75), (71, 74)])]
    {
        let backbone = Backbone::new(&formula_weights(architecture), None, Device::Cpu).unwrap();
        for (height, width) in sizes {
            let bytes = std::fs::read(fixture(&format!("features/{architecture}-{height}x{width}.f32"))).unwrap();
            let keras: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            let image = formula_image(height, width);
            let batch = ImageBatch { pixels: PixelData::U8(&image), shape: [1, height, width, 3] };
            let features = backbone.forward(batch).unwrap();
            assert_eq!(features.values.len(), Architecture::FEATURES);
            let square = |v: f64| v * v;
            let distance: f64 =
                features.values.iter().zip(&keras).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
            let norm: f64 = keras.iter().map(|v| square(f64::from(*v))).sum();
            let error = (distance / norm).sqrt();
            assert!(error < 2e-6, "{architecture} {height}x{width}: {error}");
        }
    }
}
