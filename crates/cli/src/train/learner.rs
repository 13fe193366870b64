//! The head that is trained, and how.

use xfer_backbones::Architecture;
use xfer_loader::Flow;
use xfer_trainer::{Learner, OptimizerConfig};

use super::TrainConfig;

/// A fresh learner for the classes of `training`.
pub(super) fn learner(config: &TrainConfig, training: &Flow, optimizer: &OptimizerConfig) -> anyhow::Result<Learner> {
    let classes = training.class_names();
    let single = training.labels().is_some();
    let head = config.head.head(Architecture::FEATURES, classes, single, config.seed)?;
    let mut learner = Learner::new(head, optimizer.build()?);
    learner.loss = config.head.loss(classes, &class_counts(training))?;
    learner.dropout = config.head.dropout(config.seed)?;
    learner.metrics.clone_from(&config.head.metrics);
    Ok(learner)
}

/// Samples of each class, in label order.
pub(super) fn class_counts(flow: &Flow) -> Vec<usize> {
    let mut counts = vec![0; flow.class_names().len()];
    for sample in 0..flow.samples() {
        for &class in flow.classes_of(sample) {
            counts[class as usize] += 1;
        }
    }
    counts
}
