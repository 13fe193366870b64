//! The photos of each fold, and their features in memory.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::bail;
use xfer_loader::{DirectoryOptions, Flow, FlowOptions, Folds, ImageDataGenerator};
use xfer_trainer::features::cache::{Cached, Store, Views};
use xfer_trainer::features::{Deferred, Extracted, FeatureBatch, FeatureRows, FeatureSource, Recording};
use xfer_trainer::sweep::Fold;
use xfer_trainer::{FitOptions, TrainerError};

use super::SweepArgs;
use crate::terminal::Terminal;
use crate::{backbone, cache};

/// All photos that may be trained on, in index order.
pub(super) fn index(args: &SweepArgs) -> anyhow::Result<Flow> {
    let data = &args.data;
    if !data.exists() {
        bail!("{}: no such folder; photos are expected in {0}/train/CLASS/ or {0}/CLASS/", data.display());
    }
    let train = data.join("train");
    let folder = if train.is_dir() { &train } else { data };
    let options = backbone::flow_options(&args.features, args.batch_size);
    let flow = ImageDataGenerator::new().flow_from_directory(folder, &DirectoryOptions::default(), options)?;
    let labels = flow.labels().unwrap_or_default();
    let with_photos = (0u32..).zip(flow.class_names()).filter(|(class, _)| labels.contains(class)).count();
    if with_photos < 2 {
        bail!("{}: photos of {with_photos} classes; telling classes apart needs at least two", folder.display());
    }
    Ok(flow)
}

/// The features that every fold of every repetition trains on and is judged on; `None` where `stop` became true.
pub(super) fn record(
    args: &SweepArgs,
    photos: &Flow,
    network: &Deferred,
    rows: &mut FeatureRows,
    terminal: &Terminal,
    stop: &AtomicBool,
) -> anyhow::Result<Option<Vec<Fold>>> {
    let store = cache::store(&args.cache, network, photos, terminal);
    let recorder = Recorder { args, network, store: store.as_ref(), terminal, stop };
    let mut folds = Vec::new();
    for repeat in 0..u64::from(args.repeats) {
        let seed = args.seed.wrapping_add(repeat);
        let dealt = Folds { count: usize::from(args.folds), seed, group_by: args.group_by.clone() };
        for (training, validation) in photos.folds(&dealt)? {
            let options = FlowOptions { shuffle: true, seed, ..training.options().clone() };
            let training = training.with(ImageDataGenerator::new().horizontal_flip(!args.no_flip), options)?;
            let steps = |flow: &Flow| flow.batches_per_epoch() as u64;
            let (epochs, validation_steps) = (args.epochs as u64, Some(steps(&validation)));
            let options = FitOptions { epochs, steps_per_epoch: steps(&training), validation_steps };
            let Some(training) = recorder.record(&training, rows)? else { return Ok(None) };
            let Some(validation) = recorder.record(&validation, rows)? else { return Ok(None) };
            folds.push(Fold { training, validation, options, seed });
        }
    }
    if let Some(store) = store {
        store.finish();
    }
    Ok(Some(folds))
}

struct Recorder<'a> {
    args: &'a SweepArgs,
    network: &'a Deferred,
    store: Option<&'a Store>,
    terminal: &'a Terminal,
    stop: &'a AtomicBool,
}

impl Recorder<'_> {
    /// All epochs of a flow.
    fn record(&self, flow: &Flow, rows: &mut FeatureRows) -> anyhow::Result<Option<Recording>> {
        let loader = backbone::loader_options(&self.args.features, "sweep");
        let passes = 0..self.args.epochs as u64;
        let source: Box<dyn FeatureSource> = match self.store {
            Some(store) => {
                let cached = Cached::new(flow.clone(), self.network, store, Views::Flips, passes, 0, loader)?;
                Box::new(cached)
            }
            None => Box::new(Extracted::new(flow.stream(passes, &loader)?.blocking(), self.network)),
        };
        let bar = self.terminal.images_bar(Some((flow.samples() * self.args.epochs) as u64));
        let mut source = Stoppable { source, stop: self.stop };
        let recorded = rows.record(&mut source, |samples| bar.inc(samples as u64));
        bar.finish_and_clear();
        let recording = recorded?;
        Ok((!self.stop.load(Ordering::Relaxed)).then_some(recording))
    }
}

/// Ends where a flag says so.
struct Stoppable<'a> {
    source: Box<dyn FeatureSource + 'a>,
    stop: &'a AtomicBool,
}

impl FeatureSource for Stoppable<'_> {
    fn next_batch(&mut self) -> Option<Result<FeatureBatch, TrainerError>> {
        if self.stop.load(Ordering::Relaxed) { None } else { self.source.next_batch() }
    }
}
