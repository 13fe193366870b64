//! What the samples of a batch of features should be taken for.

use xfer_loader::{Batch, BatchTargets, Flow};

use crate::loss::Targets;

/// The targets of a batch, owned. See [`Targets`].
#[derive(Clone, Debug, PartialEq)]
pub enum FeatureTargets {
    /// The class of each sample.
    Classes(Vec<u32>),
    /// `[samples, outputs]` row-major, each 0 to 1.
    Values(Vec<f32>),
}

impl FeatureTargets {
    /// Those of a batch of the loader.
    pub(super) fn of_batch(batch: &Batch) -> Self {
        if batch.labels().len() == batch.len() {
            return Self::Classes(batch.labels().to_vec());
        }
        match batch.targets() {
            BatchTargets::Values(targets) => Self::Values(targets.values),
            _ => Self::Classes(Vec::new()),
        }
    }

    /// Those of these samples of a flow whose samples have classes.
    pub(super) fn of_samples(flow: &Flow, samples: &[usize]) -> Self {
        if let Some(labels) = flow.labels() {
            return Self::Classes(samples.iter().map(|&sample| labels[sample]).collect());
        }
        let classes = flow.class_names().len();
        let mut values = vec![0.0; samples.len() * classes];
        for (row, &sample) in values.chunks_exact_mut(classes.max(1)).zip(samples) {
            for &class in flow.classes_of(sample) {
                row[class as usize] = 1.0;
            }
        }
        Self::Values(values)
    }

    /// As a step takes them.
    pub fn as_targets(&self) -> Targets<'_> {
        match self {
            Self::Classes(labels) => Targets::Classes(labels),
            Self::Values(values) => Targets::Values(values),
        }
    }
}
