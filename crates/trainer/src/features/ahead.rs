//! Batches handed to an extractor before the features of earlier ones are needed.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use xfer_loader::{Batch, LoaderError};

use super::{FeatureExtractor, SourceTime};
use crate::error::TrainerError;

/// An extractor that is handed batches ahead, so that a device need not wait for the next one. Features come back in the
/// order of the batches.
pub trait FeatureQueue {
    /// Takes a batch that is not empty; adds to `time` where the time went.
    ///
    /// # Errors
    ///
    /// The extractor's own; the batch was not taken then.
    fn submit(&mut self, batch: &Batch, time: &mut SourceTime) -> Result<(), TrainerError>;

    /// Waits for the features of the oldest batch, `[samples, feature_len]` row-major; `None` where there is none. Adds to
    /// `time` where the time went.
    fn collect(&mut self, time: &mut SourceTime) -> Option<Result<Vec<f32>, TrainerError>>;

    /// Whether another batch would have to wait for the oldest one.
    fn is_full(&self) -> bool;
}

/// Computes each batch when it is handed in.
#[derive(Debug)]
pub struct OneByOne<'a, E: ?Sized> {
    extractor: &'a E,
    features: Option<Vec<f32>>,
}

impl<'a, E: FeatureExtractor + ?Sized> OneByOne<'a, E> {
    /// A queue of one.
    pub fn new(extractor: &'a E) -> Self {
        Self { extractor, features: None }
    }
}

impl<E: FeatureExtractor + ?Sized> FeatureQueue for OneByOne<'_, E> {
    fn submit(&mut self, batch: &Batch, time: &mut SourceTime) -> Result<(), TrainerError> {
        self.features = Some(self.extractor.extract_timed(batch, time)?);
        Ok(())
    }

    fn collect(&mut self, _: &mut SourceTime) -> Option<Result<Vec<f32>, TrainerError>> {
        self.features.take().map(Ok)
    }

    fn is_full(&self) -> bool {
        self.features.is_some()
    }
}

/// Batches whose photos were all left out take no place in a queue, but should not pile up before it.
const MOST_HELD: usize = 8;

/// A batch, its features, and what is known of it besides.
pub(super) struct Computed<T> {
    pub(super) batch: Batch,
    pub(super) features: Vec<f32>,
    pub(super) about: T,
}

/// A queue, what was handed to it, and what is known of each batch besides.
pub(super) struct Ahead<'a, T> {
    queue: Box<dyn FeatureQueue + 'a>,
    /// In the order of the batches; after an error comes nothing.
    held: VecDeque<Result<(Batch, T), TrainerError>>,
    /// Nothing comes any more.
    ended: bool,
}

impl<'a, T> Ahead<'a, T> {
    pub(super) fn new(queue: Box<dyn FeatureQueue + 'a>) -> Self {
        Self { queue, held: VecDeque::new(), ended: false }
    }

    /// The oldest batch and its features, after the queue has been filled with what `next` gives. The time that `next` takes
    /// is added to `waited`.
    pub(super) fn next(
        &mut self,
        mut next: impl FnMut() -> Option<Result<(Batch, T), LoaderError>>,
        waited: &mut Duration,
        time: &mut SourceTime,
    ) -> Option<Result<Computed<T>, TrainerError>> {
        while !self.ended && !self.queue.is_full() && self.held.len() < MOST_HELD {
            let start = Instant::now();
            let batch = next();
            *waited += start.elapsed();
            let Some(batch) = batch else {
                self.ended = true;
                break;
            };
            let batch = batch.map_err(TrainerError::from).and_then(|(batch, about)| {
                if !batch.is_empty() {
                    self.queue.submit(&batch, time)?;
                }
                Ok((batch, about))
            });
            let is_empty = matches!(&batch, Ok((batch, _)) if batch.is_empty());
            self.ended = batch.is_err();
            self.held.push_back(batch);
            if is_empty && self.held.len() == 1 {
                break;
            }
        }
        let (batch, about) = match self.held.pop_front()? {
            Ok(held) => held,
            Err(error) => return Some(Err(error)),
        };
        if batch.is_empty() {
            return Some(Ok(Computed { batch, features: Vec::new(), about }));
        }
        let features = self.queue.collect(time)?.and_then(|features| finite(&batch, features));
        Some(features.map(|features| Computed { batch, features, about }))
    }
}

/// Features of a batch that a head can be trained on.
pub(super) fn finite(batch: &Batch, features: Vec<f32>) -> Result<Vec<f32>, TrainerError> {
    if features.iter().all(|value| value.is_finite()) {
        return Ok(features);
    }
    Err(TrainerError::NonFiniteFeatures { pass: batch.epoch, batch: batch.index })
}

impl<T> fmt::Debug for Ahead<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ahead").field("held", &self.held.len()).field("ended", &self.ended).finish_non_exhaustive()
    }
}
