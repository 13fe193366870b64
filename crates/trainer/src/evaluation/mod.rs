//! How good a model is on photos whose classes are known: what scikit-learn's `classification_report` tells, and how far
//! its probabilities can be believed.

mod calibration;
mod prediction;
mod ranking;
mod scores;

use serde::{Deserialize, Serialize};

use crate::error::TrainerError;
use crate::head::Activation;

pub use calibration::{Calibration, ReliabilityBin};
pub use prediction::Prediction;
pub use ranking::{Confusion, Judged};
pub use scores::{Averages, ClassScores};

/// What the predictions of labelled photos are worth. Shares are `0.0..=1.0`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Class names in label order.
    pub classes: Vec<String>,
    /// Photos that were judged: those with a label.
    pub samples: u64,
    /// Mean cross-entropy of the samples in nats: Keras' `loss` without label smoothing and weights.
    pub loss: f64,
    /// Share of the samples whose most probable class is theirs.
    pub accuracy: f64,
    /// Share of all outputs of all samples on the right side of 0.5, which is what a training of outputs with a sigmoid
    /// calls accuracy; `None` for a softmax.
    pub binary_accuracy: Option<f64>,
    /// Share of the samples whose class is among the most probable ones: for 2, 3, 5 and 10 of them, as far as there are
    /// more classes. Empty for two classes.
    pub top_k: Vec<TopK>,
    /// Samples by their class (row) and what they were taken for (column): scikit-learn's `confusion_matrix`.
    pub confusion: Vec<Vec<u64>>,
    /// Scores of each class, in label order.
    pub per_class: Vec<ClassScores>,
    /// Their plain means over all classes of the model, those without a sample too: scikit-learn's `macro avg` with all
    /// labels named.
    pub macro_average: Averages,
    /// Their means weighted by the samples of each class: scikit-learn's `weighted avg`.
    pub weighted_average: Averages,
    /// How confidence and accuracy go together.
    pub calibration: Calibration,
    /// Pairs of classes that were taken for each other, by how often; [`LISTED`](Self::LISTED) at most.
    pub top_confusions: Vec<Confusion>,
    /// Samples that were taken for another class, the most confident first; [`LISTED`](Self::LISTED) at most.
    pub most_wrong: Vec<Judged>,
    /// Samples by how unsure the model is of them, right or wrong, the least confident first;
    /// [`LISTED`](Self::LISTED) at most.
    pub least_sure: Vec<Judged>,
}

/// Top-k accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopK {
    /// How many of the most probable classes count.
    pub k: usize,
    /// Share of samples with fewer than `k` classes more probable than theirs.
    pub accuracy: f64,
}

impl Evaluation {
    /// Entries that the lists of single samples and of confusions have at most.
    pub const LISTED: usize = 50;

    /// The `k` of [`top_k`](Self::top_k).
    const TOP: [usize; 4] = [2, 3, 5, 10];

    /// Judges predictions of a model with these classes and this activation; those without a label are passed over. Sums
    /// are in f64, in the order of the predictions.
    ///
    /// # Errors
    ///
    /// No prediction has a label; a prediction is not of as many classes.
    pub fn of(classes: &[String], activation: Activation, predictions: &[Prediction]) -> Result<Self, TrainerError> {
        if let Some(other) = predictions.iter().find(|prediction| !prediction.fits(classes.len())) {
            let (path, classes, got) = (other.path.clone(), classes.len(), other.probabilities.len());
            return Err(TrainerError::PredictionClasses { path, classes, got });
        }
        let judged: Vec<(&Prediction, usize)> = predictions.iter().filter_map(Prediction::labelled).collect();
        if judged.is_empty() {
            return Err(TrainerError::NothingJudged);
        }
        let share = |count: usize, of: usize| count as f64 / of as f64;
        let samples = judged.len();
        let confusion = scores::confusion(classes.len(), &judged);
        let per_class = scores::per_class(&confusion);
        let right = judged.iter().filter(|(prediction, label)| prediction.predicted as usize == *label).count();
        let losses = judged.iter().map(|(prediction, _)| f64::from(prediction.loss.unwrap_or_default()));
        let top_k = Self::TOP.into_iter().filter(|&k| k < classes.len()).map(|k| {
            let among = judged.iter().filter(|(prediction, label)| prediction.rank(*label) < k).count();
            TopK { k, accuracy: share(among, samples) }
        });
        Ok(Self {
            samples: samples as u64,
            loss: losses.sum::<f64>() / samples as f64,
            accuracy: share(right, samples),
            binary_accuracy: (activation == Activation::Sigmoid).then(|| {
                let right = judged.iter().map(|(prediction, label)| prediction.right_outputs(*label)).sum();
                share(right, samples * classes.len())
            }),
            top_k: top_k.collect(),
            macro_average: Averages::plain(&per_class),
            weighted_average: Averages::weighted(&per_class),
            calibration: Calibration::of(&judged),
            top_confusions: ranking::top_confusions(&confusion),
            most_wrong: ranking::most_wrong(&judged),
            least_sure: ranking::least_sure(&judged),
            classes: classes.to_vec(),
            confusion,
            per_class,
        })
    }
}

#[cfg(test)]
mod tests;
