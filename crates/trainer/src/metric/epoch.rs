//! The metrics of an epoch, fed batch by batch.

use std::borrow::Cow;

use super::{Accuracy, Auc, Mean, Metric, Precision, Recall, RocAuc};
use crate::error::TrainerError;
use crate::history::{LOSS, Logs};
use crate::loss::{Judgement, Targets};
use crate::state::State;

/// The loss and every metric of an epoch so far. [`Learner::count`](crate::Learner::count) adds a batch.
#[derive(Clone, Debug)]
pub struct EpochMetrics {
    loss: Mean,
    metrics: Vec<(Metric, Running)>,
    targets: Vec<f32>,
}

#[derive(Clone, Debug)]
enum Running {
    Accuracy(Accuracy),
    TopK(usize, Accuracy),
    Auc(Box<Auc>),
    RocAuc(RocAuc),
    Precision(Precision),
    Recall(Recall),
}

/// A batch that was judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) judgement: &'a Judgement,
    pub(crate) targets: Targets<'a>,
    pub(crate) samples: usize,
    pub(crate) outputs: usize,
}

impl EpochMetrics {
    /// The loss and these, of nothing yet.
    pub fn new(metrics: &[Metric]) -> Self {
        let running = |&metric| {
            let running = match metric {
                Metric::Accuracy => Running::Accuracy(Accuracy::default()),
                Metric::TopK(k) => Running::TopK(k, Accuracy::default()),
                Metric::Auc => Running::Auc(Box::default()),
                Metric::RocAuc => Running::RocAuc(RocAuc::default()),
                Metric::Precision => Running::Precision(Precision::default()),
                Metric::Recall => Running::Recall(Recall::default()),
            };
            (metric, running)
        };
        Self { loss: Mean::default(), metrics: metrics.iter().map(running).collect(), targets: Vec::new() }
    }

    /// Adds a batch.
    pub(crate) fn update(&mut self, batch: &Seen<'_>) {
        let Judgement { loss, correct, decisions, probabilities, .. } = batch.judgement;
        self.loss.update(*loss, batch.samples);
        for (_, running) in &mut self.metrics {
            if let Running::Accuracy(accuracy) = running {
                accuracy.update(*correct, *decisions);
                continue;
            }
            for (index, row) in probabilities.chunks_exact(batch.outputs).enumerate() {
                batch.targets.write(index, batch.outputs, &mut self.targets);
                running.add(row, &self.targets);
            }
        }
    }

    /// All that was added, by the name of each metric.
    pub fn state(&self) -> State {
        let mut state = State::default();
        state.set_floats(LOSS, &self.loss.sums());
        for (metric, running) in &self.metrics {
            let name = metric.name();
            match running {
                Running::Accuracy(accuracy) | Running::TopK(_, accuracy) => state.set_floats(name, &accuracy.sums()),
                Running::Precision(precision) => state.set_floats(name, &precision.sums()),
                Running::Recall(recall) => state.set_floats(name, &recall.sums()),
                Running::Auc(auc) => set_pair(&mut state, &name, auc.counts()),
                Running::RocAuc(auc) => set_pair(&mut state, &name, auc.probabilities()),
            }
        }
        state
    }

    /// Goes on from a state of the same metrics.
    ///
    /// # Errors
    ///
    /// The state lacks one.
    pub fn restore(&mut self, state: &State) -> Result<(), TrainerError> {
        let pair = |name: &str| state.floats(name, 2).map(|sums| [sums[0], sums[1]]);
        let loss = Mean::from_sums(pair(LOSS)?);
        let mut metrics = Vec::with_capacity(self.metrics.len());
        for &(metric, ref running) in &self.metrics {
            let name = metric.name();
            let halves = || -> Result<_, TrainerError> {
                Ok((state.all_floats(&format!("{name}/positive"))?, state.all_floats(&format!("{name}/negative"))?))
            };
            let restored = match running {
                Running::Accuracy(_) => Running::Accuracy(Accuracy::from_sums(pair(&name)?)),
                Running::TopK(k, _) => Running::TopK(*k, Accuracy::from_sums(pair(&name)?)),
                Running::Precision(_) => Running::Precision(Precision::from_sums(pair(&name)?)),
                Running::Recall(_) => Running::Recall(Recall::from_sums(pair(&name)?)),
                Running::RocAuc(_) => {
                    let (positive, negative) = halves()?;
                    Running::RocAuc(RocAuc::from_probabilities(positive, negative))
                }
                Running::Auc(_) => {
                    let (positive, negative) = halves()?;
                    let auc = Auc::from_counts(positive, negative).ok_or_else(|| TrainerError::State {
                        name: name.clone().into_owned(),
                        expected: "a count for each threshold".to_owned(),
                        got: format!("{} and {}", positive.len(), negative.len()),
                    })?;
                    Running::Auc(Box::new(auc))
                }
            };
            metrics.push((metric, restored));
        }
        (self.loss, self.metrics) = (loss, metrics);
        Ok(())
    }

    /// The values so far, by name.
    pub fn logs(&self) -> Logs {
        let mut logs: Logs = self.metrics.iter().map(|(metric, running)| (metric.name(), running.result())).collect();
        logs.insert(Cow::Borrowed(LOSS), self.loss.result());
        logs
    }
}

fn set_pair(state: &mut State, name: &str, [positive, negative]: [&[f32]; 2]) {
    state.set_floats(format!("{name}/positive"), positive);
    state.set_floats(format!("{name}/negative"), negative);
}

impl Running {
    fn add(&mut self, probabilities: &[f32], targets: &[f32]) {
        let each = probabilities.iter().zip(targets).map(|(&probability, &target)| (probability, target != 0.0));
        match self {
            Self::Accuracy(_) => {}
            Self::TopK(k, accuracy) => accuracy.update(usize::from(in_top(*k, probabilities, targets)), 1),
            Self::Auc(auc) => each.for_each(|(probability, positive)| auc.update(probability, positive)),
            Self::RocAuc(auc) => each.for_each(|(probability, positive)| auc.update(probability, positive)),
            Self::Precision(precision) => {
                each.for_each(|(probability, positive)| precision.update(probability, positive));
            }
            Self::Recall(recall) => each.for_each(|(probability, positive)| recall.update(probability, positive)),
        }
    }

    fn result(&self) -> f32 {
        match self {
            Self::Accuracy(accuracy) | Self::TopK(_, accuracy) => accuracy.result(),
            Self::Auc(auc) => auc.result(),
            Self::RocAuc(auc) => auc.result(),
            Self::Precision(precision) => precision.result(),
            Self::Recall(recall) => recall.result(),
        }
    }
}

/// TensorFlow's `in_top_k`: fewer than `k` classes are more probable than that of the largest target; never where
/// a probability is not a number.
fn in_top(k: usize, probabilities: &[f32], targets: &[f32]) -> bool {
    let max = targets.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let Some(class) = targets.iter().position(|&target| target == max) else { return false };
    probabilities.iter().all(|p| p.is_finite())
        && probabilities.iter().filter(|&&p| p > probabilities[class]).count() < k
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Activation;
    use crate::loss::{Judged, Loss};

    #[test]
    fn every_metric_has_its_value() {
        let kinds = [Metric::Accuracy, Metric::TopK(2), Metric::Auc, Metric::Precision, Metric::Recall, Metric::RocAuc];
        let mut epoch = EpochMetrics::new(&kinds);
        let logits = [2.0, 1.0, 0.0, 0.0, 3.0, 0.0, 1.0, 0.5, 0.0];
        for labels in [[0, 1, 2], [1, 0, 0]] {
            let targets = Targets::Classes(&labels);
            let (mut judgement, outputs) = (Judgement::default(), 3);
            let activation = Activation::Softmax;
            let batch = Judged { activation, outputs, logits: &logits, targets, weights: None, training: false };
            Loss::default().judge(&batch, &mut judgement).unwrap();
            epoch.update(&Seen { judgement: &judgement, targets, samples: 3, outputs });
        }
        let logs = epoch.logs();
        assert_eq!(logs["accuracy"], 3.0 / 6.0);
        assert_eq!(logs["top_2_accuracy"], 5.0 / 6.0);
        // Above 0.5: 0.665 and 0.909 of both batches and 0.506 of both; right are three.
        assert_eq!(logs["precision"], 3.0 / 6.0);
        assert_eq!(logs["recall"], 3.0 / 6.0);
        assert!((logs["auc"] - logs["roc_auc"]).abs() < 0.02, "{logs:?}");
        assert!(logs["loss"] > 0.0);
        let mut again = EpochMetrics::new(&kinds);
        again.restore(&epoch.state()).unwrap();
        assert_eq!(again.logs(), logs);
        assert!(again.restore(&State::default()).is_err());
    }

    #[test]
    fn equals_do_not_push_a_class_out_of_the_top() {
        assert!(in_top(1, &[0.5, 0.5], &[0.0, 1.0]));
        assert!(!in_top(1, &[0.6, 0.4], &[0.0, 1.0]));
        assert!(!in_top(2, &[f32::NAN, 0.4], &[0.0, 1.0]));
    }
}
