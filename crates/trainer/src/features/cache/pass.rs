//! One pass over the data: which features are there, and a stream of the photos that the others are computed from.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use xfer_loader::{Flow, LoaderError, PlannedBatch, PlannedSample, Schedule};

use super::content::Seen;
use super::shard::Key;
use super::source::Views;
use super::store::{Place, Shared};

/// A photo that features are to be computed from.
#[derive(Debug)]
pub(super) struct Pick {
    pub(super) sample: usize,
    /// What the features are to be found by; `None` where they are not to be kept.
    pub(super) view: Option<u64>,
    /// Its file, just before it was loaded.
    pub(super) seen: Option<Seen>,
}

/// Where the features of each sample of the pass are; [`Place::NONE`] where they have to be computed.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) of_sample: Vec<Place>,
    /// How many have to be computed.
    pub(super) missing: usize,
}

impl Places {
    /// Looks for the features of everything in `schedule`, which is one pass.
    pub(super) fn look(shared: &Shared, flow: &Flow, views: Views, schedule: Schedule) -> Result<Self, LoaderError> {
        let mut places = Self { of_sample: vec![Place::NONE; flow.samples()], missing: 0 };
        for batch in schedule {
            let batch = batch?;
            for planned in &batch.samples {
                match key(shared, flow, views, planned).and_then(|key| shared.find(&key)) {
                    Some(place) => places.of_sample[planned.sample] = place,
                    None => places.missing += 1,
                }
            }
        }
        Ok(places)
    }
}

/// What the features of a sample are found by, where its file is there and it is known what is in it.
pub(super) fn key(shared: &Shared, flow: &Flow, views: Views, planned: &PlannedSample) -> Option<Key> {
    let view = views.of(planned)?;
    let content = shared.look(&flow.path(planned.sample))?.content?;
    Some(Key { content, view })
}

/// The samples of a pass whose features are missing, in the order in which they are needed, in batches as large as the
/// flow's. Runs in the loader's thread, which asks for a batch shortly before it reads its files.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) schedule: Schedule,
    pub(super) places: Arc<Places>,
    pub(super) views: Views,
    pub(super) flow: Flow,
    pub(super) shared: Arc<Shared>,
    pub(super) waiting: VecDeque<(u64, PlannedSample)>,
    pub(super) batches: usize,
    /// Gets what each batch consists of.
    pub(super) picks: Sender<Vec<Pick>>,
}

impl Iterator for Missing {
    type Item = Result<PlannedBatch, LoaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        let size = self.flow.batch_size();
        while self.waiting.len() < size {
            let Some(batch) = self.schedule.next() else { break };
            match batch {
                Ok(batch) => {
                    let missing = |planned: &PlannedSample| self.places.of_sample[planned.sample] == Place::NONE;
                    let missing = batch.samples.into_iter().filter(missing);
                    self.waiting.extend(missing.map(|planned| (batch.epoch, planned)));
                }
                Err(error) => return Some(Err(error)),
            }
        }
        let epoch = self.waiting.front()?.0;
        let samples: Vec<PlannedSample> =
            self.waiting.drain(..size.min(self.waiting.len())).map(|(_, planned)| planned).collect();
        // Nobody listens where the stream is being dropped.
        let _ = self.picks.send(picks(&self.shared, &self.flow, self.views, &samples));
        let index = self.batches;
        self.batches += 1;
        Some(Ok(PlannedBatch { epoch, index, samples }))
    }
}

/// What is known of files that are about to be loaded.
pub(super) fn picks(shared: &Shared, flow: &Flow, views: Views, samples: &[PlannedSample]) -> Vec<Pick> {
    let pick = |planned: &PlannedSample| Pick {
        sample: planned.sample,
        view: views.of(planned),
        seen: shared.look_before(&flow.path(planned.sample)),
    };
    samples.iter().map(pick).collect()
}
