//! `predict`: what a trained model takes photos for, a row a photo.

mod inputs;
mod stream;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use indicatif::ProgressBar;
use xfer_trainer::{AtomicFile, Existing};

use crate::args::cache::CacheArgs;
use crate::args::{usage_error, values};
use crate::interrupt::Interrupt;
use crate::model::{ModelArgs, OpenedModel};
use crate::rows::{self, Columns, Format, Rows};
use crate::terminal::Terminal;
use crate::{Ending, cache, output_file};

use inputs::Inputs;
use stream::{Photo, Photos};

/// Tell what a trained model takes photos for
///
/// Writes a row a photo, in the order of the inputs, as soon as it is known: its path, its class, the probability of that
/// class, and, where the photo cannot be read or decoded, the error. Such a photo stops nothing; the exit status is then 1.
/// How photos are read and which classes there are comes from the model.
#[derive(Debug, clap::Args)]
pub(crate) struct PredictArgs {
    #[command(flatten)]
    model: ModelArgs,

    /// Photos; folders of photos, searched at any depth; patterns such as 'photos/**/*.jpg'; or - for paths on standard
    /// input, one a line
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,

    /// Paths on standard input end in a zero byte, not in a line feed, as `find -print0` writes them
    #[arg(short = '0', long)]
    null: bool,

    /// The K most probable classes of each photo, and their probabilities
    #[arg(long, value_name = "K", value_parser = values::count)]
    top: Option<usize>,

    /// The probability of every class
    #[arg(long)]
    all: bool,

    /// How rows are written: csv or jsonl [default: what the name of the output says, or csv]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// File to write, whole or not at all [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace the output if it is there
    #[arg(long, requires = "output")]
    overwrite: bool,

    /// Seconds that reading or decoding one photo may take before it counts as bad; 0: any time
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = values::seconds)]
    stall_timeout: Duration,

    /// Take features from the cache, and keep those that are computed; without it nothing is kept of photos
    #[arg(long, help_heading = "Cache of features")]
    cache: bool,

    /// Folder of the cache [default: `features` in the folder that XFER_CACHE_DIR names, or in ~/.cache/xfer]
    #[arg(long, value_name = "DIR", requires = "cache", help_heading = "Cache of features")]
    cache_dir: Option<PathBuf>,
}

impl PredictArgs {
    pub(crate) fn check(self) -> Result<Self, clap::Error> {
        let stdin = self.inputs.iter().filter(|input| inputs::is_stdin(input)).count();
        match (stdin, self.null) {
            (0, true) => {
                Err(usage_error("predict", "--null is about standard input, which is not among the inputs (-)"))
            }
            (2.., _) => Err(usage_error("predict", "standard input (-) can be read once only")),
            _ => Ok(self),
        }
    }

    fn cache_args(&self) -> CacheArgs {
        CacheArgs { no_cache: !self.cache, cache_dir: self.cache_dir.clone(), ..CacheArgs::default() }
    }
}

pub(crate) fn run(args: PredictArgs) -> anyhow::Result<Ending> {
    // Text goes to standard error: rows may go to standard output.
    let terminal = Terminal::new(true, 1);
    let interrupt = Interrupt::install()?;
    if let Some(output) = &args.output {
        output_file::check_vacant(output, args.overwrite)?;
    }
    let mut inputs = Inputs::find(&args.inputs, if args.null { 0 } else { b'\n' })?;
    let model = args.model.open(&terminal)?;
    let stop = interrupt.finish_first();
    match &args.output {
        None => {
            let out = io::stdout().lock();
            match predict(&args, &model, &mut inputs, out, &terminal, stop) {
                Err(error) if rows::is_broken_pipe(&error) => Ok(Ending::Done),
                predicted => predicted.map(|predicted| predicted.tell(&args, &terminal)),
            }
        }
        Some(path) => {
            let mut file = AtomicFile::create(path)?;
            let predicted = predict(&args, &model, &mut inputs, file.writer(), &terminal, stop)?;
            if !predicted.stopped {
                let existing = if args.overwrite { Existing::Replace } else { Existing::Keep };
                file.complete()?.publish(existing)?;
            }
            Ok(predicted.tell(&args, &terminal))
        }
    }
}

/// How it went.
struct Predicted {
    photos: u64,
    failed: u64,
    stopped: bool,
    took: Duration,
    /// Vectors from the cache, and computed ones.
    tally: Option<(u64, u64)>,
}

/// Writes a row for every photo, batch by batch.
fn predict(
    args: &PredictArgs,
    model: &OpenedModel,
    inputs: &mut Inputs,
    to: impl Write,
    terminal: &Terminal,
    stop: &AtomicBool,
) -> anyhow::Result<Predicted> {
    let of_name = args.output.as_deref().and_then(Format::of_file);
    let columns = Columns { label: false, top: args.top.unwrap_or(0), all: args.all };
    let format = args.format.or(of_name).unwrap_or_default();
    let stall_timeout = (!args.stall_timeout.is_zero()).then_some(args.stall_timeout);
    let loader = model.loader_options("predict", stall_timeout);
    let cache = args.cache_args();
    let mut store = None;
    let start = Instant::now();
    let mut predicted = Predicted { photos: 0, failed: 0, stopped: false, took: Duration::ZERO, tally: None };
    let mut rows = Rows::new(to, format, &model.description.classes, columns)?;
    let bar = terminal.images_bar(inputs.known());
    'chunks: while let Some(chunk) = inputs.next_chunk(stop)? {
        let mut photos = Photos::new(model, chunk, loader.clone())?;
        if args.cache && store.is_none() {
            store = cache::store(&cache, &model.network, photos.flow(), terminal);
        }
        while let Some(batch) = photos.next_batch(store.as_ref())? {
            let written = |rows: &mut Rows<_>| {
                for photo in &batch {
                    match photo {
                        Photo::Predicted(prediction) => rows.prediction(prediction)?,
                        Photo::Failed(path, reason) => rows.failure(path, None, reason)?,
                    }
                }
                rows.flush()
            };
            suspended(&bar, || written(&mut rows))?;
            predicted.photos += batch.len() as u64;
            predicted.failed += batch.iter().filter(|photo| matches!(photo, Photo::Failed(..))).count() as u64;
            bar.set_position(predicted.photos);
            if stop.load(Ordering::Relaxed) {
                predicted.stopped = true;
                break 'chunks;
            }
        }
        if let Some((cached, computed)) = photos.tally() {
            let (of_cache, anew) = predicted.tally.unwrap_or_default();
            predicted.tally = Some((of_cache + cached, anew + computed));
        }
    }
    predicted.stopped |= stop.load(Ordering::Relaxed);
    bar.finish_and_clear();
    rows.flush()?;
    if predicted.photos == 0 && !predicted.stopped {
        bail!("standard input names no photo; there is nothing to predict");
    }
    predicted.took = start.elapsed();
    Ok(predicted)
}

/// Takes the bar away while `write` runs, where both are on the same terminal.
fn suspended<T>(bar: &ProgressBar, write: impl FnOnce() -> T) -> T {
    if io::stdout().is_terminal() { bar.suspend(write) } else { write() }
}

impl Predicted {
    /// The last lines, and what becomes of the exit status.
    fn tell(&self, args: &PredictArgs, terminal: &Terminal) -> Ending {
        let (photos, seconds) = (self.photos, self.took.as_secs_f64());
        let rate = photos as f64 / seconds.max(1e-9);
        let to = args.output.as_ref().map(|output| format!(" to {}", output.display())).unwrap_or_default();
        match (self.stopped, &args.output) {
            (true, Some(output)) => {
                terminal.line(format_args!("Stopped after {photos} photos; {} was not written.", output.display()));
            }
            (true, None) => terminal.line(format_args!("Stopped after {photos} photos.")),
            (false, _) => {
                terminal.line(format_args!("Wrote {photos} rows{to} in {seconds:.1} s, {rate:.1} images/s."));
            }
        }
        if let Some((cached, computed)) = self.tally {
            terminal.line(cache::tally(cached, computed));
        }
        if self.failed > 0 {
            terminal.warn(format_args!(
                "{} of {photos} photos could not be read or decoded; the column `error` says why",
                self.failed
            ));
        }
        match (self.stopped, self.failed) {
            (true, _) => Ending::Interrupted,
            (false, 0) => Ending::Done,
            (false, _) => Ending::Unusable,
        }
    }
}
