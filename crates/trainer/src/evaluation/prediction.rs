//! What a model makes of one photo.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::TrainerError;
use crate::head::{Activation, Head, sigmoid};
use crate::loss::{self, Judgement, Loss, Targets};

/// What a model makes of one photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The photo.
    pub path: PathBuf,
    /// Its class, where that is known.
    pub label: Option<u32>,
    /// The class that it is taken for: the first of the most probable ones.
    pub predicted: u32,
    /// Probability of each class, `[classes]`, each `0.0..=1.0`. They add up to 1, but for heads of several outputs with
    /// a sigmoid. One output with a sigmoid is the probability of the second class.
    pub probabilities: Vec<f32>,
    /// Cross-entropy in nats, from the logits, so that it is finite for a probability of 0; `None` without a label.
    pub loss: Option<f32>,
}

impl Prediction {
    /// What `head` makes of `features` (`[photos, features]`, row-major): a prediction for each of `photos`, in order.
    ///
    /// # Errors
    ///
    /// Features are not as many as photos, a label is no class, or an output is not finite.
    pub fn all(
        head: &Head,
        features: &[f32],
        photos: impl IntoIterator<Item = (PathBuf, Option<u32>)>,
    ) -> Result<Vec<Self>, TrainerError> {
        let logits = head.logits(features)?;
        let mut rows = logits.chunks_exact(head.outputs());
        let mut judgement = Judgement::default();
        let mut predictions = Vec::with_capacity(rows.len());
        for (path, label) in photos {
            let Some(logits) = rows.next() else {
                let got = features.len();
                return Err(TrainerError::FeatureLength { expected: head.features(), got });
            };
            predictions.push(Self::of(path, label, head.activation(), logits, &mut judgement)?);
        }
        match rows.next() {
            None => Ok(predictions),
            Some(_) => Err(TrainerError::FeatureLength { expected: head.features(), got: features.len() }),
        }
    }

    /// What `logits`, the outputs of a head for one photo before its activation, say.
    ///
    /// # Errors
    ///
    /// The label is no class, or an output is not finite.
    pub fn from_logits(
        path: &Path,
        label: Option<u32>,
        activation: Activation,
        logits: &[f32],
    ) -> Result<Self, TrainerError> {
        Self::of(path.to_owned(), label, activation, logits, &mut Judgement::default())
    }

    fn of(
        path: PathBuf,
        label: Option<u32>,
        activation: Activation,
        logits: &[f32],
        judgement: &mut Judgement,
    ) -> Result<Self, TrainerError> {
        let finite = logits.iter().all(|logit| logit.is_finite());
        let Some(largest) = loss::largest(logits).filter(|_| finite) else {
            return Err(TrainerError::NonFiniteOutputs { path });
        };
        let loss = match label {
            Some(label) => {
                let (outputs, targets) = (logits.len(), Targets::Classes(&[label]));
                let batch = loss::Judged { activation, outputs, logits, targets, weights: None, training: false };
                Loss::default().judge(&batch, judgement)?;
                Some(judgement.loss)
            }
            None => None,
        };
        let (predicted, probabilities) = match (activation, logits) {
            (Activation::Sigmoid, &[logit]) => {
                let [first, second] = [sigmoid(-logit), sigmoid(logit)];
                (usize::from(second > 0.5), vec![first, second])
            }
            _ => {
                let mut probabilities = logits.to_vec();
                activation.apply(&mut probabilities);
                (largest, probabilities)
            }
        };
        Ok(Self { path, label, predicted: predicted as u32, probabilities, loss })
    }

    /// Probability of the class that the photo is taken for.
    pub fn confidence(&self) -> f32 {
        self.probabilities.get(self.predicted as usize).copied().unwrap_or_default()
    }

    /// The classes, the most probable first; of equals the first first, but for the one that the photo is taken for.
    pub fn ranked(&self) -> Vec<u32> {
        let mut classes: Vec<u32> = (0..self.probabilities.len() as u32).collect();
        let probability = |class: u32| self.probabilities[class as usize];
        classes.sort_by(|&a, &b| {
            probability(b).total_cmp(&probability(a)).then((b == self.predicted).cmp(&(a == self.predicted)))
        });
        classes
    }

    /// How many classes are more probable than `class`.
    pub(super) fn rank(&self, class: usize) -> usize {
        self.probabilities.iter().filter(|&&other| other > self.probabilities[class]).count()
    }

    /// Outputs on the right side of 0.5, of a sample of one class.
    pub(super) fn right_outputs(&self, label: usize) -> usize {
        let right = |(class, &probability): (usize, &f32)| (probability > 0.5) == (class == label);
        self.probabilities.iter().enumerate().filter(|&output| right(output)).count()
    }

    pub(super) fn labelled(&self) -> Option<(&Self, usize)> {
        self.label.map(|label| (self, label as usize))
    }

    /// Whether it is of a model with so many classes, and its label and what it is taken for are among them.
    pub(super) fn fits(&self, classes: usize) -> bool {
        let is_class = |class: u32| (class as usize) < classes;
        self.probabilities.len() == classes && is_class(self.predicted) && self.label.is_none_or(is_class)
    }
}
