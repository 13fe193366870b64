//! The steps of one epoch, or of one validation.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use xfer_telemetry::stage;
use xfer_telemetry::verdict::TrainingTime;

use crate::callbacks::{Callback, StepEnd};
use crate::error::TrainerError;
use crate::features::{FeatureSource, SourceTime};
use crate::history::Logs;
use crate::learner::Learner;
use crate::metric::EpochMetrics;
use crate::metrics::Metrics;

use super::recovery::Begun;

/// What a step does with its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Training,
    Validation,
}

/// Who ended the steps early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Flag,
    Callback,
}

pub(super) struct Steps<'a> {
    pub(super) phase: Phase,
    pub(super) epoch: u64,
    pub(super) steps: u64,
    pub(super) metrics: &'a Metrics,
}

/// What the steps saw; of a training that goes on, `images` and `steps` with those from before.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) logs: Logs,
    pub(super) steps: u64,
    pub(super) images: u64,
    pub(super) waited: Duration,
    pub(super) time: TrainingTime,
    pub(super) stop: Option<Stop>,
}

impl Steps<'_> {
    /// The steps after those that are `begun`, with `averages` of those; `after_step` sees everything after each.
    #[expect(clippy::too_many_arguments, reason = "the parts of a training, borrowed one by one")]
    pub(super) fn run(
        &self,
        learner: &mut Learner,
        source: &mut dyn FeatureSource,
        callbacks: &mut [&mut dyn Callback],
        flag: &AtomicBool,
        begun: Begun,
        averages: &mut EpochMetrics,
        mut after_step: impl FnMut(&Learner, &Seen, &EpochMetrics, &[&mut dyn Callback]) -> Result<(), TrainerError>,
    ) -> Result<Seen, TrainerError> {
        let Begun { step: steps, images, .. } = begun;
        let logs = if steps > 0 { averages.logs() } else { Logs::new() };
        let mut seen = Seen { logs, steps, images, waited: Duration::ZERO, time: TrainingTime::default(), stop: None };
        while seen.steps < self.steps && seen.stop.is_none() {
            let (start, before) = (Instant::now(), source.time());
            let batch = source.next_batch().ok_or_else(|| self.out_of_data(seen.steps))??;
            if batch.features.is_empty() {
                // Every photo of it was left out: the step is there, and does nothing.
                seen.steps += 1;
                seen.waited += batch.waited;
                let time = time_of(before, source.time(), batch.waited, Duration::ZERO, start.elapsed());
                self.metrics.spent(&time);
                seen.time += time;
                after_step(learner, &seen, averages, callbacks)?;
                continue;
            }
            let head_start = Instant::now();
            let learning_rate = learner.optimizer.learning_rate();
            let span = tracing::trace_span!(stage::HEAD).entered();
            let result = match self.phase {
                Phase::Training => learner.train(&batch.samples())?,
                Phase::Validation => learner.assess(&batch.samples())?,
            };
            learner.count(averages, batch.targets.as_targets());
            seen.logs = averages.logs();
            drop(span);
            let head = head_start.elapsed();
            let (images, waited, took) = (result.samples, batch.waited, start.elapsed());
            let (epoch, step, logs, loss) = (self.epoch, seen.steps, &seen.logs, result.loss);
            let time = time_of(before, source.time(), waited, head, took);
            let end = StepEnd { epoch, step, images, logs, loss, learning_rate, learner, waited, took, time };
            if !loss.is_finite() && !callbacks.iter().any(|callback| callback.bears_loss_not_finite()) {
                return Err(TrainerError::NonFiniteLoss { epoch: epoch + 1, step: step + 1, loss, learning_rate });
            }
            for callback in callbacks.iter_mut() {
                match self.phase {
                    Phase::Training if callback.on_step_end(&end)? == ControlFlow::Break(()) => {
                        seen.stop = Some(Stop::Callback);
                    }
                    Phase::Training => {}
                    Phase::Validation => callback.on_validation_step_end(&end)?,
                }
            }
            match self.phase {
                Phase::Training => {
                    self.metrics.training_step(images, waited, took, learner.optimizer.learning_rate());
                    self.metrics.logs(&seen.logs);
                }
                Phase::Validation => self.metrics.validation_step(images, waited, took),
            }
            seen.steps += 1;
            seen.images += images as u64;
            seen.waited += waited;
            let time = time_of(before, source.time(), waited, head, start.elapsed());
            self.metrics.spent(&time);
            self.metrics.stages(&time);
            seen.time += time;
            if flag.load(Ordering::Relaxed) {
                seen.stop = Some(Stop::Flag);
            }
            after_step(learner, &seen, averages, callbacks)?;
        }
        if seen.images == 0 {
            return Err(TrainerError::NoImages { phase: self.phase_name(), epoch: self.epoch + 1 });
        }
        Ok(seen)
    }

    fn out_of_data(&self, got: u64) -> TrainerError {
        TrainerError::OutOfData { phase: self.phase_name(), epoch: self.epoch + 1, expected: self.steps, got }
    }

    fn phase_name(&self) -> &'static str {
        match self.phase {
            Phase::Training => "training",
            Phase::Validation => "validation",
        }
    }
}

/// What a step's time went to: what its source did since `before`, the wait for the loader, the head, and the rest.
fn time_of(before: SourceTime, after: SourceTime, loader: Duration, head: Duration, took: Duration) -> TrainingTime {
    let upload = after.upload.saturating_sub(before.upload);
    let forward = after.forward.saturating_sub(before.forward);
    let cache = after.cache.saturating_sub(before.cache);
    let other = took.saturating_sub(loader + upload + forward + cache + head);
    TrainingTime { loader, upload, forward, cache, head, other, steps: 1 }
}
