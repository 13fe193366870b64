//! What training reports through the `metrics` facade. Nothing is reported until a recorder is installed.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use xfer_telemetry::verdict::{Bound, TrainingTime};
use xfer_telemetry::{cache, stage, train};

use crate::history::{ACCURACY, LOSS, Logs, VALIDATION_ACCURACY, VALIDATION_LOSS};

/// Registers help texts and units with the recorder that is installed.
pub fn describe() {
    train::ALL.iter().chain(cache::ALL).for_each(xfer_telemetry::Metric::describe);
}

/// Vectors that the cache was asked for.
pub(crate) fn cached(hits: usize, misses: usize) {
    for (result, vectors) in [("hit", hits), ("miss", misses)] {
        counter!(cache::FEATURES.name, "result" => result).increment(vectors as u64);
    }
}

/// Handles of one training.
pub(crate) struct Metrics {
    step_seconds: Histogram,
    /// In the order of [`stage::TRAINING`].
    stages: [Histogram; stage::TRAINING.len()],
    /// In the order of [`Bound::ALL`].
    time: [Gauge; Bound::ALL.len()],
    epoch_seconds: Histogram,
    wait_seconds: Gauge,
    busy_seconds: Gauge,
    loss: Gauge,
    accuracy: Gauge,
    validation_loss: Gauge,
    validation_accuracy: Gauge,
    epoch: Gauge,
    learning_rate: Gauge,
    images: Counter,
    validation_images: Counter,
}

impl Metrics {
    pub(crate) fn new(epochs: u64) -> Self {
        gauge!(train::EPOCHS.name).set(epochs as f64);
        let wait_seconds = gauge!(train::WAIT_SECONDS.name);
        let busy_seconds = gauge!(train::BUSY_SECONDS.name);
        let time = Bound::ALL.map(|bound| gauge!(train::TIME_SECONDS.name, "bound" => bound.as_str()));
        for total in [&wait_seconds, &busy_seconds].into_iter().chain(&time) {
            total.increment(0.0);
        }
        let (images, validation_images) = (counter!(train::IMAGES.name), counter!(train::VALIDATION_IMAGES.name));
        for total in [&images, &validation_images] {
            total.increment(0);
        }
        Self {
            step_seconds: histogram!(train::STEP_SECONDS.name),
            stages: stage::TRAINING.map(|stage| histogram!(train::STAGE_SECONDS.name, "stage" => stage)),
            time,
            epoch_seconds: histogram!(train::EPOCH_SECONDS.name),
            wait_seconds,
            busy_seconds,
            loss: gauge!(train::LOSS.name),
            accuracy: gauge!(train::ACCURACY.name),
            validation_loss: gauge!(train::VALIDATION_LOSS.name),
            validation_accuracy: gauge!(train::VALIDATION_ACCURACY.name),
            epoch: gauge!(train::EPOCH.name),
            learning_rate: gauge!(train::LEARNING_RATE.name),
            images,
            validation_images,
        }
    }

    pub(crate) fn epoch(&self, epoch: u64) {
        self.epoch.set((epoch + 1) as f64);
    }

    pub(crate) fn epoch_took(&self, took: Duration) {
        self.epoch_seconds.record(took);
    }

    pub(crate) fn training_step(&self, images: usize, wait: Duration, took: Duration, learning_rate: f32) {
        self.step_seconds.record(took);
        self.time(wait, took);
        self.images.increment(images as u64);
        self.learning_rate.set(f64::from(learning_rate));
    }

    pub(crate) fn validation_step(&self, images: usize, wait: Duration, took: Duration) {
        self.time(wait, took);
        self.validation_images.increment(images as u64);
    }

    /// Adds what time went to.
    pub(crate) fn spent(&self, time: &TrainingTime) {
        for (gauge, bound) in self.time.iter().zip(Bound::ALL) {
            gauge.increment(time.of(bound).as_secs_f64());
        }
    }

    /// Records the stages of a step; one that took no time was not there.
    pub(crate) fn stages(&self, time: &TrainingTime) {
        let took = [time.cache, time.upload, time.forward, time.head];
        for (histogram, took) in self.stages.iter().zip(took).filter(|(_, took)| !took.is_zero()) {
            histogram.record(took);
        }
    }

    /// Sets the gauge of every metric that `logs` has.
    pub(crate) fn logs(&self, logs: &Logs) {
        for (name, gauge) in [
            (LOSS, &self.loss),
            (ACCURACY, &self.accuracy),
            (VALIDATION_LOSS, &self.validation_loss),
            (VALIDATION_ACCURACY, &self.validation_accuracy),
        ] {
            if let Some(&value) = logs.get(name) {
                gauge.set(f64::from(value));
            }
        }
    }

    fn time(&self, wait: Duration, took: Duration) {
        self.wait_seconds.increment(wait.as_secs_f64());
        self.busy_seconds.increment(took.saturating_sub(wait).as_secs_f64());
    }
}
