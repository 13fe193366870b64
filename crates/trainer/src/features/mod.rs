//! Where the feature vectors that a head is trained on come from.

mod ahead;
mod backbone;
pub mod cache;
mod deferred;
mod file;
mod recording;
mod targets;

use std::fmt;
use std::time::{Duration, Instant};

use xfer_loader::{Batch, LoaderError};

use crate::error::TrainerError;
use crate::learner::Samples;
use ahead::{Ahead, Computed};

pub use ahead::{FeatureQueue, OneByOne};
pub use backbone::Identity;
pub use deferred::Deferred;
pub use file::FeatureFile;
pub use recording::{FeatureRows, Recording, Replay};
pub use targets::FeatureTargets;

/// Makes one feature vector of each image.
pub trait FeatureExtractor {
    /// Length of a feature vector.
    fn feature_len(&self) -> usize;

    /// All that the features of an image depend on, by name: extractors that say the same make the same features.
    fn identity(&self) -> Vec<(String, String)>;

    /// The features of a batch, `[samples, feature_len]` row-major.
    ///
    /// # Errors
    ///
    /// The extractor's own.
    fn extract(&self, batch: &Batch) -> Result<Vec<f32>, TrainerError>;

    /// As [`extract`](Self::extract), and adds to `time` where the time went: all of it to `forward`, unless the extractor
    /// knows better.
    ///
    /// # Errors
    ///
    /// As [`extract`](Self::extract).
    fn extract_timed(&self, batch: &Batch, time: &mut SourceTime) -> Result<Vec<f32>, TrainerError> {
        let start = Instant::now();
        let features = self.extract(batch);
        time.forward += start.elapsed();
        features
    }

    /// A queue for batches whose features are not needed at once; one at a time, unless the extractor knows better.
    fn queue(&self) -> Box<dyn FeatureQueue + '_> {
        Box::new(OneByOne::new(self))
    }
}

/// Where the time of a [`FeatureSource`] went so far, besides waiting for the loader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceTime {
    /// Batches to the device.
    pub upload: Duration,
    /// Pixels to features.
    pub forward: Duration,
    /// Features out of a cache.
    pub cache: Duration,
}

/// Features and targets of one batch: what a step needs. A batch whose photos were all left out is empty.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureBatch {
    /// `[samples, feature_len]` row-major.
    pub features: Vec<f32>,
    /// What each sample should be taken for.
    pub targets: FeatureTargets,
    /// A factor of each sample's loss, where samples have weights.
    pub weights: Option<Vec<f32>>,
    /// Each sample's place in the index of its [`Flow`](xfer_loader::Flow).
    pub sample_indices: Vec<usize>,
    /// The pass over the data that the batch belongs to, from 0.
    pub pass: u64,
    /// Its place in that pass, from 0.
    pub index: usize,
    /// How long the loader kept its consumer waiting for the batch.
    pub waited: Duration,
}

impl FeatureBatch {
    /// What a step takes.
    pub fn samples(&self) -> Samples<'_> {
        let (features, targets) = (&*self.features, self.targets.as_targets());
        Samples { features, targets, weights: self.weights.as_deref() }
    }
}

/// Batches of features in the order of training. [`fit`](crate::Fit) knows no more of where they come from.
pub trait FeatureSource {
    /// The next batch; `None` when there are no more.
    fn next_batch(&mut self) -> Option<Result<FeatureBatch, TrainerError>>;

    /// Where its time went so far; nowhere, unless the source knows better.
    fn time(&self) -> SourceTime {
        SourceTime::default()
    }
}

/// Features computed from the loader's batches as they come, as many ahead as the extractor's
/// [queue](FeatureExtractor::queue) takes.
pub struct Extracted<'a, I> {
    batches: I,
    ahead: Ahead<'a, ()>,
    time: SourceTime,
}

impl<'a, I> Extracted<'a, I>
where
    I: Iterator<Item = Result<Batch, LoaderError>>,
{
    /// Features of `batches`, in their order.
    pub fn new<E: FeatureExtractor + ?Sized>(batches: I, extractor: &'a E) -> Self {
        Self { batches, ahead: Ahead::new(extractor.queue()), time: SourceTime::default() }
    }
}

impl<I> FeatureSource for Extracted<'_, I>
where
    I: Iterator<Item = Result<Batch, LoaderError>>,
{
    fn next_batch(&mut self) -> Option<Result<FeatureBatch, TrainerError>> {
        let mut waited = Duration::ZERO;
        let batches = &mut self.batches;
        let next = || Some(batches.next()?.map(|batch| (batch, ())));
        let Computed { batch, features, .. } = match self.ahead.next(next, &mut waited, &mut self.time)? {
            Ok(computed) => computed,
            Err(error) => return Some(Err(error)),
        };
        let (targets, weights) = (FeatureTargets::of_batch(&batch), batch.weights());
        Some(Ok(FeatureBatch {
            features,
            targets,
            weights,
            sample_indices: batch.sample_indices().to_vec(),
            pass: batch.epoch,
            index: batch.index,
            waited,
        }))
    }

    fn time(&self) -> SourceTime {
        self.time
    }
}

impl<I> fmt::Debug for Extracted<'_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extracted").finish_non_exhaustive()
    }
}
