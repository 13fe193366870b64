//! One step of training or validation: features and targets -> loss, and a better head.

use crate::error::TrainerError;
use crate::head::{Dropout, Head, Pass};
use crate::loss::{Judged, Judgement, Loss, Targets};
use crate::metric::{EpochMetrics, Metric, Seen};
use crate::optimizer::{Optimizer, Parameter};
use crate::state::State;

/// A head and what trains it: Keras' compiled model.
#[derive(Debug)]
pub struct Learner {
    /// What is trained.
    pub head: Head,
    /// How.
    pub optimizer: Box<dyn Optimizer>,
    /// Against what.
    pub loss: Loss,
    /// What is dropped before the last layer in training.
    pub dropout: Option<Dropout>,
    /// What an epoch is judged by besides the loss; accuracy, to begin with.
    pub metrics: Vec<Metric>,
    pass: Pass,
    judgement: Judgement,
}

/// A batch to learn from or to judge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Samples<'a> {
    /// `[rows, features]` f32.
    pub features: &'a [f32],
    /// What each should be taken for.
    pub targets: Targets<'a>,
    /// A factor of each sample's loss. The loss of the batch is the sum over the number of samples all the same.
    pub weights: Option<&'a [f32]>,
}

/// What a head made of one batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchResult {
    /// Mean loss of the batch's samples, with the weights that the step began with.
    pub loss: f32,
    /// Decisions that were right, with those same weights.
    pub correct: usize,
    /// Decisions: one a sample with a softmax, one an output of each sample with a sigmoid.
    pub decisions: usize,
    /// Samples.
    pub samples: usize,
}

impl Learner {
    /// Trains `head` against plain cross-entropy, without dropout.
    pub fn new(head: Head, optimizer: Box<dyn Optimizer>) -> Self {
        let (pass, judgement) = (Pass::default(), Judgement::default());
        let metrics = vec![Metric::Accuracy];
        Self { head, optimizer, loss: Loss::default(), dropout: None, metrics, pass, judgement }
    }

    /// Trains on a batch: `features` is `[rows, features]` f32, with the class of each row.
    ///
    /// # Errors
    ///
    /// Features, labels and head do not fit each other.
    pub fn train_step(&mut self, features: &[f32], labels: &[u32]) -> Result<BatchResult, TrainerError> {
        self.train(&Samples { features, targets: Targets::Classes(labels), weights: None })
    }

    /// Trains on a batch. Nothing is changed where it fails.
    ///
    /// # Errors
    ///
    /// Features, targets, weights and head do not fit each other.
    pub fn train(&mut self, samples: &Samples<'_>) -> Result<BatchResult, TrainerError> {
        let step = self.optimizer.iterations();
        let result = self.judge(samples, self.dropout.map(|dropout| (dropout, step)), true)?;
        let parameters = self.head.backward(samples.features, &self.judgement.gradient, &mut self.pass);
        self.optimizer.step(&mut parameters.collect::<Vec<Parameter<'_>>>());
        Ok(result)
    }

    /// Judges a batch and changes no parameter: without dropout, and without class weights.
    ///
    /// # Errors
    ///
    /// As [`train_step`](Self::train_step).
    pub fn evaluate(&mut self, features: &[f32], labels: &[u32]) -> Result<BatchResult, TrainerError> {
        self.assess(&Samples { features, targets: Targets::Classes(labels), weights: None })
    }

    /// As [`evaluate`](Self::evaluate), of any targets, and with the samples' own weights.
    ///
    /// # Errors
    ///
    /// As [`train`](Self::train).
    pub fn assess(&mut self, samples: &Samples<'_>) -> Result<BatchResult, TrainerError> {
        self.judge(samples, None, false)
    }

    fn judge(
        &mut self,
        samples: &Samples<'_>,
        dropout: Option<(Dropout, u64)>,
        training: bool,
    ) -> Result<BatchResult, TrainerError> {
        let &Samples { features, targets, weights } = samples;
        self.head.forward(features, dropout, &mut self.pass)?;
        let (activation, outputs, logits) = (self.head.activation(), self.head.outputs(), &*self.pass.logits);
        let batch = Judged { activation, outputs, logits, targets, weights, training };
        self.loss.judge(&batch, &mut self.judgement)?;
        let &Judgement { loss, correct, decisions, .. } = &self.judgement;
        Ok(BatchResult { loss, correct, decisions, samples: features.len() / self.head.features() })
    }

    /// `[rows, outputs]` probabilities of the batch that was trained on or judged last; with what was dropped, where
    /// it was trained on.
    pub fn last_probabilities(&self) -> &[f32] {
        &self.judgement.probabilities
    }

    /// Adds the batch that was trained on or judged last to the metrics of an epoch; `targets` are that batch's.
    pub fn count(&self, epoch: &mut EpochMetrics, targets: Targets<'_>) {
        let (judgement, outputs) = (&self.judgement, self.head.outputs());
        epoch.update(&Seen { judgement, targets, samples: judgement.probabilities.len() / outputs, outputs });
    }

    /// At the end of a training: what the optimizer leaves as the parameters (averages, where it keeps them).
    pub fn finish(&mut self) {
        self.optimizer.finish(&mut self.head.parameters_mut());
    }

    /// All that the next step depends on besides the options: `head/..`, `optimizer/..`.
    pub fn state(&self) -> State {
        let mut state = State::default();
        state.set_part("head", self.head.state());
        state.set_part("optimizer", self.optimizer.state());
        state
    }

    /// Goes on from a state of a learner with the same options: its next step is the one that would have followed,
    /// to the bit.
    ///
    /// # Errors
    ///
    /// The state lacks something, or is of another head or optimizer.
    pub fn restore(&mut self, state: &State) -> Result<(), TrainerError> {
        let mut head = self.head.clone();
        head.restore(&state.part("head"))?;
        let lengths: Vec<usize> = head.parameters_mut().iter().map(|values| values.len()).collect();
        self.optimizer.restore(&state.part("optimizer"), &lengths)?;
        self.head = head;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::Sgd;

    fn learner() -> Learner {
        let head = Head::glorot_uniform(4, 2, 7).unwrap();
        Learner::new(head, Box::new(Sgd::new(0.5)))
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
        let mut learner = learner();
        let head = learner.head.clone();
        learner.evaluate(&FEATURES, &[0, 0, 1]).unwrap();
        assert_eq!(learner.head, head);
    }

    #[test]
    fn a_restored_learner_goes_on_to_the_bit() {
        let make = || {
            let activation = crate::head::Activation::Softmax;
            let options = crate::HeadOptions { features: 4, outputs: 2, hidden: Some(3), activation, seed: 7 };
            let (common, adam) = (crate::OptimizerOptions::new(0.05), crate::AdamOptions::default());
            let optimizer = crate::Adam::with_options(common, adam).unwrap();
            let mut learner = Learner::new(Head::new(&options).unwrap(), Box::new(optimizer));
            learner.dropout = Some(Dropout::new(0.3, 5).unwrap());
            learner
        };
        let (mut whole, mut first, mut second) = (make(), make(), make());
        for _ in 0..5 {
            assert_eq!(
                whole.train_step(&FEATURES, &[0, 0, 1]).unwrap(),
                first.train_step(&FEATURES, &[0, 0, 1]).unwrap()
            );
        }
        let state = State::decode("state".as_ref(), &first.state().encode()).unwrap();
        second.restore(&state).unwrap();
        for _ in 0..5 {
            assert_eq!(
                whole.train_step(&FEATURES, &[0, 0, 1]).unwrap(),
                second.train_step(&FEATURES, &[0, 0, 1]).unwrap()
            );
        }
        assert_eq!(whole.head, second.head);
        assert!(learner().restore(&state).is_err());
    }
}
