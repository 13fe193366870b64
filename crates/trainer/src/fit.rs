//! The epochs: steps over the training batches, validation after each.
//!
//! Batches of training come from one endless supply of passes over the data. Where an epoch has as many
//! steps as a pass has batches, epochs are passes. Where it has fewer or more, the next epoch goes on where
//! this one stopped: no photo is favoured, and no pass is cut short.

mod epoch;
mod recovery;

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use xfer_telemetry::verdict::TrainingTime;

use crate::callbacks::{Callback, EpochEnd};
use crate::error::TrainerError;
use crate::features::FeatureSource;
use crate::history::{ACCURACY, History, LOSS, VALIDATION_ACCURACY, VALIDATION_LOSS};
use crate::learner::Learner;
use crate::metric::{EpochMetrics, Metric};
use crate::metrics::Metrics;
use crate::state::State;
use epoch::{Phase, Seen, Steps, Stop};
use recovery::Begun;

pub use recovery::{Position, Recovery};

/// How long a training is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FitOptions {
    /// Number of epochs.
    pub epochs: u64,
    /// Batches that an epoch trains on.
    pub steps_per_epoch: u64,
    /// Batches that a validation takes; unused without validation data.
    pub validation_steps: Option<u64>,
}

impl FitOptions {
    fn check(&self) -> Result<(), TrainerError> {
        let counts = [
            ("epochs", self.epochs),
            ("steps_per_epoch", self.steps_per_epoch),
            ("validation_steps", self.validation_steps.unwrap_or(1)),
        ];
        match counts.into_iter().find(|&(_, count)| count == 0) {
            Some((option, _)) => Err(TrainerError::ZeroOption { option }),
            None => Ok(()),
        }
    }

    /// A history with the columns that such a training fills when it is judged by the loss and `metrics`.
    pub fn empty_history(&self, metrics: &[Metric]) -> History {
        let names = metrics.iter().map(|metric| metric.name()).chain([Cow::Borrowed(LOSS)]);
        let validated = self.validation_steps.is_some();
        let columns = names.flat_map(|name| {
            let validation = validated.then(|| validation_name(name.clone()));
            std::iter::once(name).chain(validation)
        });
        History::with_columns(columns)
    }
}

/// A training that is about to run.
pub struct Fit<'a> {
    /// What is trained, and how.
    pub learner: &'a mut Learner,
    /// Batches to train on, at least epochs x steps of them; those after `from`, where the training goes on.
    pub training: &'a mut dyn FeatureSource,
    /// Batches to validate on, [`FitOptions::validation_steps`] each time; at least epochs x steps of them, without those of
    /// epochs that are done.
    pub validation: Option<&'a mut dyn FeatureSource>,
    /// How long.
    pub options: FitOptions,
    /// Who is told.
    pub callbacks: Vec<&'a mut dyn Callback>,
    /// Looked at after each step: once true, the epoch is closed with what it has seen, and the training ends.
    pub stop: &'a AtomicBool,
    /// A state of a training with the same options, learner, data and callbacks, to go on from; none begins anew.
    pub from: Option<&'a State>,
    /// Keeps states to go on from.
    pub recovery: Option<&'a mut dyn Recovery>,
}

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All its epochs are done.
    Finished,
    /// A callback wished it to.
    Stopped,
    /// The stop flag was set.
    Interrupted,
}

/// What a training came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// Metrics of every epoch, the last of which may have been cut short.
    pub history: History,
    /// Why it ended.
    pub outcome: Outcome,
    /// Images trained on.
    pub images: u64,
    /// Images validated on.
    pub validation_images: u64,
    /// From first to last.
    pub took: Duration,
    /// Of it, time that the loader kept training and validation waiting.
    pub waited: Duration,
    /// What the time went to, for a [`Verdict`](xfer_telemetry::verdict::Verdict).
    pub time: TrainingTime,
}

impl Fit<'_> {
    /// Trains.
    ///
    /// # Errors
    ///
    /// A source or a callback failed, a source ended too early, features or loss are not finite, an option is zero, or
    /// the state to go on from is of something else. The learner is then as the last step left it.
    pub fn run(mut self) -> Result<Fitted, TrainerError> {
        self.options.check()?;
        let start = Instant::now();
        let metrics = Metrics::new(self.options.epochs);
        let mut fitted = Fitted {
            history: self.options.empty_history(&self.learner.metrics),
            outcome: Outcome::Finished,
            images: 0,
            validation_images: 0,
            took: Duration::ZERO,
            waited: Duration::ZERO,
            time: TrainingTime::default(),
        };
        for callback in &mut self.callbacks {
            callback.on_train_begin(&self.options, self.learner)?;
        }
        let (position, mut begun) = match self.from {
            Some(state) => recovery::restore(state, &self.options, self.learner, &mut fitted, &mut self.callbacks)?,
            None => (Position::default(), Begun::default()),
        };
        for epoch in position.epoch..self.options.epochs {
            if let Some(outcome) = self.epoch(epoch, std::mem::take(&mut begun), &metrics, &mut fitted)? {
                fitted.outcome = outcome;
                break;
            }
        }
        self.learner.finish();
        fitted.took = start.elapsed();
        for callback in &mut self.callbacks {
            callback.on_train_end(&fitted, self.learner)?;
        }
        Ok(fitted)
    }

    /// One epoch, of which something may be `begun`; why the training is to end after it, if it is.
    fn epoch(
        &mut self,
        epoch: u64,
        begun: Begun,
        metrics: &Metrics,
        fitted: &mut Fitted,
    ) -> Result<Option<Outcome>, TrainerError> {
        let start = Instant::now();
        metrics.epoch(epoch);
        for callback in &mut self.callbacks {
            callback.on_epoch_begin(epoch)?;
        }
        let training = Steps { phase: Phase::Training, epoch, steps: self.options.steps_per_epoch, metrics };
        let mut averages = EpochMetrics::new(&self.learner.metrics);
        if begun.step > 0 {
            averages.restore(&begun.averages)?;
        }
        let (callbacks, recovery) = (&mut self.callbacks, &mut self.recovery);
        let after_step = |learner: &Learner, seen: &Seen, averages: &EpochMetrics, callbacks: &[&mut dyn Callback]| {
            let position = Position { epoch, step: seen.steps };
            // A wish to stop is no part of a state: what led to it is done again.
            let Some(recovery) = recovery.as_deref_mut().filter(|_| seen.stop != Some(Stop::Callback)) else {
                return Ok(());
            };
            if recovery.is_due(position) || seen.stop.is_some() {
                let state = recovery::state(position, learner, fitted, Some((seen, averages)), callbacks);
                recovery.keep(position, &state)?;
            }
            Ok(())
        };
        let mut seen =
            training.run(self.learner, self.training, callbacks, self.stop, begun, &mut averages, after_step)?;
        let mut spent = seen.time;

        let (trained, mut interrupted) = (averages, seen.stop == Some(Stop::Flag));
        if let (false, Some(validation), Some(steps)) =
            (interrupted, self.validation.as_deref_mut(), self.options.validation_steps)
        {
            let phase = Steps { phase: Phase::Validation, epoch, steps, metrics };
            let mut averages = EpochMetrics::new(&self.learner.metrics);
            let (callbacks, begun) = (&mut self.callbacks, Begun::default());
            let validated =
                phase.run(self.learner, validation, callbacks, self.stop, begun, &mut averages, |_, _, _, _| Ok(()))?;
            interrupted = validated.stop == Some(Stop::Flag);
            if interrupted && let Some(recovery) = self.recovery.as_deref_mut() {
                // A validation is begun anew. It has left no trace yet: the state is that of the last step.
                let position = Position { epoch, step: seen.steps };
                let epoch = Some((&seen, &trained));
                recovery.keep(position, &recovery::state(position, self.learner, fitted, epoch, &self.callbacks))?;
            }
            fitted.validation_images += validated.images;
            fitted.waited += validated.waited;
            spent += validated.time;
            if validated.steps == steps {
                seen.logs.extend(validated.logs.into_iter().map(|(name, value)| (validation_name(name), value)));
                metrics.logs(&seen.logs);
            }
        }

        fitted.images += seen.images;
        fitted.waited += seen.waited;
        for callback in &mut self.callbacks {
            callback.on_epoch_logs(self.learner, &mut seen.logs)?;
        }
        let end = EpochEnd { epoch, steps: seen.steps, images: seen.images, logs: &seen.logs, interrupted };
        let mut stopped = seen.stop == Some(Stop::Callback);
        for callback in &mut self.callbacks {
            stopped |= callback.on_epoch_end(&end, self.learner)? == ControlFlow::Break(());
        }
        metrics.epoch_took(start.elapsed());
        // Callbacks and files, between the steps.
        let between = TrainingTime { other: start.elapsed().saturating_sub(spent.total()), ..TrainingTime::default() };
        metrics.spent(&between);
        fitted.time += spent;
        fitted.time += between;
        fitted.history.push(epoch, &seen.logs);
        if interrupted {
            return Ok(Some(Outcome::Interrupted));
        }
        if stopped {
            return Ok(Some(Outcome::Stopped));
        }
        let position = Position { epoch: epoch + 1, step: 0 };
        if let Some(recovery) = self.recovery.as_deref_mut()
            && (recovery.is_due(position) || position.epoch == self.options.epochs)
        {
            let state = recovery::state(position, self.learner, fitted, None, &self.callbacks);
            recovery.keep(position, &state)?;
        }
        Ok(None)
    }
}

/// `loss` -> `val_loss`.
fn validation_name(name: Cow<'static, str>) -> Cow<'static, str> {
    match &*name {
        ACCURACY => VALIDATION_ACCURACY.into(),
        LOSS => VALIDATION_LOSS.into(),
        other => format!("val_{other}").into(),
    }
}

impl std::fmt::Debug for Fit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fit").field("learner", &self.learner).field("options", &self.options).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
