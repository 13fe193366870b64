//! Batches of features that are kept in memory, to be trained on again and again.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

use super::{FeatureBatch, FeatureSource, FeatureTargets};
use crate::error::TrainerError;

/// Feature vectors by number; equal ones are there once, so that epochs that see the same photos take no more memory
/// than one.
#[derive(Clone, Debug, Default)]
pub struct FeatureRows {
    rows: Vec<f32>,
    len: usize,
    /// Numbers of the rows with a hash.
    by_hash: HashMap<u64, Vec<u32>>,
}

/// Batches whose vectors are in a [`FeatureRows`].
#[derive(Clone, Debug, Default)]
pub struct Recording {
    batches: Vec<RecordedBatch>,
}

#[derive(Clone, Debug)]
struct RecordedBatch {
    rows: Vec<u32>,
    targets: FeatureTargets,
    weights: Option<Vec<f32>>,
    sample_indices: Vec<usize>,
    pass: u64,
    index: usize,
}

/// A recording from its beginning.
#[derive(Clone, Debug)]
pub struct Replay<'a> {
    rows: &'a FeatureRows,
    batches: std::slice::Iter<'a, RecordedBatch>,
}

impl FeatureRows {
    /// No rows yet, of vectors of `feature_len` values.
    pub fn new(feature_len: usize) -> Self {
        Self { len: feature_len, ..Self::default() }
    }

    /// How many different vectors there are.
    pub fn count(&self) -> usize {
        self.rows.len().checked_div(self.len).unwrap_or_default()
    }

    /// Takes every batch of `source`; `taken` hears of the samples of each.
    ///
    /// # Errors
    ///
    /// The source's own; a vector has another length.
    pub fn record(
        &mut self,
        source: &mut dyn FeatureSource,
        mut taken: impl FnMut(usize),
    ) -> Result<Recording, TrainerError> {
        let mut recording = Recording::default();
        while let Some(batch) = source.next_batch() {
            let batch = batch?;
            if self.len == 0 || !batch.features.len().is_multiple_of(self.len) {
                return Err(TrainerError::FeatureLength { expected: self.len, got: batch.features.len() });
            }
            let rows: Vec<u32> = batch.features.chunks_exact(self.len).map(|row| self.number(row)).collect();
            taken(rows.len());
            let FeatureBatch { targets, weights, sample_indices, pass, index, .. } = batch;
            recording.batches.push(RecordedBatch { rows, targets, weights, sample_indices, pass, index });
        }
        Ok(recording)
    }

    /// The batches of a recording that was made with these rows.
    pub fn replay<'a>(&'a self, recording: &'a Recording) -> Replay<'a> {
        Replay { rows: self, batches: recording.batches.iter() }
    }

    fn row(&self, number: u32) -> &[f32] {
        let start = number as usize * self.len;
        &self.rows[start..start + self.len]
    }

    /// The number of `row`, which joins where there is none like it.
    fn number(&mut self, row: &[f32]) -> u32 {
        let bytes: &[u8] = bytemuck::cast_slice(row);
        let mut hash = DefaultHasher::new();
        hash.write(bytes);
        let hash = hash.finish();
        let alike = self.by_hash.get(&hash).into_iter().flatten().copied();
        // By bits: 0 and -0 are not the same vector, and one that is not a number is the same as itself.
        if let Some(number) =
            alike.into_iter().find(|&number| bytemuck::cast_slice::<f32, u8>(self.row(number)) == bytes)
        {
            return number;
        }
        let number = self.count() as u32;
        self.rows.extend_from_slice(row);
        self.by_hash.entry(hash).or_default().push(number);
        number
    }
}

impl Recording {
    /// Number of batches.
    pub fn batches(&self) -> usize {
        self.batches.len()
    }
}

impl FeatureSource for Replay<'_> {
    fn next_batch(&mut self) -> Option<Result<FeatureBatch, TrainerError>> {
        let batch = self.batches.next()?;
        let mut features = Vec::with_capacity(batch.rows.len() * self.rows.len);
        batch.rows.iter().for_each(|&row| features.extend_from_slice(self.rows.row(row)));
        Some(Ok(FeatureBatch {
            features,
            targets: batch.targets.clone(),
            weights: batch.weights.clone(),
            sample_indices: batch.sample_indices.clone(),
            pass: batch.pass,
            index: batch.index,
            waited: Duration::ZERO,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Given(std::vec::IntoIter<FeatureBatch>);

    impl FeatureSource for Given {
        fn next_batch(&mut self) -> Option<Result<FeatureBatch, TrainerError>> {
            self.0.next().map(Ok)
        }
    }

    fn batch(features: &[f32], pass: u64) -> FeatureBatch {
        let samples = features.len() / 2;
        FeatureBatch {
            features: features.to_vec(),
            targets: FeatureTargets::Classes((0..samples as u32).collect()),
            weights: (pass == 1).then(|| vec![0.5; samples]),
            sample_indices: (0..samples).collect(),
            pass,
            index: 3,
            waited: Duration::ZERO,
        }
    }

    #[test]
    fn what_is_replayed_is_what_was_recorded_and_equal_rows_are_kept_once() {
        let batches =
            vec![batch(&[1.0, 2.0, 3.0, 4.0, 0.0, 1.0], 0), batch(&[], 0), batch(&[3.0, 4.0, -0.0, 1.0, 1.0, 2.0], 1)];
        let mut rows = FeatureRows::new(2);
        let mut taken = Vec::new();
        let recording = rows.record(&mut Given(batches.clone().into_iter()), |samples| taken.push(samples)).unwrap();
        assert_eq!((recording.batches(), rows.count(), taken), (3, 4, vec![3, 0, 3]));
        for _ in 0..2 {
            let mut replay = rows.replay(&recording);
            for expected in &batches {
                let got = replay.next_batch().unwrap().unwrap();
                assert_eq!(&got, expected);
                let bits = |batch: &FeatureBatch| batch.features.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&got), bits(expected));
            }
            assert!(replay.next_batch().is_none());
        }
    }

    #[test]
    fn vectors_of_another_length_are_refused() {
        let mut rows = FeatureRows::new(4);
        let refused = rows.record(&mut Given(vec![batch(&[1.0, 2.0], 0)].into_iter()), |_| {});
        assert!(matches!(refused, Err(TrainerError::FeatureLength { expected: 4, got: 2 })));
    }
}
