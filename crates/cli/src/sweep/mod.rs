//! `sweep`: which settings of the optimizer do best, by cross-validation on features that are computed once.

mod folds;
mod grid;
mod report;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use xfer_backbones::Architecture;
use xfer_loader::{GroupBy, OnError};
use xfer_trainer::features::FeatureRows;
use xfer_trainer::sweep::{Fold, cross_validate};
use xfer_trainer::{AtomicFile, Existing, Head, Learner};

use crate::args::cache::CacheArgs;
use crate::args::{FeatureArgs, usage_error, values};
use crate::frozen::Frozen;
use crate::interrupt::Interrupt;
use crate::terminal::{Terminal, print_json};
use crate::{Ending, backbone, failures, output_file};
use grid::{Candidate, GridArgs};
use report::Report;

/// Find settings of the optimizer by cross-validation, without training the network more than once
///
/// Features of every photo are computed once, through the cache. Then every combination of the settings given trains a head
/// on each of the folds but one, and is judged on that one: mean and spread over the folds tell what a single split of so
/// few photos does not. Photos are expected in DATA/train/CLASS/ or DATA/CLASS/; DATA/val is left alone, for judging what is
/// chosen in the end. A combination trains on a fold as `train` does, to the digit.
#[derive(Debug, clap::Args)]
pub(crate) struct SweepArgs {
    /// Folder of the photos
    #[arg(long, value_name = "DATA", default_value = "./input/urban-and-rural-photos")]
    data: PathBuf,

    #[command(flatten)]
    grid: GridArgs,

    /// Folds that photos are dealt to, stratified by class and by a hash of their content
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u16).range(2..=1000))]
    folds: u16,

    /// How often all of it is done, each time with other folds and another first head
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=1000))]
    repeats: u16,

    /// Photos whose paths have the same match of this pattern (a regular expression; its groups, where it has any) stay in
    /// one fold, such as `(session\d+)_`
    #[arg(long, value_name = "PATTERN")]
    group_by: Option<GroupBy>,

    /// Epochs of each training
    #[arg(long, value_name = "N", default_value = "10", value_parser = values::count)]
    epochs: usize,

    /// Photos that a step takes
    #[arg(long, value_name = "N", default_value = "32", value_parser = values::batch_size)]
    batch_size: usize,

    /// Decides the folds, the first head, the order of the photos and their flips
    #[arg(long, value_name = "SEED", default_value_t = 123)]
    seed: u64,

    /// Do not mirror photos left to right at random
    #[arg(long)]
    no_flip: bool,

    /// File to write as CSV: a row for each training
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace the output if it is there
    #[arg(long, requires = "output")]
    overwrite: bool,

    /// Print a JSON document about the result on standard output, and everything else on standard error
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    features: FeatureArgs,

    #[command(flatten)]
    cache: CacheArgs,
}

impl SweepArgs {
    pub(crate) fn check(self) -> Result<Self, clap::Error> {
        self.features.check("sweep")?;
        if self.features.failures.on_error == OnError::Replace {
            let message = "--on-error replace: a photo could stand in for one of another fold; choose fail or skip";
            return Err(usage_error("sweep", message));
        }
        self.grid.candidates().map_err(|message| usage_error("sweep", message))?;
        Ok(self)
    }
}

pub(crate) fn run(args: SweepArgs) -> anyhow::Result<Ending> {
    let start = Instant::now();
    let terminal = Terminal::new(args.json, 1);
    let interrupt = Interrupt::install()?;
    let device = backbone::open_device(&args.features)?;
    backbone::check_weights(&args.features)?;
    if let Some(output) = &args.output {
        output_file::check_vacant(output, args.overwrite)?;
    }
    let candidates = args.grid.candidates().map_err(anyhow::Error::msg)?;
    let photos = folds::index(&args)?;
    failures::tell_index(&photos, &terminal);
    terminal.line(photos.found());
    let Frozen { network, .. } = Frozen::find(&args.features, device, &args.cache, photos.root(), &terminal)?;

    let stop = interrupt.finish_first();
    let mut rows = FeatureRows::new(Architecture::FEATURES);
    let Some(folds) = folds::record(&args, &photos, &network, &mut rows, &terminal, stop)? else {
        terminal.line("Stopped. What was computed is in the cache: the same command goes on from there.");
        return Ok(Ending::Interrupted);
    };
    let extracted = start.elapsed();
    let classes = photos.class_names().len();
    let learner = |candidate: &Candidate, fold: &Fold| {
        let head = Head::glorot_uniform(Architecture::FEATURES, classes, fold.seed)?;
        Ok(Learner::new(head, candidate.optimizer.build()?))
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if args.features.threads > 0 { usize::from(args.features.threads) } else { threads };
    let trials = cross_validate(&rows, &folds, &candidates, learner, threads, || {}, stop);
    let Some(trials) = trials.context("the sweep cannot go on")? else {
        terminal.line("Stopped; nothing was written.");
        return Ok(Ending::Interrupted);
    };

    let report = Report::new(&args, &photos, candidates, trials);
    if let Some(output) = &args.output {
        let existing = if args.overwrite { Existing::Replace } else { Existing::Keep };
        AtomicFile::write_all(output, report.to_csv().as_bytes(), existing)?;
    }
    report.tell(&terminal);
    terminal.line(format_args!(
        "{} trainings in {:.1} s, after {:.1} s for features of {} photos.",
        report.trainings(),
        (start.elapsed() - extracted).as_secs_f64(),
        extracted.as_secs_f64(),
        photos.samples(),
    ));
    if args.json {
        print_json(&report.to_json())?;
    }
    Ok(Ending::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Verb, parse};

    fn sweep(words: &str) -> Result<SweepArgs, clap::Error> {
        match parse(&format!("sweep {words}"))? {
            Verb::Sweep(args) => args.check(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lists_make_a_grid() {
        let args = sweep("--learning-rate 0.1,0.01 --optimizer sgd,adam --weight-decay 0,1e-4 --folds 3").unwrap();
        assert_eq!(args.grid.candidates().unwrap().len(), 8);
        assert_eq!((args.folds, args.repeats, args.epochs, args.batch_size), (3, 1, 10, 32));
    }

    #[test]
    fn what_makes_no_sense_is_a_usage_error() {
        for words in [
            "--folds 1",
            "--learning-rate 0",
            "--learning-rate x",
            "--optimizer lbfgs",
            "--on-error replace",
            "--overwrite",
        ] {
            assert_eq!(sweep(words).unwrap_err().exit_code(), 2, "{words}");
        }
    }
}
