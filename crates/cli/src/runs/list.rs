//! `runs list`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Map, Value, json};
use xfer_trainer::{VALIDATION_ACCURACY, VALIDATION_LOSS};

use super::{Curves, Point, Run, State};
use crate::Ending;
use crate::table::Table;
use crate::terminal::{Terminal, print_json};

/// List the runs in a folder, the newest first, with the best and the last of what they came to
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Folder of runs
    #[arg(value_name = "DIR", default_value = "runs")]
    folder: PathBuf,

    /// Print a JSON document on standard output, and everything else on standard error
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ListArgs) -> anyhow::Result<Ending> {
    let terminal = Terminal::new(args.json, 1);
    let runs = find(&args.folder)?;
    if args.json {
        let runs: Vec<_> = runs.iter().map(document).collect();
        print_json(&json!({ "folder": args.folder, "runs": runs }))?;
        return Ok(Ending::Done);
    }
    if runs.is_empty() {
        terminal.line(format_args!("{}: no runs in it; `xfer-cli train` makes some", args.folder.display()));
        return Ok(Ending::Done);
    }
    table(&runs, &terminal).write(&terminal);
    for run in &runs {
        for problem in &run.problems {
            terminal.warn(format_args!("{}/{problem}", run.folder.display()));
        }
    }
    Ok(Ending::Done)
}

/// The runs in `folder`, or the run that it is.
fn find(folder: &Path) -> anyhow::Result<Vec<Run>> {
    if Run::is_in(folder) {
        return Ok(vec![Run::read(folder)?]);
    }
    let entries = fs::read_dir(folder)
        .with_context(|| format!("{}: cannot be listed; name the folder of the runs", folder.display()))?;
    let folders = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| Run::is_in(path));
    let mut runs = folders.map(|folder| Run::read(&folder)).collect::<anyhow::Result<Vec<_>>>()?;
    runs.sort_by(|a, b| b.started().cmp(&a.started()).then_with(|| b.name.cmp(&a.name)));
    Ok(runs)
}

fn table(runs: &[Run], terminal: &Terminal) -> Table {
    let header = [
        "name",
        "started",
        "backbone",
        "weights",
        "data",
        "epochs",
        "val_accuracy",
        "last",
        "val_loss",
        "last",
        "seconds",
        "state",
    ];
    let mut table = Table::new(header, &[5, 6, 7, 8, 9, 10]);
    for run in runs {
        let best = |metric| number(run.best(metric));
        let last = |metric| number(run.last(metric));
        table.push(vec![
            run.name.clone(),
            run.started_here().unwrap_or_else(none),
            run.backbone().unwrap_or_else(none),
            run.weights().map_or_else(none, short_weights),
            data(run),
            epochs(run),
            best(VALIDATION_ACCURACY),
            last(VALIDATION_ACCURACY),
            best(VALIDATION_LOSS),
            last(VALIDATION_LOSS),
            run.result().and_then(|result| result.seconds).map_or_else(none, |seconds| format!("{seconds:.1}")),
            state(run.state(), terminal),
        ]);
    }
    table
}

fn none() -> String {
    "-".to_owned()
}

fn number(point: Option<Point>) -> String {
    point.map_or_else(none, |point| format!("{:.4}", point.value))
}

/// A file's own name; the rest as it is.
fn short_weights(source: &str) -> String {
    Path::new(source).file_name().map_or_else(|| source.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The folder that was trained on, and how many photos and classes were in it: `photos 72/2`.
fn data(run: &Run) -> String {
    let Some(photos) = run.training() else { return none() };
    // `photos/train` says less than `photos`.
    let folder = photos.folder.as_deref().map(|folder| match folder.file_name() {
        Some(name) if name == "train" => folder.parent().unwrap_or(folder),
        _ => folder,
    });
    let name = folder.and_then(Path::file_name).map_or_else(none, |name| name.to_string_lossy().into_owned());
    match photos.samples {
        Some(samples) => format!("{name} {samples}/{}", photos.classes.len()),
        None => name,
    }
}

/// `3`, or `3 of 10` where they are not all.
fn epochs(run: &Run) -> String {
    match (run.epochs(), run.planned_epochs()) {
        (Some(done), Some(planned)) if done != planned => format!("{done} of {planned}"),
        (Some(done), _) => done.to_string(),
        (None, Some(planned)) => format!("0 of {planned}"),
        (None, None) => none(),
    }
}

fn state(state: State, terminal: &Terminal) -> String {
    match state {
        State::Finished | State::Stopped => terminal.green(state),
        State::Damaged => terminal.red(state),
        State::Interrupted | State::Unfinished => terminal.yellow(state),
        State::Saved => state.to_string(),
    }
}

/// A run for programs; null where nothing is known.
pub(crate) fn document(run: &Run) -> Value {
    let metrics = run.history.iter().flat_map(Curves::columns).map(|(name, _)| {
        let point = |point: Option<Point>| point.map(|point| json!({ "epoch": point.epoch, "value": point.value }));
        (name.to_owned(), json!({ "best": point(run.best(name)), "last": point(run.last(name)) }))
    });
    json!({
        "name": run.name,
        "folder": run.folder,
        "state": run.state().as_str(),
        "started": run.started().map(|time| time.to_string()),
        "backbone": run.backbone(),
        "weights": run.weights(),
        "weights_digest": run.weights_digest(),
        "seed": run.seed(),
        "data_digest": run.data_digest(),
        "samples": run.training().and_then(|photos| photos.samples),
        "validation_samples": run.validation().and_then(|photos| photos.samples),
        "epochs": run.epochs(),
        "planned_epochs": run.planned_epochs(),
        "metrics": metrics.collect::<Map<_, _>>(),
        "seconds": run.result().and_then(|result| result.seconds),
        "images_per_second": run.result().and_then(|result| result.images_per_second),
        "failures": run.result().map(|result| result.failures.len()),
        "problems": run.problems.iter().map(|problem| json!({ "file": problem.file, "reason": problem.reason })).collect::<Vec<_>>(),
    })
}
