//! Says when a training is worth keeping, by the rules of Keras' `ModelCheckpoint`.

use std::fmt;
use std::ops::ControlFlow;

use super::{Callback, EpochEnd, Monitor, StepEnd, Wish};
use crate::error::TrainerError;
use crate::fit::FitOptions;
use crate::history::Logs;
use crate::learner::Learner;
use crate::state::State;

/// When to save.
#[derive(Clone, Debug, PartialEq)]
pub enum Save {
    /// After every epoch that is better than all before it, and than `threshold` where there is one.
    Best {
        /// What is watched.
        monitor: Monitor,
        /// What the first one must be better than.
        threshold: Option<f32>,
    },
    /// After every so many epochs.
    Epochs(u64),
    /// After every so many training steps, whichever epochs they belong to.
    Steps(u64),
}

/// A moment that is to be saved.
#[derive(Clone, Copy, Debug)]
pub struct Saving<'a> {
    /// From 0.
    pub epoch: u64,
    /// Within the epoch, from 0; none after an epoch's validation.
    pub step: Option<u64>,
    /// Metrics at that moment.
    pub logs: &'a Logs,
    /// What is to be saved.
    pub learner: &'a Learner,
}

/// Calls `save` whenever the training is to be saved.
pub struct Checkpoint<F> {
    when: Save,
    save: F,
    best: Option<f32>,
    since: u64,
}

impl<F: FnMut(&Saving<'_>) -> Result<(), TrainerError>> Checkpoint<F> {
    /// Calls `save` at these moments.
    ///
    /// # Errors
    ///
    /// A number of epochs or steps is 0.
    pub fn new(when: Save, save: F) -> Result<Self, TrainerError> {
        match when {
            Save::Epochs(0) => Err(TrainerError::ZeroOption { option: "epochs between checkpoints" }),
            Save::Steps(0) => Err(TrainerError::ZeroOption { option: "steps between checkpoints" }),
            _ => Ok(Self { best: threshold(&when), when, save, since: 0 }),
        }
    }

    /// Whether one more makes `every`.
    fn is_due(&mut self, every: u64) -> bool {
        self.since += 1;
        let due = self.since >= every;
        if due {
            self.since = 0;
        }
        due
    }
}

fn threshold(when: &Save) -> Option<f32> {
    if let Save::Best { threshold, .. } = when { *threshold } else { None }
}

impl<F: FnMut(&Saving<'_>) -> Result<(), TrainerError>> Callback for Checkpoint<F> {
    fn on_train_begin(&mut self, _options: &FitOptions, _learner: &Learner) -> Result<(), TrainerError> {
        (self.best, self.since) = (threshold(&self.when), 0);
        Ok(())
    }

    fn on_step_end(&mut self, step: &StepEnd<'_>) -> Wish {
        if let Save::Steps(every) = self.when
            && self.is_due(every)
        {
            let &StepEnd { epoch, step, logs, learner, .. } = step;
            (self.save)(&Saving { epoch, step: Some(step), logs, learner })?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn on_epoch_end(&mut self, end: &EpochEnd<'_>, learner: &mut Learner) -> Wish {
        let due = match &self.when {
            Save::Best { monitor, .. } => {
                let value = monitor.value("the checkpoint", end)?;
                let better = value.filter(|&value| monitor.is_improvement(value, self.best));
                self.best = better.or(self.best);
                better.is_some()
            }
            &Save::Epochs(every) => self.is_due(every),
            Save::Steps(_) => false,
        };
        if due {
            (self.save)(&Saving { epoch: end.epoch, step: None, logs: end.logs, learner })?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.set_count("since", self.since);
        if let Some(best) = self.best {
            state.set_floats("best", &[best]);
        }
        state
    }

    fn restore(&mut self, state: &State, _learner: &Learner) -> Result<(), TrainerError> {
        let best = if state.has("best") { Some(state.float("best")?) } else { None };
        (self.since, self.best) = (state.count("since")?, best);
        Ok(())
    }
}

impl<F> fmt::Debug for Checkpoint<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint").field("when", &self.when).field("best", &self.best).finish_non_exhaustive()
    }
}
