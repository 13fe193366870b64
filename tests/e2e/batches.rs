//! `batches`: the loader's output, against what Keras' own iterators gave for the same photos and arguments.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use xfer_tests::{Workplace, draw};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/loader/tests/fixtures/keras");

/// A tensor's shape and its values.
type Tensor = (Vec<usize>, Vec<f64>);

fn tensors(path: &Path) -> BTreeMap<String, Tensor> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let values = |view: &safetensors::tensor::TensorView<'_>| -> Vec<f64> {
        let data = view.data();
        match view.dtype() {
            Dtype::F32 => data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes).into()).collect(),
            Dtype::I64 => data.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes) as f64).collect(),
            Dtype::U8 => data.iter().map(|&value| value.into()).collect(),
            other => panic!("{other:?}"),
        }
    };
    file.tensors().into_iter().map(|(name, view)| (name, (view.shape().to_vec(), values(&view)))).collect()
}

/// The largest difference of two batches of pixels, in levels of 0..255: `scale` says for each sample how far its
/// standardisation moves a level.
fn difference(ours: &Tensor, keras: &Tensor, scale: &[f64]) -> f64 {
    let sample = keras.1.len() / scale.len();
    let levels = |(place, (ours, keras)): (usize, (&f64, &f64))| (ours - keras).abs() / scale[place / sample];
    ours.1.iter().zip(&keras.1).enumerate().map(levels).fold(0.0, f64::max)
}

// invariant 8: order, labels and pixels are those of Keras.
#[test]
fn every_case_is_what_keras_gives() {
    let place = Workplace::empty();
    let mut cases = 0;
    for entry in fs::read_dir(FIXTURES).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let case: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let output = format!("{name}.safetensors");
        let mut command = place.command("batches --compat keras3 --threads 2");
        command.args(["--data", &format!("{FIXTURES}/photos"), "--output", &output]);
        command.args(["--config", &case["config"].to_string(), "--flow", &case["flow"].to_string()]);
        command.args(["--count", &case["count"].to_string(), "--seed", &case["seed"].to_string()]);
        xfer_tests::Ran::of(&command.output().unwrap()).succeeded();

        let (ours, keras) = (tensors(&place.path(&output)), tensors(&path.with_extension("safetensors")));
        for (tensor, expected) in keras.iter().filter(|(tensor, _)| !tensor.starts_with("scale")) {
            let got = ours.get(tensor).unwrap_or_else(|| panic!("{name}: no {tensor}"));
            assert_eq!(got.0, expected.0, "{name}: shape of {tensor}");
            match tensor.strip_prefix('x') {
                Some(number) => {
                    let most = difference(got, expected, &keras[&format!("scale{number}")].1);
                    assert!(most <= 0.255, "{name}: {tensor} is {most} levels off");
                }
                None => assert_eq!(got.1, expected.1, "{name}: {tensor}"),
            }
        }
        assert!(!ours.contains_key(&format!("x{}", case["count"])), "{name}: no batch too many");
        cases += 1;
    }
    assert!(cases >= 12, "{cases} cases");
}

#[test]
fn a_sheet_shows_every_image() {
    let place = Workplace::empty();
    draw(&place.path("photos/rural"), "rural", 5);
    draw(&place.path("photos/urban"), "urban", 4);
    let flow = r#"{"target_size":[20,30],"batch_size":9}"#;
    let mut command = place.command("batches --data photos --grid sheet.png");
    command.args(["--flow", flow, "--config", r#"{"rotation_range":30,"preprocessing":"resnet50"}"#]);
    xfer_tests::Ran::of(&command.output().unwrap()).succeeded();
    let sheet = image::open(place.path("sheet.png")).unwrap();
    // Tiles of 34 x 24 with their frames and 4 pixels between: 3 a row.
    assert_eq!((sheet.width(), sheet.height()), (3 * 38 + 4, 3 * 28 + 4));
    let message = place.run("batches --data photos --grid sheet.png").failed(1);
    assert!(message.contains("sheet.png: already there"), "{message}");
}

#[test]
fn a_table_says_which_images_and_what_of_them() {
    let place = Workplace::empty();
    draw(&place.path("images"), "rural", 4);
    let table = "filename,class,weight\nrural_00.jpg,b,1\nrural_02.png,a,0.5\nnot-there.jpg,a,1\nrural_03.jpg,b,2\n";
    fs::write(place.path("table.csv"), table).unwrap();
    let mut command = place.command("batches --table table.csv --data images --output out.safetensors --json");
    command.args(["--flow", r#"{"target_size":[8,8],"shuffle":false,"weight_col":"weight"}"#]);
    let ran = xfer_tests::Ran::of(&command.output().unwrap()).succeeded();
    assert_eq!(ran.json()["classes"], serde_json::json!(["a", "b"]));
    assert!(ran.stderr.contains("Found 3 validated image filenames belonging to 2 classes."), "{}", ran.stderr);
    assert!(ran.stderr.contains("not-there.jpg"), "{}", ran.stderr);
    let tensors = tensors(&place.path("out.safetensors"));
    assert_eq!(tensors["y0"], (vec![3, 2], vec![0.0, 1.0, 1.0, 0.0, 0.0, 1.0]));
    assert_eq!(tensors["w0"].1, [1.0, 0.5, 2.0]);
}

#[test]
fn arguments_that_cannot_be_are_named() {
    let place = Workplace::empty();
    draw(&place.path("photos/a"), "rural", 2);
    let failed = |config: &str, flow: &str| {
        let mut command = place.command("batches --data photos --output out.safetensors");
        command.args(["--config", config, "--flow", flow]);
        xfer_tests::Ran::of(&command.output().unwrap()).failed(1)
    };
    for (config, flow, said) in [
        (r#"{"rotation":3}"#, "{}", "unknown field `rotation`"),
        ("nonsense", "{}", "--config: not a JSON object with Keras' argument names"),
        (r#"{"zoom_range":[2,1]}"#, "{}", "zoom_range"),
        (r#"{"featurewise_center":true}"#, "{}", "fit the generator first"),
        ("{}", r#"{"color_mode":"hsv"}"#, "color_mode: expected rgb, rgba or grayscale, got hsv"),
        ("{}", r#"{"interpolation":"cubic"}"#, "interpolation: expected nearest"),
        ("{}", r#"{"classes":["z"]}"#, "no such folder"),
        (r#"{"dtype":"float16"}"#, "{}", "dtype: expected float32 or uint8, got float16"),
    ] {
        let message = failed(config, flow);
        assert!(message.contains(said), "{config} {flow}: {message}");
    }
    let message = place.run("batches --data photos").failed(2);
    assert!(message.contains("--output") && message.contains("--grid"), "{message}");
}
