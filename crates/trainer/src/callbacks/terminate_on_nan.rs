//! Ends a training whose loss is no number, as Keras' `TerminateOnNaN`, instead of letting it fail.

use std::ops::ControlFlow;

use super::{Callback, StepEnd, Wish};
use crate::error::TrainerError;
use crate::fit::FitOptions;
use crate::learner::Learner;

/// Ends the training after a step whose loss is infinite or not a number. The epoch is closed as any other, so that
/// the head of an earlier epoch can be put back and the history is there. A validation with such a loss goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TerminateOnNan {
    at: Option<(u64, u64)>,
}

impl TerminateOnNan {
    /// Epoch and step that ended the training, each from 0.
    pub fn terminated_at(&self) -> Option<(u64, u64)> {
        self.at
    }
}

impl Callback for TerminateOnNan {
    fn on_train_begin(&mut self, _options: &FitOptions, _learner: &Learner) -> Result<(), TrainerError> {
        self.at = None;
        Ok(())
    }

    fn bears_loss_not_finite(&self) -> bool {
        true
    }

    fn on_step_end(&mut self, step: &StepEnd<'_>) -> Wish {
        if step.loss.is_finite() {
            return Ok(ControlFlow::Continue(()));
        }
        self.at = Some((step.epoch, step.step));
        Ok(ControlFlow::Break(()))
    }
}
