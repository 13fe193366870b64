//! `evaluate`: how good a trained model is on photos in class folders.

mod data;
mod tables;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::json;
use xfer_loader::{Flow, OnError, Report, ReportHandle};
use xfer_trainer::features::cache::{Cached, Store, Tally, Views};
use xfer_trainer::features::{Extracted, FeatureSource};
use xfer_trainer::{AtomicFile, Evaluation, Existing, Prediction};

use crate::args::cache::CacheArgs;
use crate::args::loading::FailureArgs;
use crate::args::usage_error;
use crate::interrupt::Interrupt;
use crate::model::{ModelArgs, OpenedModel};
use crate::rows::{Columns, Format, Rows};
use crate::terminal::{Terminal, print_json};
use crate::{Ending, cache, failures, output_file};

/// Judge a trained model on photos in class folders
///
/// Prints accuracy and loss, precision, recall and F1 of each class, the confusion matrix, how far probabilities can be
/// believed, and the photos that are worth a look. How photos are read and which classes there are comes from the model.
/// The loss is plain cross-entropy, whatever the training was told about label smoothing and weights.
#[derive(Debug, clap::Args)]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    model: ModelArgs,

    /// Folder with a folder of photos for each class of the model, or with `val` or `train` in it, of which `val` is taken
    /// where it is there
    #[arg(long, value_name = "DIR")]
    data: PathBuf,

    /// File for a row a photo, as CSV (`.csv`) or JSON lines (`.jsonl`)
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace the output if it is there
    #[arg(long)]
    overwrite: bool,

    /// Print a JSON document about the result on standard output, and everything else on standard error
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    failures: FailureArgs,

    #[command(flatten)]
    cache: CacheArgs,
}

impl EvaluateArgs {
    pub(crate) fn check(self) -> Result<Self, clap::Error> {
        if self.failures.on_error == OnError::Replace {
            let message = "--on-error replace: another photo would be judged in its place; choose fail or skip";
            return Err(usage_error("evaluate", message));
        }
        match &self.output {
            Some(output) if Format::of_file(output).is_none() => {
                let message = format!("--output {}: a name that ends in .csv or .jsonl is needed", output.display());
                Err(usage_error("evaluate", message))
            }
            _ => Ok(self),
        }
    }
}

pub(crate) fn run(args: EvaluateArgs) -> anyhow::Result<Ending> {
    let start = Instant::now();
    let terminal = Terminal::new(args.json, 1);
    let interrupt = Interrupt::install()?;
    if let Some(output) = &args.output {
        output_file::check_vacant(output, args.overwrite)?;
    }
    let model = args.model.open(&terminal)?;
    let options = model.flow_options(args.failures.on_error, args.failures.error_budget);
    let flow = data::index(&args.data, &model.description.classes, &options, &terminal)?;
    let stop = interrupt.finish_first();
    let store = cache::store(&args.cache, &model.network, &flow, &terminal);
    let begun = Instant::now();
    let seen = predict(&args, &model, &flow, store.as_ref(), &terminal, stop)?;
    let Some(Seen { predictions, report, tally }) = seen else {
        terminal.line("Stopped before the end; there is nothing to tell.");
        return Ok(Ending::Interrupted);
    };
    let rate = flow.samples() as f64 / begun.elapsed().as_secs_f64();
    failures::tell(&report, &terminal);
    let evaluation = Evaluation::of(&model.description.classes, model.head.activation(), &predictions)?;
    if let Some(output) = &args.output {
        write_rows(output, args.overwrite, &predictions, &report, &flow)?;
    }
    if let Some(store) = store {
        store.finish();
    }
    tables::tell(&evaluation, flow.root(), &terminal);
    let seconds = start.elapsed().as_secs_f64();
    terminal.line(format_args!("\n{} photos in {seconds:.1} s, {rate:.1} images/s.", evaluation.samples));
    if let Some((cached, computed)) = tally {
        terminal.line(cache::tally(cached, computed));
    }
    if let Some(output) = &args.output {
        terminal.line(format_args!("A row for each photo is in {}.", output.display()));
    }
    if args.json {
        print_json(&json!({
            "model": args.model.run(),
            "data": flow.root(),
            "untrained": model.description.weights.untrained,
            "evaluation": evaluation,
            "failures": failures::list(&report),
            "cached": tally.map(|tally| tally.0),
            "computed": tally.map(|tally| tally.1),
            "output": args.output,
            "seconds": seconds,
            "images_per_second": rate,
        }))?;
    }
    Ok(Ending::Done)
}

/// What came of the photos.
struct Seen {
    /// Of those that did not fail, in index order.
    predictions: Vec<Prediction>,
    report: Report,
    /// Vectors from the cache, and computed ones; `None` where there is no cache.
    tally: Option<(u64, u64)>,
}

/// Predicts every photo of the flow; `None` where it was stopped.
fn predict(
    args: &EvaluateArgs,
    model: &OpenedModel,
    flow: &Flow,
    store: Option<&Store>,
    terminal: &Terminal,
    stop: &AtomicBool,
) -> anyhow::Result<Option<Seen>> {
    let loader = model.loader_options("evaluate", args.failures.stall_timeout());
    let (mut features, report, tally): (Box<dyn FeatureSource + '_>, ReportHandle, Option<Tally>) = match store {
        None => {
            let stream = flow.stream(0..1, &loader)?.blocking();
            model.network.backbone()?;
            let report = stream.report();
            (Box::new(Extracted::new(stream, &model.network)), report, None)
        }
        Some(store) => {
            let cached = Cached::new(flow.clone(), &model.network, store, Views::Flips, 0..1, 0, loader)?;
            if cached.missing() > 0 {
                // While the first photos are loaded.
                model.network.backbone()?;
            }
            let (report, tally) = (cached.report(), cached.tally());
            (Box::new(cached), report, Some(tally))
        }
    };
    let bar = terminal.images_bar(Some(flow.samples() as u64));
    let labels = flow.labels().unwrap_or_default();
    let mut predictions = Vec::with_capacity(flow.samples());
    while let Some(batch) = features.next_batch() {
        let batch = batch?;
        let photos = batch.sample_indices.iter().map(|&sample| (flow.path(sample), labels.get(sample).copied()));
        predictions.extend(Prediction::all(&model.head, &batch.features, photos)?);
        bar.set_position(predictions.len() as u64);
        if stop.load(Ordering::Relaxed) {
            bar.finish_and_clear();
            return Ok(None);
        }
    }
    bar.finish_and_clear();
    drop(features);
    let tally = tally.map(|tally| (tally.cached(), tally.computed()));
    Ok(Some(Seen { predictions, report: report.read(), tally }))
}

/// A row for each photo in index order, those that failed too.
fn write_rows(
    output: &Path,
    overwrite: bool,
    predictions: &[Prediction],
    report: &Report,
    flow: &Flow,
) -> anyhow::Result<()> {
    let format = Format::of_file(output).unwrap_or_default();
    let columns = Columns { label: true, top: 0, all: true };
    let mut file = AtomicFile::create(output)?;
    let mut rows = Rows::new(file.writer(), format, flow.class_names(), columns)?;
    let labels = flow.labels().unwrap_or_default();
    let mut predictions = predictions.iter();
    let mut failed = report.failures.iter().peekable();
    for sample in 0..flow.samples() {
        match failed.next_if(|failure| failure.sample == sample) {
            Some(failure) => rows.failure(&failure.path, labels.get(sample).copied(), &failures::why(failure))?,
            None => predictions.next().map_or(Ok(()), |prediction| rows.prediction(prediction))?,
        }
    }
    rows.flush()?;
    drop(rows);
    file.complete()?.publish(if overwrite { Existing::Replace } else { Existing::Keep })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Verb, parse};

    fn evaluate(words: &str) -> Result<EvaluateArgs, clap::Error> {
        match parse(&format!("evaluate {words}"))? {
            Verb::Evaluate(args) => args.check(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_model_and_photos_are_needed() {
        let args = evaluate("runs/a --data photos --output rows.jsonl").unwrap();
        assert_eq!((args.model.run(), args.data), ("runs/a".as_ref(), "photos".into()));
        for words in [
            "runs/a",
            "--data photos",
            "runs/a --data photos --image-size 64",
            "runs/a --data photos --backbone xception",
            "runs/a --data photos --on-error replace",
            "runs/a --data photos --output rows.txt",
        ] {
            assert_eq!(evaluate(words).unwrap_err().exit_code(), 2, "{words}");
        }
    }
}
