//! Weight files on disk: every layout at full size, and what is said about files that will not do.

#![expect(clippy::unwrap_used, reason = "helpers of tests are not marked as tests")]

use std::error::Error;
use std::path::{Path, PathBuf};

use hdf5_writer::{AttributeBuilder, DatasetBuilder, Hdf5Builder, WriteOptions};
use sha2::Digest as _;
use xfer_backbones::{Architecture, BackboneError, Layout, Weights};

/// One line of a layout fixture.
#[derive(Debug, Clone)]
struct Dataset {
    canonical: String,
    group: String,
    name: String,
    shape: Vec<u64>,
    values: Vec<f32>,
}

/// The datasets of a published layout, with the values of `weights`.
fn datasets(layout: &str, weights: &Weights) -> Vec<Dataset> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/layouts/{layout}.tsv"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let [canonical, group, name, shape] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            Dataset {
                canonical: canonical.to_owned(),
                group: group.to_owned(),
                name: name.to_owned(),
                shape: shape.split(',').map(|n| n.parse().unwrap()).collect(),
                values: weights.tensor(canonical).unwrap().values.to_vec(),
            }
        })
        .collect()
}

/// Writes the datasets as Keras would, layers in reverse to show that position has no meaning.
fn write(path: &Path, datasets: &[Dataset]) {
    let mut layers: Vec<&str> = Vec::new();
    for dataset in datasets.iter().rev() {
        if !layers.contains(&dataset.group.as_str()) {
            layers.push(&dataset.group);
        }
    }
    let mut file = Hdf5Builder::new().attribute(AttributeBuilder::fixed_string_vector("layer_names", &layers).unwrap());
    for layer in layers {
        let own: Vec<&Dataset> = datasets.iter().rev().filter(|d| d.group == layer).collect();
        let names: Vec<&str> = own.iter().map(|d| d.name.as_str()).collect();
        let names = AttributeBuilder::fixed_string_vector("weight_names", &names).unwrap();
        file = file.group_attribute(layer, names);
        for dataset in own {
            let name = format!("{layer}/{}", dataset.name);
            file = file.dataset(DatasetBuilder::typed_data(name, dataset.shape.clone(), &dataset.values).unwrap());
        }
    }
    std::fs::write(path, file.into_plan().unwrap().encode(WriteOptions::default()).unwrap()).unwrap();
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn load_error(architecture: Architecture, path: &Path) -> String {
    let error: BackboneError = Weights::load(architecture, path).unwrap_err();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    assert!(text.contains(&path.display().to_string()), "the file is not named: {text}");
    text
}

#[test]
fn every_published_layout_gives_the_same_weights() {
    let folder = folder();
    for (architecture, layout, expected, epsilon) in [
        (Architecture::ResNet50, "resnet50-new", Layout::Modern, 1.001e-5),
        (Architecture::ResNet50, "resnet50-old", Layout::Legacy, 1e-3),
        (Architecture::Xception, "xception-new", Layout::Modern, 1e-3),
        (Architecture::Xception, "xception-old", Layout::Legacy, 1e-3),
    ] {
        let random = Weights::random(architecture, 11);
        let mut all = datasets(layout, &random);
        assert_eq!(all.len(), random.tensors().len());
        // Tops, as in the published files: passed over.
        let top = if layout == "resnet50-old" {
            "fc1000"
        } else if layout == "xception-old" {
            "dense_2"
        } else {
            "probs"
        };
        all.push(Dataset {
            canonical: String::new(),
            group: top.to_owned(),
            name: format!("{top}_W:0"),
            shape: vec![2048, 10],
            values: vec![0.0; 20480],
        });
        let path = folder.path().join(format!("{layout}.h5"));
        write(&path, &all);

        let weights = Weights::load(architecture, &path).unwrap();
        assert_eq!((weights.layout(), weights.epsilon()), (expected, epsilon), "{layout}");
        assert!(!weights.is_untrained());
        for (read, drawn) in weights.tensors().zip(random.tensors()) {
            assert!(read == drawn, "{layout} {}", drawn.name);
        }
        let sum = sha2::Sha256::digest(std::fs::read(&path).unwrap());
        let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(weights.digest(), format!("sha256:{sum}"));
    }
}

#[test]
fn safetensors_keep_everything() {
    let folder = folder();
    let path = folder.path().join("weights.safetensors");
    let random = Weights::random(Architecture::Xception, 2);
    let digest = random.save(&path).unwrap();
    let read = Weights::load(Architecture::Xception, &path).unwrap();
    assert_eq!(read.digest(), digest);
    assert_eq!((read.layout(), read.epsilon(), read.is_untrained()), (Layout::Safetensors, 1e-3, true));
    assert!(read.tensors().eq(random.tensors()));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file was left");

    // Never over a file that is there.
    let error = random.save(&path).unwrap_err();
    assert!(matches!(error, BackboneError::Io { stage: "write", .. }), "{error}");
    // Cut: an error, not fewer tensors.
    let bytes = std::fs::read(&path).unwrap();
    for length in [9, 1000, bytes.len() - 1] {
        let cut = folder.path().join("cut.safetensors");
        std::fs::write(&cut, &bytes[..length]).unwrap();
        let text = load_error(Architecture::Xception, &cut);
        assert!(text.contains("cannot read safetensors file"), "{text}");
    }
    // A header that claims to be longer than any memory.
    let mut bytes = bytes[..64].to_vec();
    bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let huge = folder.path().join("huge.safetensors");
    std::fs::write(&huge, bytes).unwrap();
    assert!(load_error(Architecture::Xception, &huge).contains("cannot read safetensors file"));
}

#[test]
fn a_tensor_that_is_missing_extra_or_wrong_is_named() {
    let folder = folder();
    let path = folder.path().join("w.h5");
    let random = Weights::random(Architecture::ResNet50, 1);
    let good = datasets("resnet50-old", &random);
    let at = |canonical: &str| good.iter().position(|d| d.canonical == canonical).unwrap();
    let check = |change: &dyn Fn(&mut Vec<Dataset>), expected: &str| {
        let mut all = good.clone();
        change(&mut all);
        write(&path, &all);
        let text = load_error(Architecture::ResNet50, &path);
        assert!(text.contains(expected), "{text}");
    };
    let (kernel, bias, variance) =
        (at("conv3_block2_2_conv/kernel"), at("conv1_conv/bias"), at("conv1_bn/moving_variance"));
    check(
        &|all| {
            all.remove(kernel);
        },
        "has no tensor `res3b_branch2b_W_1:0` (1 of 318 are missing)",
    );
    check(
        &|all| all.push(Dataset { group: "attention".into(), name: "attention_W:0".into(), ..good[bias].clone() }),
        "has a tensor `attention/attention_W:0` that resnet50 does not have",
    );
    check(
        &|all| all.push(Dataset { name: "conv1_b_2:0".into(), ..good[bias].clone() }),
        "holds `conv1_conv/bias` twice",
    );
    check(&|all| all[kernel].shape = vec![3, 3, 64, 256], "tensor `res3b_branch2b/res3b_branch2b_W_1:0` in");
    check(&|all| all[kernel].shape = vec![3, 3, 64, 256], "has shape [3, 3, 64, 256], expected [3, 3, 128, 128]");
    check(&|all| all[bias].values[7] = f32::NAN, "tensor `conv1/conv1_b_1:0` in");
    check(&|all| all[bias].values[7] = f32::NAN, "holds NaN at element 7");
    check(&|all| all[variance].values[3] = -0.5, "holds -0.5 at element 3; a variance is not negative");
}

#[test]
fn weights_of_the_other_model_are_recognised() {
    let folder = folder();
    let path = folder.path().join("w.h5");
    for (layout, holds, wanted) in [
        ("xception-new", Architecture::Xception, Architecture::ResNet50),
        ("xception-old", Architecture::Xception, Architecture::ResNet50),
        ("resnet50-new", Architecture::ResNet50, Architecture::Xception),
        ("resnet50-old", Architecture::ResNet50, Architecture::Xception),
    ] {
        // The names decide before a value is read.
        let mut all = datasets(layout, &Weights::random(holds, 0));
        for dataset in &mut all {
            dataset.shape = vec![1];
            dataset.values = vec![0.0];
        }
        write(&path, &all);
        let text = load_error(wanted, &path);
        assert!(text.contains(&format!("looks like {holds} weights, not {wanted}")), "{text}");
    }
}

#[test]
fn files_that_hold_no_weights_are_told_apart() {
    let folder = folder();
    let put = |name: &str, content: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let resnet = Architecture::ResNet50;
    let cases = [
        (put("empty.h5", b""), "it is empty"),
        (put("page.h5", b"\n<!DOCTYPE html><html>Not found</html>"), "it is a web page"),
        (put("model.keras", b"PK\x03\x04...."), "it is a zip archive"),
        (put("photo.h5", b"\xff\xd8\xff\xe0 a photo"), "neither HDF5 nor safetensors"),
        (put("start.h5", b"\x89HDF\r\n\x1a\n"), "cannot read HDF5 file"),
        (folder.path().join("nowhere.h5"), "cannot open"),
        (folder.path().to_owned(), "not a regular file"),
    ];
    for (path, expected) in cases {
        let text = load_error(resnet, &path);
        assert!(text.contains(expected), "{text}");
    }

    let random = Weights::random(resnet, 0);
    let path = folder.path().join("other.h5");
    let other = Dataset {
        group: "my_layer".into(),
        name: "my_layer/kernel:0".into(),
        ..datasets("resnet50-new", &random)[1].clone()
    };
    write(&path, &[other]);
    let text = load_error(resnet, &path);
    assert!(text.contains("none of its layers (`my_layer`, ...) is of resnet50 or xception"), "{text}");
}

#[test]
fn a_full_size_file_cut_short_is_an_error() {
    let folder = folder();
    let path = folder.path().join("w.h5");
    write(&path, &datasets("resnet50-new", &Weights::random(Architecture::ResNet50, 0)));
    let whole = std::fs::metadata(&path).unwrap().len();
    for length in [whole - 1, whole / 2, 100_000, 600] {
        std::fs::File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
        let text = load_error(Architecture::ResNet50, &path);
        assert!(text.contains("cannot read HDF5 file") && text.contains(&format!("{length} bytes")), "{text}");
    }
}
