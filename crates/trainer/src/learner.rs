//! One step of training or validation: features and labels -> loss, and a better head.

use crate::error::TrainerError;
use crate::head::Head;
use crate::loss::softmax_cross_entropy;
use crate::optimizer::{Optimizer, Parameter};

/// A head and what trains it.
#[derive(Debug)]
pub struct Learner {
    /// What is trained.
    pub head: Head,
    /// How.
    pub optimizer: Box<dyn Optimizer>,
}

/// What a head made of one batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchResult {
    /// Mean loss of the batch's samples, with the weights that the step began with.
    pub loss: f32,
    /// Samples classified correctly, with those same weights.
    pub correct: usize,
    /// Samples.
    pub samples: usize,
}

impl Learner {
    /// Trains on a batch: `features` is `[rows, features]` f32, with one label a row.
    ///
    /// # Errors
    ///
    /// Features, labels and head do not fit each other.
    pub fn train_step(&mut self, features: &[f32], labels: &[u32]) -> Result<BatchResult, TrainerError> {
        let logits = self.head.logits(features)?;
        let result = softmax_cross_entropy(&logits, labels, self.head.classes())?;
        let gradients = self.head.gradients(features, &result.logit_gradient);
        let [rows, bias] = self.head.parameters_mut();
        self.optimizer.step(&mut [
            Parameter { values: rows, gradient: &gradients.rows },
            Parameter { values: bias, gradient: &gradients.bias },
        ]);
        Ok(BatchResult { loss: result.loss, correct: result.correct, samples: labels.len() })
    }

    /// Judges a batch and changes nothing.
    ///
    /// # Errors
    ///
    /// As [`train_step`](Self::train_step).
    pub fn evaluate(&self, features: &[f32], labels: &[u32]) -> Result<BatchResult, TrainerError> {
        let logits = self.head.logits(features)?;
        let result = softmax_cross_entropy(&logits, labels, self.head.classes())?;
        Ok(BatchResult { loss: result.loss, correct: result.correct, samples: labels.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::Sgd;

    fn learner() -> Learner {
        let head = Head::glorot_uniform(4, 2, 7).unwrap();
        Learner { head, optimizer: Box::new(Sgd::new(0.5)) }
    }

    const FEATURES: [f32; 12] = [1.0, 0.0, 0.2, 0.1, 0.9, 0.1, 0.0, 0.3, 0.0, 1.0, 0.1, 0.2];

    #[test]
    fn a_step_reports_the_loss_from_before_it_and_lowers_it() {
        let mut learner = learner();
        let before = learner.evaluate(&FEATURES, &[0, 0, 1]).unwrap();
        assert_eq!(learner.train_step(&FEATURES, &[0, 0, 1]).unwrap(), before);
        assert!(learner.evaluate(&FEATURES, &[0, 0, 1]).unwrap().loss < before.loss);
    }

    #[test]
    fn evaluation_changes_nothing() {
        let learner = learner();
        let head = learner.head.clone();
        learner.evaluate(&FEATURES, &[0, 0, 1]).unwrap();
        assert_eq!(learner.head, head);
    }
}
