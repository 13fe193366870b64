//! `cargo xtask gpu-check`: everything that only a machine with a GPU can show, unattended.
//!
//! It needs no compiler, no network and no sources there: this executable and `xfer-cli` beside it, and a libtorch with
//! CUDA, such as that of a Python that has torch. With `--device cpu` all of it runs where there is no GPU, and the CPU
//! is compared with itself.

mod command;
mod features;
mod idle;
mod place;
mod report;
mod speed;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use self::command::Cli;
use self::report::{Report, Standing};
use crate::photos;

/// What to check, and with what.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Our executable, built in release mode [default: the one beside this executable, else built].
    #[arg(long, value_name = "PATH")]
    xfer_cli: Option<PathBuf>,
    /// A libtorch: `torch` of a Python, or an unpacked archive [default: the torch of --python, else what xfer-cli finds].
    #[arg(long, value_name = "DIR")]
    libtorch: Option<PathBuf>,
    /// A Python that may have torch.
    #[arg(long, value_name = "PATH", default_value = "python3")]
    python: PathBuf,
    /// The device that is checked: cuda, cuda:N, or cpu, to try this program out.
    #[arg(long, value_name = "DEVICE", default_value = "cuda")]
    device: String,
    /// A folder of class folders with photos [default: 92 drawn ones].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Weights of both backbones [default: the published ones of which the files are here, else random].
    #[arg(long, value_name = "WEIGHTS")]
    weights: Option<String>,
    /// Side of the images, in pixels.
    #[arg(long, value_name = "N", default_value_t = 224, value_parser = clap::value_parser!(u16).range(71..=4096))]
    image_size: u16,
    /// Images of a batch.
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u16).range(1..))]
    batch_size: u16,
    /// Images that speed is measured on: the photos over and over.
    #[arg(long, value_name = "N", default_value_t = 24_000, value_parser = clap::value_parser!(u32).range(8..=10_000_000))]
    images: u32,
    /// Seconds that one command may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 1800, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    limit: u64,
    /// What tells how busy the GPU is.
    #[arg(long, value_name = "PATH", default_value = "nvidia-smi")]
    nvidia_smi: PathBuf,
    /// Where the result is written, as JSON.
    #[arg(long, value_name = "FILE", default_value = "gpu-check.json")]
    output: PathBuf,
    /// Replace that file if it is there.
    #[arg(long)]
    overwrite: bool,
}

const BACKBONES: [&str; 2] = ["resnet50", "xception"];

/// The largest difference that is accepted, as a share of a feature vector's norm.
fn tolerance(precision: &str) -> f64 {
    if precision == "bf16" { 1e-2 } else { 1e-3 }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if !options.overwrite && options.output.symlink_metadata().is_ok() {
        bail!("{}: already there; choose another --output, or pass --overwrite", options.output.display());
    }
    let executable = place::executable(options.xfer_cli.as_deref())?;
    let libtorch = place::libtorch(options)?;
    let cli = Cli::new(executable, libtorch, Duration::from_secs(options.limit));
    let mut report = Report::new(options, &cli);
    // What went wrong in the program itself is a failed check, so that whatever was found before is kept.
    if let Err(error) = check(options, &cli, &mut report) {
        report.add("gpu-check", Standing::Failed, format!("{error:#}"));
    }
    println!("\n{}", report.table());
    report.write(&options.output)?;
    println!("\nwritten to {}", options.output.display());
    match report.failures() {
        0 => Ok(()),
        1 => bail!("one check failed"),
        more => bail!("{more} checks failed"),
    }
}

fn check(options: &Options, cli: &Cli, report: &mut Report) -> Result<()> {
    let Some(doctor) = doctor(options, cli, report)? else {
        // Nothing else can run.
        return Ok(());
    };
    let workshop = tempfile::Builder::new().prefix("xfer-gpu-check-").tempdir().context("cannot make a folder")?;
    let photos = match &options.data {
        Some(folder) => fs::canonicalize(folder).with_context(|| format!("cannot find {}", folder.display()))?,
        None => {
            let drawn = workshop.path().join("drawn");
            photos::draw_all(&drawn)?;
            drawn.join("train")
        }
    };
    let precisions = cli.precisions()?;
    for backbone in BACKBONES {
        let job = Job { options, backbone, weights: weights(options, &doctor, backbone), photos: &photos };
        agreement(&job, cli, &precisions, workshop.path(), report)?;
    }
    let job =
        Job { options, backbone: BACKBONES[0], weights: weights(options, &doctor, BACKBONES[0]), photos: &photos };
    speed::measure(&job, cli, &precisions, workshop.path(), report)
}

/// A backbone to be run on photos.
#[derive(Debug)]
struct Job<'a> {
    options: &'a Options,
    backbone: &'static str,
    weights: String,
    photos: &'a Path,
}

/// What the doctor says; `None` where the device cannot be used.
fn doctor(options: &Options, cli: &Cli, report: &mut Report) -> Result<Option<Value>> {
    println!("doctor");
    let (sound, output) = cli.told(&["doctor", "--json", "--device", &options.device])?;
    let document: Value = serde_json::from_str(&output.stdout).with_context(|| {
        format!("{} does not start, or has no `doctor`: {}", cli.executable().display(), output.last_words())
    })?;
    report.doctor(&document);
    if sound {
        report.add("doctor", Standing::Passed, devices(&document));
        return Ok(Some(document));
    }
    let findings = document["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
    for finding in findings.iter().filter(|finding| finding["standing"] == "broken") {
        let said = |name: &str| finding[name].as_str().unwrap_or_default();
        report.add("doctor", Standing::Failed, format!("{}: {}; {}", said("topic"), said("text"), said("advice")));
    }
    // Published weights may be missing: there are random ones. A device may not.
    let usable = options.device == "cpu" || document["cuda"]["usable"] == true;
    if usable {
        return Ok(Some(document));
    }
    if findings.iter().all(|finding| finding["standing"] != "broken") {
        report.add("doctor", Standing::Failed, format!("{} cannot be used", options.device));
    }
    Ok(None)
}

fn devices(document: &Value) -> String {
    let names = document["cuda"]["devices"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<_> = names.iter().filter_map(|device| device["name"].as_str()).collect();
    if names.is_empty() {
        document["cpu"]["model"].as_str().unwrap_or("no device").to_owned()
    } else {
        names.join(", ")
    }
}

/// `--weights`, else the published ones if their file is here.
fn weights(options: &Options, doctor: &Value, backbone: &str) -> String {
    if let Some(weights) = &options.weights {
        return weights.clone();
    }
    let files = doctor["weights"]["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    let here = |file: &Value| file["name"] == backbone && (file["state"] == "here" || file["state"] == "verified");
    if files.iter().any(here) { "imagenet".to_owned() } else { "random".to_owned() }
}

/// The device's features against the CPU's in f32, and against its own of another run.
fn agreement(job: &Job<'_>, cli: &Cli, precisions: &[String], folder: &Path, report: &mut Report) -> Result<()> {
    let backbone = job.backbone;
    let file = |name: &str| folder.join(format!("{backbone}-{name}.safetensors"));
    println!("{backbone}: features on the CPU, {} weights", job.weights);
    cli.extract(job, "cpu", "fp32", precisions, job.photos, &file("cpu"))?;
    let expected = features::read(&file("cpu"))?;
    for precision in precisions {
        println!("{backbone}: features on {}, {precision}", job.options.device);
        let name = format!("{backbone} {precision} like the CPU's");
        let made = [1, 2].map(|run| {
            let file = file(&format!("{precision}-{run}"));
            cli.extract(job, &job.options.device, precision, precisions, job.photos, &file)?;
            features::read(&file)
        });
        let [first, second] = match made {
            [Ok(first), Ok(second)] => [first, second],
            [Err(error), _] | [_, Err(error)] => {
                report.add(&name, Standing::Failed, format!("{error:#}"));
                continue;
            }
        };
        let (difference, limit) = (expected.difference(&first)?, tolerance(precision));
        let text = format!("{difference:.1e} of the norm, at most {limit:.0e}");
        report.measured(&name, Standing::of(difference <= limit), text, difference, Some(limit));
        let same = first.is_same(&second);
        let text = if same { "to the bit" } else { "differs between two runs" };
        report.add(&format!("{backbone} {precision} repeats"), Standing::of(same), text);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
