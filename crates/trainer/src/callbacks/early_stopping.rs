//! Ends a training that gets no better, by the rules of Keras' `EarlyStopping`.

use std::ops::ControlFlow;

use super::{Callback, EpochEnd, Monitor, Wish};
use crate::error::TrainerError;
use crate::fit::{FitOptions, Fitted};
use crate::head::Head;
use crate::learner::Learner;
use crate::state::State;

/// What [`EarlyStopping`] waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct EarlyStoppingOptions {
    /// What is watched; `val_loss`.
    pub monitor: Monitor,
    /// Epochs without improvement after which the training ends; 0.
    pub patience: u64,
    /// Only what is better than this ends the waiting, too; none.
    pub baseline: Option<f32>,
    /// Whether the head of the best epoch is put back at the end, also where the training was not stopped; no.
    pub restore_best: bool,
    /// The first epoch that is looked at, from 0; 0.
    pub start_from_epoch: u64,
}

impl Default for EarlyStoppingOptions {
    fn default() -> Self {
        let monitor = Monitor::validation_loss();
        Self { monitor, patience: 0, baseline: None, restore_best: false, start_from_epoch: 0 }
    }
}

/// Ends the training once the metric has not improved for a while. It never does after the first epoch.
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    options: EarlyStoppingOptions,
    wait: u64,
    best: Option<f32>,
    best_epoch: u64,
    best_head: Option<Head>,
    stopped_epoch: Option<u64>,
}

impl EarlyStopping {
    /// Not yet begun.
    pub fn new(options: EarlyStoppingOptions) -> Self {
        Self { options, wait: 0, best: None, best_epoch: 0, best_head: None, stopped_epoch: None }
    }

    /// The epoch after which it ended the training, from 0.
    pub fn stopped_epoch(&self) -> Option<u64> {
        self.stopped_epoch
    }

    /// The best epoch so far, from 0.
    pub fn best_epoch(&self) -> u64 {
        self.best_epoch
    }
}

impl Callback for EarlyStopping {
    fn on_train_begin(&mut self, _options: &FitOptions, _learner: &Learner) -> Result<(), TrainerError> {
        *self = Self::new(self.options.clone());
        Ok(())
    }

    fn on_epoch_end(&mut self, end: &EpochEnd<'_>, learner: &mut Learner) -> Wish {
        let options = &self.options;
        let Some(current) = options.monitor.value("early stopping", end)? else { return Ok(ControlFlow::Continue(())) };
        if end.epoch < options.start_from_epoch {
            return Ok(ControlFlow::Continue(()));
        }
        let improved = options.monitor.is_improvement(current, self.best);
        if options.restore_best && (improved || self.best_head.is_none()) {
            self.best_head = Some(learner.head.clone());
            self.best_epoch = end.epoch;
        }
        self.wait += 1;
        if improved {
            (self.best, self.best_epoch) = (Some(current), end.epoch);
            if options.baseline.is_none() || options.monitor.is_improvement(current, options.baseline) {
                self.wait = 0;
            }
        } else if self.wait >= options.patience && end.epoch > 0 {
            self.stopped_epoch = Some(end.epoch);
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    }

    fn on_train_end(&mut self, _fitted: &Fitted, learner: &mut Learner) -> Result<(), TrainerError> {
        if let Some(head) = self.best_head.take() {
            learner.head = head;
        }
        Ok(())
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.set_count("wait", self.wait);
        state.set_count("best_epoch", self.best_epoch);
        if let Some(best) = self.best {
            state.set_floats("best", &[best]);
        }
        if let Some(head) = &self.best_head {
            state.set_part("best_head", head.state());
        }
        state
    }

    fn restore(&mut self, state: &State, learner: &Learner) -> Result<(), TrainerError> {
        let best = if state.has("best") { Some(state.float("best")?) } else { None };
        let head = state.part("best_head");
        let best_head = if head == State::default() {
            None
        } else {
            let mut best = learner.head.clone();
            best.restore(&head)?;
            Some(best)
        };
        (self.wait, self.best_epoch) = (state.count("wait")?, state.count("best_epoch")?);
        (self.best, self.best_head) = (best, best_head);
        Ok(())
    }
}
