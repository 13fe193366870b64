//! Photos through the loader and the network, in order; those that fail keep their place.

use std::collections::BTreeMap;
use std::path::PathBuf;

use xfer_loader::{ErrorBudget, Flow, ImageDataGenerator, LoaderError, LoaderOptions, OnError, ReportHandle};
use xfer_trainer::features::cache::{Cached, Store, Tally, Views};
use xfer_trainer::features::{Extracted, FeatureBatch, FeatureSource};
use xfer_trainer::{Prediction, TrainerError};

use crate::failures;
use crate::model::OpenedModel;

/// What became of a photo.
pub(super) enum Photo {
    Predicted(Prediction),
    /// Where it is, and why it cannot be used.
    Failed(PathBuf, String),
}

/// The photos of one chunk.
pub(super) struct Photos<'a> {
    model: &'a OpenedModel,
    files: Vec<PathBuf>,
    loader: LoaderOptions,
    /// What is wrong with some of them, by their place.
    failed: BTreeMap<usize, String>,
    /// How many have been handed on.
    done: usize,
    flow: Flow,
    running: Option<Running<'a>>,
    tally: Option<(u64, u64)>,
}

/// A stream of those photos that are not known to fail.
struct Running<'a> {
    features: Box<dyn FeatureSource + 'a>,
    report: ReportHandle,
    tally: Option<Tally>,
    /// The place of each sample of the flow.
    places: Vec<usize>,
}

impl<'a> Photos<'a> {
    /// Photos of `files`, which are some at least.
    pub(super) fn new(model: &'a OpenedModel, files: Vec<PathBuf>, loader: LoaderOptions) -> anyhow::Result<Self> {
        let flow = flow(model, files.clone())?;
        let failed = BTreeMap::new();
        Ok(Self { model, files, loader, failed, done: 0, flow, running: None, tally: None })
    }

    /// What describes them, for a store of features.
    pub(super) fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Vectors from the cache, and computed ones; `None` without a cache.
    pub(super) fn tally(&self) -> Option<(u64, u64)> {
        self.tally
    }

    /// What became of the next photos, about a batch of them; `None` at the end.
    pub(super) fn next_batch(&mut self, store: Option<&'a Store>) -> anyhow::Result<Option<Vec<Photo>>> {
        while self.done < self.files.len() {
            let Some(running) = &mut self.running else {
                let places: Vec<usize> =
                    (self.done..self.files.len()).filter(|place| !self.failed.contains_key(place)).collect();
                if places.is_empty() {
                    return self.hand_on(self.files.len(), &[], &[]).map(Some);
                }
                self.running = Some(self.start(places, store)?);
                continue;
            };
            match running.features.next_batch() {
                Some(Ok(batch)) => return self.take(&batch).map(Some),
                Some(Err(TrainerError::Loader(error))) => self.give_up_on_one(error)?,
                Some(Err(error)) => return Err(error.into()),
                None => return Err(anyhow::anyhow!("the loader ended before its photos did")),
            }
        }
        self.count();
        Ok(None)
    }

    fn start(&self, places: Vec<usize>, store: Option<&'a Store>) -> anyhow::Result<Running<'a>> {
        let files: Vec<PathBuf> = places.iter().map(|&place| self.files[place].clone()).collect();
        let (flow, network) = (flow(self.model, files)?, &self.model.network);
        Ok(match store {
            None => {
                let stream = flow.stream(0..1, &self.loader)?.blocking();
                network.backbone()?;
                let report = stream.report();
                Running { features: Box::new(Extracted::new(stream, network)), report, tally: None, places }
            }
            Some(store) => {
                let cached = Cached::new(flow, network, store, Views::Flips, 0..1, 0, self.loader.clone())?;
                if cached.missing() > 0 {
                    // While the first photos are loaded.
                    network.backbone()?;
                }
                let (report, tally) = (cached.report(), Some(cached.tally()));
                Running { features: Box::new(cached), report, tally, places }
            }
        })
    }

    /// A batch has come: its photos, and those that failed among and before them.
    fn take(&mut self, batch: &FeatureBatch) -> anyhow::Result<Vec<Photo>> {
        let Some(running) = &self.running else { return Ok(Vec::new()) };
        let size = self.flow.batch_size();
        let samples = batch.index * size..running.places.len().min((batch.index + 1) * size);
        if batch.sample_indices.len() < samples.len() {
            for failure in running.report.read().failures {
                self.failed.entry(running.places[failure.sample]).or_insert_with(|| failures::why(&failure));
            }
        }
        let last = samples.end == running.places.len();
        let end = if last { self.files.len() } else { running.places[samples.end] };
        let places: Vec<usize> = batch.sample_indices.iter().map(|&sample| running.places[sample]).collect();
        self.hand_on(end, &places, &batch.features)
    }

    /// What became of the photos up to `end`: the features of those at `places`, and what is known of the others.
    fn hand_on(&mut self, end: usize, places: &[usize], features: &[f32]) -> anyhow::Result<Vec<Photo>> {
        let named = places.iter().map(|&place| (self.files[place].clone(), None));
        let predictions = Prediction::all(&self.model.head, features, named)?;
        let mut predictions = places.iter().zip(predictions).peekable();
        let mut photos = Vec::with_capacity(end - self.done);
        for place in self.done..end {
            photos.push(match predictions.next_if(|&(&predicted, _)| predicted == place) {
                Some((_, prediction)) => Photo::Predicted(prediction),
                None => {
                    let reason = self.failed.remove(&place).unwrap_or_else(|| "left out by the loader".to_owned());
                    Photo::Failed(std::mem::take(&mut self.files[place]), reason)
                }
            });
        }
        self.done = end;
        Ok(photos)
    }

    /// The stream ended at a file that hangs: the others go on without it. Anything else is an error.
    fn give_up_on_one(&mut self, error: LoaderError) -> anyhow::Result<()> {
        let is_the_file =
            |place: &usize| error.path() == Some(&*self.files[*place]) && !self.failed.contains_key(place);
        let Some(place) = (self.done..self.files.len()).find(is_the_file) else { return Err(error.into()) };
        let stage = error.stage().map(|stage| format!("{stage}: ")).unwrap_or_default();
        let text = error.to_string();
        let reason = text.strip_prefix(&format!("{}: ", self.files[place].display())).unwrap_or(&text);
        self.failed.insert(place, format!("{stage}{reason}"));
        self.count();
        self.running = None;
        Ok(())
    }

    fn count(&mut self) {
        if let Some(tally) = self.running.as_ref().and_then(|running| running.tally.as_ref()) {
            let (cached, computed) = self.tally.unwrap_or_default();
            self.tally = Some((cached + tally.cached(), computed + tally.computed()));
        }
        self.running = None;
    }
}

/// The files as the model's photos; those that fail are skipped, all of them if need be.
fn flow(model: &OpenedModel, files: Vec<PathBuf>) -> Result<Flow, LoaderError> {
    let options = model.flow_options(OnError::Skip, ErrorBudget::Rate(1.0));
    ImageDataGenerator::new().flow_from_list(files, options)
}
