//! Lowers the learning rate of a training that gets no better, by the rules of Keras' `ReduceLROnPlateau`.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::{Callback, EpochEnd, Monitor, Wish};
use crate::error::TrainerError;
use crate::fit::FitOptions;
use crate::history::{LEARNING_RATE, Logs};
use crate::learner::Learner;
use crate::state::State;

/// What [`ReduceLearningRate`] waits for and does.
#[derive(Clone, Debug, PartialEq)]
pub struct ReduceLearningRateOptions {
    /// What is watched; `val_loss`, better by more than 1e-4.
    pub monitor: Monitor,
    /// What the rate is multiplied by, below 1; 0.1.
    pub factor: f64,
    /// Epochs without improvement after which the rate is lowered; 10.
    pub patience: u64,
    /// Epochs after that in which nothing is waited for; 0.
    pub cooldown: u64,
    /// The least rate; 0.
    pub min_learning_rate: f64,
}

impl Default for ReduceLearningRateOptions {
    fn default() -> Self {
        let monitor = Monitor::validation_loss().with_min_delta(1e-4);
        Self { monitor, factor: 0.1, patience: 10, cooldown: 0, min_learning_rate: 0.0 }
    }
}

/// Lowers the learning rate once the metric has not improved for a while, and adds the rate of each epoch to its
/// logs.
#[derive(Clone, Debug)]
pub struct ReduceLearningRate {
    options: ReduceLearningRateOptions,
    wait: u64,
    cooldown: u64,
    best: Option<f32>,
}

impl ReduceLearningRate {
    /// Not yet begun.
    ///
    /// # Errors
    ///
    /// The factor is not from 0 to below 1.
    pub fn new(options: ReduceLearningRateOptions) -> Result<Self, TrainerError> {
        if !(0.0..1.0).contains(&options.factor) {
            let (option, value, expected) = ("factor", options.factor, "0 to below 1");
            return Err(TrainerError::OptionRange { option, value, expected });
        }
        Ok(Self { options, wait: 0, cooldown: 0, best: None })
    }
}

impl Callback for ReduceLearningRate {
    fn on_train_begin(&mut self, _options: &FitOptions, _learner: &Learner) -> Result<(), TrainerError> {
        (self.wait, self.cooldown, self.best) = (0, 0, None);
        Ok(())
    }

    fn on_epoch_logs(&mut self, learner: &Learner, logs: &mut Logs) -> Result<(), TrainerError> {
        logs.insert(Cow::Borrowed(LEARNING_RATE), learner.optimizer.learning_rate());
        Ok(())
    }

    fn on_epoch_end(&mut self, end: &EpochEnd<'_>, learner: &mut Learner) -> Wish {
        let options = &self.options;
        let Some(current) = options.monitor.value("the reduction of the learning rate", end)? else {
            return Ok(ControlFlow::Continue(()));
        };
        if self.cooldown > 0 {
            self.cooldown -= 1;
            self.wait = 0;
        }
        if options.monitor.is_improvement(current, self.best) {
            self.best = Some(current);
            self.wait = 0;
        } else if self.cooldown == 0 {
            self.wait += 1;
            let rate = learner.optimizer.learning_rate();
            if self.wait >= options.patience && rate > options.min_learning_rate as f32 {
                let lower = (f64::from(rate) * options.factor).max(options.min_learning_rate);
                learner.optimizer.set_learning_rate(lower as f32)?;
                self.cooldown = options.cooldown;
                self.wait = 0;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.set_count("wait", self.wait);
        state.set_count("cooldown", self.cooldown);
        if let Some(best) = self.best {
            state.set_floats("best", &[best]);
        }
        state
    }

    fn restore(&mut self, state: &State, _learner: &Learner) -> Result<(), TrainerError> {
        let best = if state.has("best") { Some(state.float("best")?) } else { None };
        (self.wait, self.cooldown, self.best) = (state.count("wait")?, state.count("cooldown")?, best);
        Ok(())
    }
}
