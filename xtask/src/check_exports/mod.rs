//! `cargo xtask check-exports`: the proof that others read what `xfer-cli export` writes.
//!
//! For each backbone, trains a head on an untrained network, exports it in every format, and has the real consumer tell
//! its probabilities of the validation photos: PyTorch of the TorchScript file, Keras of its weights, and xfer's own
//! features, by way of `extract --weights`, with the head of the safetensors file. Each is compared with
//! `xfer-cli predict`.

mod consumer;
mod ours;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;
use tempfile::TempDir;

use self::consumer::{Consumer, KERAS, TORCH};
use self::ours::Ours;
use crate::{cargo, photos};

/// With which Pythons to read.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A Python with Keras 3, TensorFlow and Pillow.
    #[arg(long, env = "XFER_KERAS_PYTHON", value_name = "PATH", default_value = "python3")]
    python: PathBuf,
    /// A Python with PyTorch 2, NumPy and Pillow [default: the same].
    #[arg(long, env = "XFER_TORCH_PYTHON", value_name = "PATH")]
    torch_python: Option<PathBuf>,
    /// A folder with train and val folders of class folders [default: photos drawn for this].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Our executable [default: built for development].
    #[arg(long, value_name = "PATH")]
    xfer_cli: Option<PathBuf>,
    /// Leave models and exports in this folder, which is new or empty.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// The largest difference between two probabilities that passes.
const LIMIT: f64 = 1e-4;

/// A training that is exported: an even and an odd size, so that every kind of border is met.
struct Case {
    backbone: &'static str,
    image_size: [usize; 2],
    interpolation: &'static str,
}

const CASES: [Case; 2] = [
    Case { backbone: "resnet50", image_size: [224, 224], interpolation: "nearest" },
    Case { backbone: "xception", image_size: [187, 160], interpolation: "bilinear" },
];

/// One line of the table.
struct Compared {
    backbone: &'static str,
    format: &'static str,
    consumer: String,
    photos: usize,
    difference: f64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let folder = TempDir::with_prefix("xfer-exports-").context("cannot make a folder")?;
    let place = options.keep.as_deref().unwrap_or(folder.path());
    std::fs::create_dir_all(place).with_context(|| format!("cannot make {}", place.display()))?;
    let torch = Consumer::find(&TORCH, options.torch_python.as_deref().unwrap_or(&options.python), folder.path())?;
    let keras = Consumer::find(&KERAS, &options.python, folder.path())?;
    let data = match &options.data {
        Some(data) => std::path::absolute(data)?,
        None => {
            let drawn = place.join("photos");
            photos::draw_all(&drawn)?;
            drawn
        }
    };
    let executable = match &options.xfer_cli {
        Some(path) => std::path::absolute(path)?,
        None => cargo::build("xfer-cli", "xfer-cli")?,
    };
    let ours = Ours { executable, cache: folder.path().join("cache"), data };
    let paths = ours.photos()?;
    let mut table = Vec::new();
    for case in &CASES {
        println!("{}: training and exporting", case.backbone);
        let run = place.join(case.backbone);
        ours.train(case, &run)?;
        let expected = ours.predict(&run, &paths)?;
        let mut add = |format, consumer, got: Vec<Vec<f64>>| -> Result<()> {
            let difference = largest(&expected, &got).with_context(|| format!("{format} of {}", case.backbone))?;
            table.push(Compared { backbone: case.backbone, format, consumer, photos: paths.len(), difference });
            Ok(())
        };

        let file = ours.export(&run, "torchscript", &place.join(format!("{}.pt", case.backbone)))?;
        let told = torch.read(&[&file], &paths)?;
        add("torchscript", told.versions, told.probabilities)?;

        let file = ours.export(&run, "keras", &place.join(format!("{}.weights.h5", case.backbone)))?;
        let job = place.join(format!("{}.json", case.backbone));
        std::fs::write(&job, case.job(expected[0].len()).to_string())?;
        let told = keras.read(&[&file, &job], &paths)?;
        add("keras", told.versions, told.probabilities)?;

        let file = ours.export(&run, "safetensors", &place.join(format!("{}.safetensors", case.backbone)))?;
        let features = place.join(format!("{}-features.safetensors", case.backbone));
        add(
            "safetensors",
            "xfer extract x dense".to_owned(),
            ours.features_times_head(case, &file, &features, &paths)?,
        )?;
    }
    report(&table)
}

impl Case {
    fn size(&self) -> String {
        let [height, width] = self.image_size;
        format!("{height}x{width}")
    }

    /// What Keras is not told by the file.
    fn job(&self, outputs: usize) -> serde_json::Value {
        serde_json::json!({
            "backbone": self.backbone,
            "image_size": self.image_size,
            "interpolation": self.interpolation,
            "outputs": outputs,
            "activation": "softmax",
        })
    }
}

/// The largest difference of two probabilities of a photo and a class.
fn largest(expected: &[Vec<f64>], got: &[Vec<f64>]) -> Result<f64> {
    if expected.is_empty() || expected.iter().map(Vec::len).ne(got.iter().map(Vec::len)) {
        bail!("{} photos were told of, {} were asked for", got.len(), expected.len());
    }
    let differences = expected.iter().flatten().zip(got.iter().flatten()).map(|(a, b)| (a - b).abs());
    // A difference that is no number is the largest of all.
    Ok(differences.fold(0.0, |most: f64, d| if d.is_nan() { f64::INFINITY } else { most.max(d) }))
}

fn report(table: &[Compared]) -> Result<()> {
    println!("{:<10} {:<12} {:<22} {:>7} {:>12}", "backbone", "format", "read by", "photos", "difference");
    for Compared { backbone, format, consumer, photos, difference } in table {
        println!("{backbone:<10} {format:<12} {consumer:<22} {photos:>7} {difference:>12.1e}");
    }
    let beyond = table.iter().filter(|row| row.difference > LIMIT).count();
    if beyond > 0 {
        bail!("{beyond} of {} differ from predict by more than {LIMIT:.0e}", table.len());
    }
    println!("all within {LIMIT:.0e} of what xfer-cli predict says");
    Ok(())
}

/// A command that works in a cache of its own.
fn command(executable: &Path, cache: &Path) -> Command {
    let mut command = Command::new(executable);
    command.env("XFER_CACHE_DIR", cache);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_difference_is_found_whatever_it_is() {
        let ours = [vec![0.25, 0.75], vec![0.5, 0.5]];
        let off = |by: f64| largest(&ours, &[vec![0.25, 0.75], vec![0.5, 0.5 - by]]);
        assert_eq!(off(0.0).expect("compared"), 0.0);
        assert!((off(0.125).expect("compared") - 0.125).abs() < 1e-12);
        assert_eq!(off(f64::NAN).expect("compared"), f64::INFINITY);
        assert!(largest(&ours, &ours[..1]).is_err());
        assert!(largest(&ours, &[vec![0.25], vec![0.5, 0.5]]).is_err());
        assert!(largest(&[], &[]).is_err());
    }
}
