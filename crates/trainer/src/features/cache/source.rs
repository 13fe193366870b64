//! Batches of features, of which only what is missing is computed.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use xfer_loader::{
    Batch, BlockingBatches, Flow, LoaderError, LoaderOptions, PlannedBatch, PlannedSample, ReportHandle, Schedule,
    Stage,
};

use super::pass::{Missing, Pick, Places, key, picks};
use super::recorder::Computed;
use super::store::{Place, Store};
use crate::error::TrainerError;
use crate::features::ahead::{self, Ahead, finite};
use crate::features::{FeatureBatch, FeatureExtractor, FeatureSource, FeatureTargets, SourceTime};
use crate::metrics;

/// How many different images a sample can become, and how they are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Views {
    /// Up to four, by how the photo is mirrored; each epoch draws one, as it does without a cache.
    Flips,
    /// So many draws of the augmentation: epoch `e` has draw `e % views`. Without a cache each epoch has draws of its
    /// own, so that what is trained is not the same.
    Drawn(u64),
}

/// What was computed, and what was not; readable while a [`Cached`] is in use.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    cached: AtomicU64,
    computed: AtomicU64,
}

/// Features out of a [`Store`], and computed where they are missing: exactly the batches that
/// [`Extracted`](crate::features::Extracted) makes of the flow's stream, failures included.
///
/// Photos whose features are missing are loaded and computed in the order of training, no more batches before they are
/// needed than the extractor's [queue](FeatureExtractor::queue) takes, so that the first step need not wait for the last
/// photo.
pub struct Cached<'a, E: ?Sized> {
    flow: Flow,
    extractor: &'a E,
    store: &'a Store,
    views: Views,
    passes: Range<u64>,
    /// Batches of the next pass that are left out.
    skip: usize,
    loader: LoaderOptions,
    report: ReportHandle,
    tally: Tally,
    pass: Option<Pass<'a>>,
    time: SourceTime,
}

/// The pass that is under way.
struct Pass<'a> {
    steps: Schedule,
    places: Arc<Places>,
    /// What is missing, as long as something is.
    missing: Option<Photos<'a>>,
    /// Computed and not needed yet, by sample.
    ahead: HashMap<usize, Arrival>,
}

struct Photos<'a> {
    batches: BlockingBatches,
    picks: Receiver<Vec<Pick>>,
    ahead: Ahead<'a, Vec<Pick>>,
}

type Loaded = ahead::Computed<Vec<Pick>>;

impl Photos<'_> {
    /// The next batch with its features, and what it was loaded for.
    fn next(&mut self, waited: &mut Duration, time: &mut SourceTime) -> Result<Loaded, TrainerError> {
        let (batches, picks) = (&mut self.batches, &self.picks);
        let next = || Some(batches.next()?.and_then(|batch| Ok((batch, picks.recv().map_err(|_| lost())?))));
        self.ahead.next(next, waited, time).ok_or_else(lost)?
    }
}

/// What became of a sample: another one may have taken its place, or none.
type Arrival = Option<Row>;

struct Row {
    sample: usize,
    features: Vec<f32>,
}

impl Views {
    /// The views of a flow's samples; `None` where each epoch makes other images of them and no number of `draws` is
    /// asked for.
    pub fn of_flow(flow: &Flow, draws: Option<u64>) -> Option<Self> {
        match (flow.generator().flips_only(), draws) {
            (true, _) => Some(Self::Flips),
            (false, draws) => draws.map(Self::Drawn),
        }
    }

    pub(super) fn of(self, planned: &PlannedSample) -> Option<u64> {
        match self {
            Self::Flips => planned.flips().map(|flips| u64::from(flips.horizontal) + 2 * u64::from(flips.vertical)),
            Self::Drawn(_) => Some(planned.draw_digest()),
        }
    }

    fn schedule(self, flow: &Flow, pass: u64) -> Schedule {
        let schedule = flow.schedule(pass..pass + 1);
        match self {
            Self::Flips => schedule,
            Self::Drawn(views) => schedule.with_views(views),
        }
    }
}

impl Tally {
    /// Vectors that came from the cache.
    pub fn cached(&self) -> u64 {
        self.0.cached.load(Ordering::Relaxed)
    }

    /// Vectors that were computed.
    pub fn computed(&self) -> u64 {
        self.0.computed.load(Ordering::Relaxed)
    }
}

impl<'a, E: FeatureExtractor + ?Sized> Cached<'a, E> {
    /// The features of `passes` passes over `flow`, without the first `skip` batches. `store` is of the [`Space`](super::Space) of `extractor`, `flow` and
    /// `views`. What the first pass lacks begins to be loaded at once.
    ///
    /// # Errors
    ///
    /// As [`Flow::stream`].
    pub fn new(
        flow: Flow,
        extractor: &'a E,
        store: &'a Store,
        views: Views,
        passes: Range<u64>,
        skip: usize,
        loader: LoaderOptions,
    ) -> Result<Self, TrainerError> {
        let (report, tally) = (flow.report(), Tally::default());
        let time = SourceTime::default();
        let mut cached = Self { flow, extractor, store, views, passes, skip, loader, report, tally, pass: None, time };
        cached.begin_pass()?;
        Ok(cached)
    }

    /// What there is to say about the photos that were loaded.
    pub fn report(&self) -> ReportHandle {
        self.report.clone()
    }

    /// How many vectors came from where.
    pub fn tally(&self) -> Tally {
        self.tally.clone()
    }

    /// How many vectors the pass that is under way lacked when it began.
    pub fn missing(&self) -> usize {
        self.pass.as_ref().map_or(0, |pass| pass.places.missing)
    }

    /// Begins the next pass, if there is one.
    fn begin_pass(&mut self) -> Result<(), TrainerError> {
        self.pass = None;
        let Some(pass) = self.passes.next() else { return Ok(()) };
        self.store.recorder().sync();
        let shared = self.store.shared();
        shared.refresh();
        let schedule = self.views.schedule(&self.flow, pass).skip_batches(std::mem::take(&mut self.skip))?;
        let places = Arc::new(Places::look(shared, &self.flow, self.views, schedule.clone())?);
        let missing = (places.missing > 0).then(|| {
            let (sender, picks) = mpsc::channel();
            let missing = Missing {
                schedule: schedule.clone(),
                places: Arc::clone(&places),
                views: self.views,
                flow: self.flow.clone(),
                shared: Arc::clone(shared),
                waiting: VecDeque::new(),
                batches: 0,
                picks: sender,
            };
            let stream = self.flow.stream_planned(missing, &self.report, &self.loader)?;
            let ahead = Ahead::new(self.extractor.queue());
            Ok::<_, LoaderError>(Photos { batches: stream.blocking(), picks, ahead })
        });
        let missing = missing.transpose()?;
        self.pass = Some(Pass { steps: schedule, places, missing, ahead: HashMap::new() });
        Ok(())
    }

    fn next(&mut self) -> Result<Option<FeatureBatch>, TrainerError> {
        let planned = loop {
            let Some(pass) = &mut self.pass else { return Ok(None) };
            match pass.steps.next() {
                Some(planned) => break planned?,
                None => self.begin_pass()?,
            }
        };
        let PlannedBatch { epoch, index, samples } = planned;
        let length = self.extractor.feature_len();
        let mut features = vec![0.0; samples.len() * length];
        let cached = self.fetch(&samples, &mut features);
        let mut waited = Duration::ZERO;
        self.compute_late(epoch, index, &samples, &cached, &mut waited)?;

        // The samples that there are.
        let mut rows = Vec::with_capacity(samples.len());
        for (place, planned) in samples.iter().enumerate() {
            // Where samples were left out, the others move up.
            let (from, to) = (place * length, rows.len() * length);
            if cached[place] {
                features.copy_within(from..from + length, to);
                rows.push(planned.sample);
            } else if let Some(row) = self.arrival(planned.sample, &mut waited)? {
                features[to..to + length].copy_from_slice(&row.features);
                rows.push(row.sample);
            }
        }
        features.truncate(rows.len() * length);
        let from_cache = cached.iter().filter(|&&cached| cached).count();
        metrics::cached(from_cache, rows.len() - from_cache);
        self.tally.0.cached.fetch_add(from_cache as u64, Ordering::Relaxed);
        self.tally.0.computed.fetch_add((rows.len() - from_cache) as u64, Ordering::Relaxed);
        let targets = FeatureTargets::of_samples(&self.flow, &rows);
        let weights = self.flow.weights().map(|all| rows.iter().map(|&sample| all[sample]).collect());
        Ok(Some(FeatureBatch { features, targets, weights, sample_indices: rows, pass: epoch, index, waited }))
    }

    /// Reads the features that are there into their places in `features`; which of them there were.
    fn fetch(&self, samples: &[PlannedSample], features: &mut [f32]) -> Vec<bool> {
        let Some(pass) = &self.pass else { return vec![false; samples.len()] };
        let shared = self.store.shared();
        let places = || samples.iter().map(|planned| pass.places.of_sample[planned.sample]);
        shared.will_need(places().filter(|place| *place != Place::NONE));
        let rows = features.chunks_exact_mut(self.extractor.feature_len().max(1));
        let fetch = |((planned, place), row): ((&PlannedSample, Place), &mut [f32])| {
            place != Place::NONE
                && key(shared, &self.flow, self.views, planned).is_some_and(|key| shared.fetch(place, &key, row))
        };
        samples.iter().zip(places()).zip(rows).map(fetch).collect()
    }

    /// Computes what was there when the pass began and is not any more: rows that are damaged, photos that have changed.
    fn compute_late(
        &mut self,
        epoch: u64,
        index: usize,
        samples: &[PlannedSample],
        cached: &[bool],
        waited: &mut Duration,
    ) -> Result<(), TrainerError> {
        let Some(pass) = &mut self.pass else { return Ok(()) };
        let gone = |(planned, cached): &(&PlannedSample, &bool)| {
            !**cached && pass.places.of_sample[planned.sample] != Place::NONE
        };
        let samples: Vec<PlannedSample> =
            samples.iter().zip(cached).filter(gone).map(|(planned, _)| planned.clone()).collect();
        if samples.is_empty() {
            return Ok(());
        }
        let picks = picks(self.store.shared(), &self.flow, self.views, &samples);
        let planned = std::iter::once(Ok(PlannedBatch { epoch, index, samples }));
        let start = Instant::now();
        let batch = self.flow.stream_planned(planned, &self.report, &self.loader)?.blocking().next();
        *waited += start.elapsed();
        let batch = batch.ok_or_else(lost)??;
        let features =
            if batch.is_empty() { Vec::new() } else { self.extractor.extract_timed(&batch, &mut self.time)? };
        let arrivals = self.keep(&batch, finite(&batch, features)?, picks);
        if let Some(pass) = &mut self.pass {
            pass.ahead.extend(arrivals);
        }
        Ok(())
    }

    /// What becomes of a sample that has to be computed, as soon as it is.
    fn arrival(&mut self, sample: usize, waited: &mut Duration) -> Result<Arrival, TrainerError> {
        loop {
            let Some(pass) = &mut self.pass else { return Ok(None) };
            if let Some(arrival) = pass.ahead.remove(&sample) {
                return Ok(arrival);
            }
            self.compute_ahead(waited)?;
        }
    }

    /// Computes the next batch of what the pass lacks.
    fn compute_ahead(&mut self, waited: &mut Duration) -> Result<(), TrainerError> {
        let photos = self.pass.as_mut().and_then(|pass| pass.missing.as_mut()).ok_or_else(lost)?;
        let Loaded { batch, features, about: picks } = photos.next(waited, &mut self.time)?;
        let arrivals = self.keep(&batch, features, picks);
        if let Some(pass) = &mut self.pass {
            pass.ahead.extend(arrivals);
        }
        Ok(())
    }

    /// What becomes of the `picks` that a batch was loaded for, whose features are kept for later.
    fn keep(&self, batch: &Batch, mut values: Vec<f32>, picks: Vec<Pick>) -> Vec<(usize, Arrival)> {
        self.store.space().stored().round(&mut values);
        let whole = batch.len() == picks.len();
        let length = self.extractor.feature_len().max(1);
        let mut rows = batch.sample_indices().iter().copied().zip(values.chunks_exact(length)).peekable();
        let mut computed = Vec::new();
        let mut arrivals = Vec::with_capacity(picks.len());
        for Pick { sample, view, seen } in picks {
            // Where samples were left out, those that are there are in order.
            let row = rows.next_if(|&(loaded, _)| whole || loaded == sample);
            if let Some((loaded, features)) = row
                && let (true, Some(view), Some(seen)) = (loaded == sample, view, seen)
            {
                let path = self.flow.path(sample);
                computed.push(Computed { path, seen, view, features: features.to_vec() });
            }
            let row = row.map(|(loaded, features)| Row { sample: loaded, features: features.to_vec() });
            arrivals.push((sample, row));
        }
        self.store.recorder().record(computed);
        arrivals
    }
}

impl<E: FeatureExtractor + ?Sized> FeatureSource for Cached<'_, E> {
    fn next_batch(&mut self) -> Option<Result<FeatureBatch, TrainerError>> {
        let (start, before) = (Instant::now(), self.time);
        let batch = self.next();
        match &batch {
            Ok(Some(batch)) => {
                let elsewhere =
                    batch.waited + (self.time.upload + self.time.forward) - (before.upload + before.forward);
                self.time.cache += start.elapsed().saturating_sub(elsewhere);
            }
            Ok(None) => {}
            Err(_) => (self.pass, self.passes) = (None, 0..0),
        }
        batch.transpose()
    }

    fn time(&self) -> SourceTime {
        self.time
    }
}

/// A stream that ends before its time has lost a thread.
fn lost() -> LoaderError {
    LoaderError::Thread { stage: Stage::Read, source: None }
}

impl<E: ?Sized> fmt::Debug for Cached<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("flow", &self.flow).field("views", &self.views).finish_non_exhaustive()
    }
}
