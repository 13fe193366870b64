//! A backbone that is read and laid out only when there is something to compute.

use std::fmt;
use std::sync::OnceLock;

use xfer_backbones::{Architecture, Backbone, BackboneError};
use xfer_loader::Batch;

use super::{FeatureExtractor, FeatureQueue, Identity, SourceTime};
use crate::error::TrainerError;

/// A backbone of which is known what it computes, and that is opened with the first batch: where every feature is in the
/// cache, never.
pub struct Deferred {
    identity: Identity,
    open: Box<Open>,
    opened: OnceLock<Backbone>,
}

type Open = dyn Fn() -> Result<Backbone, BackboneError>;

impl Deferred {
    /// The backbone that `open` gives, which is that of `identity`.
    pub fn new(identity: Identity, open: impl Fn() -> Result<Backbone, BackboneError> + 'static) -> Self {
        Self { identity, open: Box::new(open), opened: OnceLock::new() }
    }

    /// What it computes.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The backbone, opened if it has not been.
    ///
    /// # Errors
    ///
    /// Those of opening it, or it is another one by now: its weights have changed since they were looked at.
    pub fn backbone(&self) -> Result<&Backbone, BackboneError> {
        if let Some(backbone) = self.opened.get() {
            return Ok(backbone);
        }
        let backbone = (self.open)()?;
        let (expected, got) = (self.identity.clone(), Identity::of(&backbone));
        if got != expected {
            return Err(BackboneError::WeightsChanged { expected: expected.weights, got: got.weights });
        }
        Ok(self.opened.get_or_init(|| backbone))
    }

    fn backbone_for(&self, batch: &Batch) -> Result<&Backbone, TrainerError> {
        let (pass, batch) = (batch.epoch, batch.index);
        self.backbone().map_err(|source| TrainerError::Backbone { pass, batch, source })
    }
}

impl From<Backbone> for Deferred {
    /// One that is open already.
    fn from(backbone: Backbone) -> Self {
        let identity = Identity::of(&backbone);
        let missing = || Err(BackboneError::WeightsChanged { expected: String::new(), got: String::new() });
        Self { identity, open: Box::new(missing), opened: OnceLock::from(backbone) }
    }
}

impl FeatureExtractor for Deferred {
    fn feature_len(&self) -> usize {
        Architecture::FEATURES
    }

    fn identity(&self) -> Vec<(String, String)> {
        self.identity.describe()
    }

    fn extract(&self, batch: &Batch) -> Result<Vec<f32>, TrainerError> {
        self.backbone_for(batch)?.extract(batch)
    }

    fn extract_timed(&self, batch: &Batch, time: &mut SourceTime) -> Result<Vec<f32>, TrainerError> {
        self.backbone_for(batch)?.extract_timed(batch, time)
    }

    fn queue(&self) -> Box<dyn FeatureQueue + '_> {
        Box::new(Opening { network: self, queue: None })
    }
}

/// The backbone's queue, once there is a batch for it.
struct Opening<'a> {
    network: &'a Deferred,
    queue: Option<Box<dyn FeatureQueue + 'a>>,
}

impl FeatureQueue for Opening<'_> {
    fn submit(&mut self, batch: &Batch, time: &mut SourceTime) -> Result<(), TrainerError> {
        if let Some(queue) = &mut self.queue {
            return queue.submit(batch, time);
        }
        let backbone = self.network.backbone_for(batch)?;
        self.queue.insert(backbone.queue()).submit(batch, time)
    }

    fn collect(&mut self, time: &mut SourceTime) -> Option<Result<Vec<f32>, TrainerError>> {
        self.queue.as_mut()?.collect(time)
    }

    fn is_full(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.is_full())
    }
}

impl fmt::Debug for Deferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deferred")
            .field("identity", &self.identity)
            .field("opened", &self.opened)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xfer_backbones::{Device, Weights};

    fn open(seed: u64) -> Result<Backbone, BackboneError> {
        Backbone::new(&Weights::random(Architecture::ResNet50, seed), None, Device::Cpu)
    }

    #[test]
    fn weights_that_changed_in_between_are_refused() {
        let identity = Identity::of(&open(1).unwrap());
        assert!(Deferred::new(identity.clone(), || open(1)).backbone().is_ok());
        let error = Deferred::new(identity, || open(2)).backbone().unwrap_err();
        assert!(error.to_string().contains("the weights have changed since the run began"), "{error}");
    }

    #[test]
    fn it_says_of_itself_what_the_backbone_says() {
        let backbone = open(1).unwrap();
        let expected = FeatureExtractor::identity(&backbone);
        assert_eq!(FeatureExtractor::identity(&Deferred::from(backbone)), expected);
    }
}
