//! A few small cases for the ordinary tests, which have no Keras: tiny photos, arguments, and Keras' batches.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::configuration::Configuration;
use super::keras::{Job, Keras};
use crate::{units, workspace};

/// In the workspace.
const FOLDER: &str = "crates/loader/tests/fixtures/keras";
const MAX_BYTES: u64 = 150_000;
const README: &str = "\
What Keras gives for tiny photos; made by `cargo xtask parity --write-fixtures`, which needs a Python with Keras.

- `photos/`: two class folders of PNGs, RGB but for `a/2` (RGBA), `a/3` (grey), `b/2` (palette), `b/3` (16-bit grey).
- `CASE.json`: `config` and `flow` are the arguments of `ImageDataGenerator` and `flow_from_directory`, except for
  `preprocessing`, a function by name, and `fit`, which fits the generator on the first `samples` images of the flow.
- `CASE.safetensors`: the first `count` batches of `next(iterator)`: `x0`, `y0` (none where there are no labels),
  `index0`, the positions in the list of files, and `scale0`, for each sample how far one level of 0..255 moves its
  standardised values: differences are to be divided by it.
";

/// Name, generator, flow. Each flow gets a seed and a batch size as well.
fn cases() -> [(&'static str, Value, Value); 12] {
    let all = json!({
        "rotation_range": 30, "width_shift_range": 0.2, "height_shift_range": [1, 2], "shear_range": 12.0,
        "zoom_range": [0.7, 1.3], "channel_shift_range": 25.0, "horizontal_flip": true, "vertical_flip": true,
        "brightness_range": [0.6, 1.4], "fill_mode": "reflect", "rescale": 1.0 / 255.0,
    });
    let warp = |order: u32, mode: &str| {
        json!({
            "rotation_range": 40, "zoom_range": 0.3, "width_shift_range": 3, "height_shift_range": 2.5,
            "interpolation_order": order, "fill_mode": mode, "cval": 90.0,
        })
    };
    let square = || json!({"target_size": [12, 12]});
    [
        ("default", json!({}), json!({"target_size": [13, 13]})),
        ("augmented-square", all.clone(), json!({"target_size": [13, 13], "class_mode": "sparse"})),
        ("augmented-wide", all, json!({"target_size": [9, 16], "class_mode": "binary", "interpolation": "bicubic"})),
        ("order-0-wrap", warp(0, "wrap"), square()),
        ("order-3-reflect", warp(3, "reflect"), square()),
        ("order-3-constant", warp(3, "constant"), square()),
        (
            "brightness-channel-shift",
            json!({"brightness_range": [0.4, 1.8], "channel_shift_range": 60.0, "preprocessing": "resnet50"}),
            json!({"target_size": [12, 12], "interpolation": "lanczos"}),
        ),
        (
            "samplewise-grayscale",
            json!({"samplewise_std_normalization": true, "horizontal_flip": true}),
            json!({"target_size": [14, 11], "color_mode": "grayscale", "class_mode": "input", "shuffle": false}),
        ),
        (
            "featurewise",
            json!({"featurewise_std_normalization": true, "rescale": 0.5, "fit": {"samples": 5}}),
            json!({"target_size": [12, 12], "interpolation": "box"}),
        ),
        (
            "zca",
            json!({"zca_whitening": true, "zca_epsilon": 1e-3, "fit": {"samples": 8}}),
            json!({"target_size": [6, 5], "interpolation": "bilinear"}),
        ),
        (
            "rgba-validation",
            json!({"validation_split": 0.5, "preprocessing": "xception"}),
            json!({
                "target_size": [10, 12], "color_mode": "rgba", "subset": "validation", "classes": ["b", "a"],
                "interpolation": "bilinear",
            }),
        ),
        (
            "keep-aspect-channels-first",
            json!({"data_format": "channels_first", "preprocessing": "torch", "zoom_range": [0.8, 0.9]}),
            json!({
                "target_size": [12, 8], "keep_aspect_ratio": true, "interpolation": "bilinear", "class_mode": null,
            }),
        ),
    ]
}

/// Makes the folder anew, with photos of `source`.
pub(super) fn write(keras: &Keras, source: &Path) -> Result<()> {
    let folder = workspace::root().join(FOLDER);
    let parent = folder.parent().context("the folder has a parent")?;
    let made = tempfile::Builder::new()
        .prefix(".keras-")
        .tempdir_in(parent)
        .with_context(|| format!("cannot create a folder in {}", parent.display()))?;
    let photos = made.path().join("photos");
    keras.tiny_photos(source, &photos)?;
    let mut jobs = Vec::new();
    for (number, case) in cases().into_iter().enumerate() {
        let job = job(number, case, &photos, made.path())?;
        let text = serde_json::to_string_pretty(&job.configuration)? + "\n";
        write_file(&made.path().join(format!("{}.json", job.name)), &text)?;
        jobs.push(job);
    }
    for told in keras.batches(&jobs)? {
        if let Some(error) = told.error {
            bail!("{}: {error}", told.name);
        }
    }
    write_file(&made.path().join("README.md"), README)?;
    let bytes = size(made.path())?;
    if bytes > MAX_BYTES {
        bail!("the fixtures have {}; {} are the limit", units::bytes(bytes), units::bytes(MAX_BYTES));
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let made = made.keep();
    fs::rename(&made, &folder).with_context(|| format!("cannot rename {} to {}", made.display(), folder.display()))?;
    println!("{} cases in {FOLDER}, {}", jobs.len(), units::bytes(bytes));
    Ok(())
}

fn job(number: usize, (name, config, flow): (&str, Value, Value), photos: &Path, folder: &Path) -> Result<Job> {
    let seed = 40 + number as u32;
    let mut configuration: Configuration =
        serde_json::from_value(json!({"config": config, "flow": flow, "count": 2, "seed": seed}))?;
    configuration.flow.insert("seed".to_owned(), seed.into());
    // Eight photos, or four: the second batch is a whole one, or the next epoch's first.
    configuration.flow.insert("batch_size".to_owned(), 3.into());
    configuration.validate().with_context(|| format!("case {name}"))?;
    let output = folder.join(format!("{name}.safetensors"));
    Ok(Job { name: name.to_owned(), data: photos.to_owned(), table: None, configuration, output })
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Of all files in `folder`, in bytes.
fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { size(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_arguments_are_those_of_the_cases() {
        let folder = workspace::root().join(FOLDER);
        for (number, case) in cases().into_iter().enumerate() {
            let job = job(number, case, Path::new("photos"), Path::new("")).unwrap();
            let committed = fs::read_to_string(folder.join(format!("{}.json", job.name))).unwrap();
            assert_eq!(serde_json::from_str::<Configuration>(&committed).unwrap(), job.configuration);
            let batches = folder.join(format!("{}.safetensors", job.name));
            super::super::batches::read(&batches, job.configuration.count).unwrap();
        }
        assert!(size(&folder).unwrap() <= MAX_BYTES);
    }
}
