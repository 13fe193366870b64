//! What else happens while a head is trained: each [`Callback`] is told of every event, in their order.

mod checkpoint;
mod csv_logger;
mod early_stopping;
mod json_logger;
mod monitor;
mod reduce_learning_rate;
mod tensor_board;
mod terminate_on_nan;

use std::ops::ControlFlow;
use std::time::Duration;

use xfer_telemetry::verdict::TrainingTime;

use crate::error::TrainerError;
use crate::fit::{FitOptions, Fitted};
use crate::history::Logs;
use crate::learner::Learner;
use crate::state::State;

pub use checkpoint::{Checkpoint, Save, Saving};
pub use csv_logger::CsvLogger;
pub use early_stopping::{EarlyStopping, EarlyStoppingOptions};
pub use json_logger::JsonLogger;
pub use monitor::Monitor;
pub use reduce_learning_rate::{ReduceLearningRate, ReduceLearningRateOptions};
pub use tensor_board::TensorBoard;
pub use terminate_on_nan::TerminateOnNan;

/// What a callback wants next: `Break` ends the training after the step or epoch in hand.
pub type Wish = Result<ControlFlow<()>, TrainerError>;

/// Something that follows a training. An error from any method ends it.
pub trait Callback {
    /// Before the first epoch.
    ///
    /// # Errors
    ///
    /// The callback's own; so for every method.
    fn on_train_begin(&mut self, _options: &FitOptions, _learner: &Learner) -> Result<(), TrainerError> {
        Ok(())
    }

    /// Before the first step of `epoch`, which counts from 0.
    ///
    /// # Errors
    ///
    /// The callback's own.
    fn on_epoch_begin(&mut self, _epoch: u64) -> Result<(), TrainerError> {
        Ok(())
    }

    /// After a training step.
    ///
    /// # Errors
    ///
    /// The callback's own.
    fn on_step_end(&mut self, _step: &StepEnd<'_>) -> Wish {
        Ok(ControlFlow::Continue(()))
    }

    /// After a validation step.
    ///
    /// # Errors
    ///
    /// The callback's own.
    fn on_validation_step_end(&mut self, _step: &StepEnd<'_>) -> Result<(), TrainerError> {
        Ok(())
    }

    /// Whether it deals with a step of training or validation whose loss is infinite or not a number. Where no
    /// callback does, such a step is an error.
    fn bears_loss_not_finite(&self) -> bool {
        false
    }

    /// After an epoch and its validation, before [`on_epoch_end`](Self::on_epoch_end) of any callback: what else
    /// belongs into the epoch's logs and the history.
    ///
    /// # Errors
    ///
    /// The callback's own.
    fn on_epoch_logs(&mut self, _learner: &Learner, _logs: &mut Logs) -> Result<(), TrainerError> {
        Ok(())
    }

    /// After an epoch and its validation. The learner may be changed: an earlier head put back, say.
    ///
    /// # Errors
    ///
    /// The callback's own.
    fn on_epoch_end(&mut self, _end: &EpochEnd<'_>, _learner: &mut Learner) -> Wish {
        Ok(ControlFlow::Continue(()))
    }

    /// After the last epoch, also where the training was stopped; not after an error.
    ///
    /// # Errors
    ///
    /// The callback's own.
    fn on_train_end(&mut self, _fitted: &Fitted, _learner: &mut Learner) -> Result<(), TrainerError> {
        Ok(())
    }

    /// All that it must remember for a training that goes on after the program ended.
    fn state(&self) -> State {
        State::default()
    }

    /// Goes on from a state of its own in a training of `learner`, after [`on_train_begin`](Self::on_train_begin).
    ///
    /// # Errors
    ///
    /// The state is of something else.
    fn restore(&mut self, _state: &State, _learner: &Learner) -> Result<(), TrainerError> {
        Ok(())
    }
}

/// A step of training or validation.
#[derive(Clone, Copy, Debug)]
pub struct StepEnd<'a> {
    /// From 0.
    pub epoch: u64,
    /// Within the epoch or validation, from 0.
    pub step: u64,
    /// Samples of the batch.
    pub images: usize,
    /// Means of the epoch or validation so far.
    pub logs: &'a Logs,
    /// Loss of this batch alone.
    pub loss: f32,
    /// The learning rate that the step used.
    pub learning_rate: f32,
    /// As the step left it.
    pub learner: &'a Learner,
    /// Time that the loader kept the step waiting.
    pub waited: Duration,
    /// Time of the whole step, wait included.
    pub took: Duration,
    /// What that time went to.
    pub time: TrainingTime,
}

/// An epoch and its validation.
#[derive(Clone, Copy, Debug)]
pub struct EpochEnd<'a> {
    /// From 0.
    pub epoch: u64,
    /// Training steps that it had.
    pub steps: u64,
    /// Training images that it had.
    pub images: u64,
    /// Its metrics; those of validation only where validation was completed.
    pub logs: &'a Logs,
    /// Whether it was cut short because the user wants to stop.
    pub interrupted: bool,
}

#[cfg(test)]
mod tests;
