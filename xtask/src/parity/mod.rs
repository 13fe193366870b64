//! `cargo xtask parity`: the proof that the loader gives Keras' numbers.
//!
//! Draws configurations over all arguments of `ImageDataGenerator` and `flow_from_directory`, lets Keras and
//! `xfer-cli batches` make the first batches of each, and compares order, labels and pixels. First on PNG files, where
//! decoding leaves nothing to differ, then, for every fourth configuration, on JPEG files. A third pass draws
//! configurations of `flow_from_dataframe`. Where images are saved, the files are compared as well.

mod arguments;
mod batches;
mod comparison;
mod configuration;
mod dice;
mod fixtures;
mod keras;
mod ours;
mod report;
mod requirement;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use tempfile::TempDir;

use self::configuration::Configuration;
use self::keras::{Job, Keras, Saved, Told};
use self::report::{Outcome, Pass, Report};
use crate::{cargo, process, units};

/// What to compare, and with which Keras.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A Python with Keras 3, Pillow and scipy.
    #[arg(long, env = "XFER_KERAS_PYTHON", value_name = "PATH", default_value = "python3")]
    python: PathBuf,
    /// A folder of class folders with photos [default: photos drawn for this].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Photos to take of each class.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(2..))]
    photos: u16,
    /// Configurations to draw.
    #[arg(long, value_name = "N", default_value_t = 240, value_parser = clap::value_parser!(u32).range(1..))]
    configurations: u32,
    /// Seed of the draws.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u32,
    /// Compare these numbers only, separated by commas; of tables too.
    #[arg(long, value_name = "K", value_delimiter = ',')]
    only: Vec<usize>,
    /// Our executable [default: built in release mode].
    #[arg(long, value_name = "PATH")]
    xfer_cli: Option<PathBuf>,
    /// Leave photos, jobs and batches in this folder, which is new or empty.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    /// Instead of comparing, let Keras write the fixtures of the loader's tests.
    #[arg(long, conflicts_with_all = ["only", "xfer_cli", "keep", "json"])]
    write_fixtures: bool,
}

/// JPEG files show nothing but decoding that PNG files do not show.
const JPEG_EVERY: usize = 4;
/// Of tables, one for so many configurations of folders: they differ in labels and order, not in pixels.
const TABLE_EVERY: usize = 6;

/// Where everything lies while it is compared.
#[derive(Debug)]
struct Workshop {
    path: PathBuf,
    /// Removed at the end.
    _temporary: Option<TempDir>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let keras = Keras::find(&options.python)?;
    let workshop = Workshop::open(options.keep.as_deref())?;
    let source = source(options, &workshop)?;
    if options.write_fixtures {
        return fixtures::write(&keras, &source);
    }
    let executable = match &options.xfer_cli {
        Some(path) => path.clone(),
        None => cargo::build_release("xfer-cli", "xfer-cli")?,
    };
    keras.photos(&source, &workshop.path, options.photos.into())?;
    let jobs = jobs(options, &workshop)?;
    let said = |line: &str| if options.json { eprintln!("{line}") } else { println!("{line}") };

    let start = Instant::now();
    let keras_jobs = jobs_into(&jobs, &workshop, "keras")?;
    let told = keras.batches(&keras_jobs)?;
    let start_up = start.elapsed().as_secs_f64() - told.iter().map(|told| told.seconds).sum::<f64>();
    said(&format!(
        "Keras made the batches of {} configurations in {}, {start_up:.1} s of them to start",
        jobs.len(),
        units::seconds(start.elapsed())
    ));
    let start = Instant::now();
    let our_jobs = jobs_into(&jobs, &workshop, "ours")?;
    let ran = ours::run(&executable, &our_jobs);
    said(&format!("xfer-cli made them in {}", units::seconds(start.elapsed())));

    let mut saved = saved(&keras, &keras_jobs, &our_jobs)?.into_iter();
    let mut outcomes = Vec::new();
    for (((keras_job, told), our_job), ran) in keras_jobs.iter().zip(&told).zip(&our_jobs).zip(ran) {
        outcomes.push(Outcome {
            name: our_job.name.clone(),
            configuration: our_job.configuration.clone(),
            compared: compare(keras_job, told, our_job, ran).map_err(|error| format!("{error:#}")),
            saved: saved_to(our_job).and_then(|_| saved.next()),
            pass: Pass::of(&our_job.name),
            repeat: repeat(options, our_job, &executable),
        });
    }
    let report = Report::of(&keras.versions, &outcomes);
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}", report.text());
    }
    if !report.failures.is_empty() {
        bail!("{} of {} configurations are not as Keras has them", report.failures.len(), outcomes.len());
    }
    Ok(())
}

impl Workshop {
    fn open(keep: Option<&Path>) -> Result<Workshop> {
        let Some(folder) = keep else {
            let temporary =
                tempfile::Builder::new().prefix("xfer-parity-").tempdir().context("cannot make a folder")?;
            return Ok(Workshop { path: temporary.path().to_owned(), _temporary: Some(temporary) });
        };
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let path = fs::canonicalize(folder).with_context(|| format!("cannot find {}", folder.display()))?;
        let mut entries = fs::read_dir(&path).with_context(|| format!("cannot list {}", path.display()))?;
        if entries.next().is_some() {
            bail!("{} is not empty; nothing in it is overwritten", folder.display());
        }
        Ok(Workshop { path, _temporary: None })
    }
}

fn source(options: &Options, workshop: &Workshop) -> Result<PathBuf> {
    if let Some(folder) = &options.data {
        if !folder.is_dir() {
            bail!("{} is not a folder", folder.display());
        }
        return Ok(folder.clone());
    }
    let drawn = workshop.path.join("drawn");
    // Through the command, so that what it says does not get in between JSON.
    let itself = std::env::current_exe().context("cannot find this executable")?;
    process::output(Command::new(itself).arg("draw-photos").arg(&drawn))?;
    Ok(drawn.join("train"))
}

/// Every configuration on PNG files, every fourth on JPEG files too, and those of tables; `output` is a file name still.
fn jobs(options: &Options, workshop: &Workshop) -> Result<Vec<Job>> {
    let numbers: Vec<usize> =
        if options.only.is_empty() { (0..options.configurations as usize).collect() } else { options.only.clone() };
    let classes = classes(&workshop.path.join("png"))?;
    let mut jobs = Vec::new();
    for format in ["png", "jpeg"] {
        for number in numbers.iter().filter(|number| format == "png" || number.is_multiple_of(JPEG_EVERY)) {
            let configuration = Configuration::draw(options.seed, *number, &classes);
            configuration.validate()?;
            let name = format!("{format}-{number:03}");
            let output = PathBuf::from(format!("{name}.safetensors"));
            jobs.push(Job { name, data: workshop.path.join(format), table: None, configuration, output });
        }
    }
    let tables = options.configurations as usize / TABLE_EVERY;
    for number in numbers.iter().filter(|number| **number < tables) {
        let configuration = tables::draw(options.seed, *number, &classes);
        configuration.validate()?;
        let name = format!("table-{number:03}");
        let output = PathBuf::from(format!("{name}.safetensors"));
        let table = Some(workshop.path.join("table.csv"));
        jobs.push(Job { name, data: workshop.path.join("png"), table, configuration, output });
    }
    Ok(jobs)
}

fn classes(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The jobs with their output in the folder `name`, and a list of them beside it.
fn jobs_into(jobs: &[Job], workshop: &Workshop, name: &str) -> Result<Vec<Job>> {
    let folder = workshop.path.join(name);
    fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut jobs: Vec<Job> = jobs.iter().cloned().map(|job| Job { output: folder.join(&job.output), ..job }).collect();
    for job in &mut jobs {
        if let Some(save_to) = job.configuration.flow.get_mut("save_to_dir") {
            let saved = job.output.with_extension("saved");
            fs::create_dir(&saved).with_context(|| format!("cannot create {}", saved.display()))?;
            *save_to = saved.to_string_lossy().into();
        }
    }
    let list = folder.with_extension("json");
    fs::write(&list, serde_json::to_string_pretty(&jobs)?)
        .with_context(|| format!("cannot write {}", list.display()))?;
    Ok(jobs)
}

/// Where the job's images are saved.
fn saved_to(job: &Job) -> Option<PathBuf> {
    job.configuration.flow.get("save_to_dir").and_then(|folder| folder.as_str()).map(PathBuf::from)
}

/// Of every job that saves images, in order.
fn saved(keras: &Keras, theirs: &[Job], ours: &[Job]) -> Result<Vec<Saved>> {
    let pairs: Vec<_> = theirs.iter().zip(ours).filter_map(|(a, b)| saved_to(a).zip(saved_to(b))).collect();
    keras.saved(&pairs)
}

fn compare(keras: &Job, told: &Told, ours: &Job, ran: Result<()>) -> Result<comparison::Comparison> {
    if let Some(error) = &told.error {
        bail!("Keras refuses it: {error}");
    }
    ran?;
    let count = ours.configuration.count;
    let labels_are_pixels = ours.configuration.flow.get("class_mode").is_some_and(|mode| mode == "input");
    comparison::compare(&batches::read(&ours.output, count)?, &batches::read(&keras.output, count)?, labels_are_pixels)
}

fn repeat(options: &Options, job: &Job, executable: &Path) -> Vec<String> {
    let number = job.name.trim_start_matches(|letter: char| !letter.is_ascii_digit()).trim_start_matches('0');
    let number = if number.is_empty() { "0" } else { number };
    let mut command = Command::new("cargo");
    command.args(["xtask", "parity", "--seed", &options.seed.to_string(), "--photos", &options.photos.to_string()]);
    command.args(["--configurations", &options.configurations.to_string()]);
    command.args(["--only", number, "--python"]).arg(&options.python);
    if let Some(data) = &options.data {
        command.arg("--data").arg(data);
    }
    if let Some(path) = &options.xfer_cli {
        command.arg("--xfer-cli").arg(path);
    }
    let mut lines = vec![process::line(&command)];
    if options.keep.is_some() {
        lines.push(process::line(&ours::command(executable, job)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Workshop::open(Some(folder.path())).is_ok());
        fs::write(folder.path().join("x"), "").unwrap();
        let error = Workshop::open(Some(folder.path())).expect_err("not empty").to_string();
        assert!(error.contains("nothing in it is overwritten"), "{error}");
    }
}
