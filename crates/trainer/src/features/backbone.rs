//! Features from a frozen backbone.

use std::collections::VecDeque;
use std::time::Instant;

use xfer_backbones::{Architecture, Backbone, BackboneError, Device, ImageBatch, Pipeline, PixelData, Precision};
use xfer_loader::{Batch, Pixels};
use xfer_telemetry::stage;

use super::{FeatureExtractor, FeatureQueue, OneByOne, SourceTime};
use crate::error::TrainerError;

/// What the features of a backbone depend on but the image; known without its weights being read.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Which network.
    pub architecture: Architecture,
    /// Digest of its weights, batch-norm statistics included.
    pub weights: String,
    /// Epsilon of every batch norm.
    pub batch_norm_epsilon: f64,
    /// Where it runs.
    pub device: Device,
    /// What it computes in.
    pub precision: Precision,
}

impl Identity {
    /// Of a backbone as it is now.
    pub fn of(backbone: &Backbone) -> Self {
        Self {
            architecture: backbone.architecture(),
            weights: backbone.weights().digest().to_owned(),
            batch_norm_epsilon: backbone.epsilon(),
            device: backbone.device(),
            precision: backbone.precision(),
        }
    }

    /// By name, with what this machine adds.
    pub fn describe(&self) -> Vec<(String, String)> {
        let device = if self.device == Device::Cpu { instructions() } else { "cuda" };
        [
            ("backbone", self.architecture.to_string()),
            ("weights", self.weights.clone()),
            ("batch_norm_epsilon", self.batch_norm_epsilon.to_string()),
            ("device", device.to_owned()),
            ("precision", self.precision.name().to_owned()),
            // Another way of computing rounds in another way.
            ("engine", if self.device.has_fused_convolutions() { "fused" } else { "plain" }.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

impl FeatureExtractor for Backbone {
    fn feature_len(&self) -> usize {
        Architecture::FEATURES
    }

    fn identity(&self) -> Vec<(String, String)> {
        Identity::of(self).describe()
    }

    fn extract(&self, batch: &Batch) -> Result<Vec<f32>, TrainerError> {
        self.extract_timed(batch, &mut SourceTime::default())
    }

    fn extract_timed(&self, batch: &Batch, time: &mut SourceTime) -> Result<Vec<f32>, TrainerError> {
        let _span = tracing::trace_span!(stage::FORWARD).entered();
        let (features, took) = self.forward_timed(images(batch)).map_err(failed(place(batch)))?;
        time.upload += took.upload;
        time.forward += took.forward;
        Ok(features.values)
    }

    fn queue(&self) -> Box<dyn FeatureQueue + '_> {
        match self.device() {
            Device::Cpu => Box::new(OneByOne::new(self)),
            _ => Box::new(OnDevice { backbone: self, pipeline: None, places: VecDeque::new() }),
        }
    }
}

/// Batches on a device that works while the next ones are handed in.
#[derive(Debug)]
struct OnDevice<'a> {
    backbone: &'a Backbone,
    /// Made for the first batch.
    pipeline: Option<Pipeline<'a>>,
    /// Pass and index of each batch in it.
    places: VecDeque<(u64, usize)>,
}

impl FeatureQueue for OnDevice<'_> {
    /// What it takes counts as the upload.
    fn submit(&mut self, batch: &Batch, time: &mut SourceTime) -> Result<(), TrainerError> {
        let _span = tracing::trace_span!(stage::UPLOAD).entered();
        let start = Instant::now();
        if self.pipeline.is_none() {
            self.pipeline = Some(self.backbone.pipeline().map_err(failed(place(batch)))?);
        }
        if let Some(pipeline) = &mut self.pipeline {
            pipeline.submit(images(batch)).map_err(failed(place(batch)))?;
            self.places.push_back(place(batch));
        }
        time.upload += start.elapsed();
        Ok(())
    }

    /// What it waits counts as the forward pass.
    fn collect(&mut self, time: &mut SourceTime) -> Option<Result<Vec<f32>, TrainerError>> {
        let _span = tracing::trace_span!(stage::FORWARD).entered();
        let (start, place) = (Instant::now(), self.places.pop_front()?);
        let features = self.pipeline.as_mut()?.collect()?;
        time.forward += start.elapsed();
        Some(features.map(|features| features.values).map_err(failed(place)))
    }

    fn is_full(&self) -> bool {
        self.pipeline.as_ref().is_some_and(Pipeline::is_full)
    }
}

fn images(batch: &Batch) -> ImageBatch<'_> {
    let pixels = match batch.pixels() {
        Pixels::U8(rgb) => PixelData::U8(rgb),
        Pixels::F32(preprocessed) => PixelData::F32(preprocessed),
    };
    ImageBatch { pixels, shape: batch.shape() }
}

fn place(batch: &Batch) -> (u64, usize) {
    (batch.epoch, batch.index)
}

fn failed((pass, batch): (u64, usize)) -> impl Fn(BackboneError) -> TrainerError {
    move |source| TrainerError::Backbone { pass, batch, source }
}

/// The vector instructions that libtorch picks its kernels by: each rounds in its own way.
fn instructions() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return "cpu avx512";
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            return "cpu avx2";
        }
    }
    "cpu"
}
