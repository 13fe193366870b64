//! Features from a frozen backbone.

use xfer_backbones::{Architecture, Backbone, ImageBatch, PixelData};
use xfer_loader::{Batch, Pixels};

use super::FeatureExtractor;
use crate::error::TrainerError;

impl FeatureExtractor for Backbone {
    fn feature_len(&self) -> usize {
        Architecture::FEATURES
    }

    fn extract(&self, batch: &Batch) -> Result<Vec<f32>, TrainerError> {
        let pixels = match batch.pixels() {
            Pixels::U8(rgb) => PixelData::U8(rgb),
            Pixels::F32(preprocessed) => PixelData::F32(preprocessed),
        };
        let features = self.forward(ImageBatch { pixels, shape: batch.shape() });
        let features =
            features.map_err(|source| TrainerError::Backbone { pass: batch.epoch, batch: batch.index, source })?;
        Ok(features.values)
    }
}
