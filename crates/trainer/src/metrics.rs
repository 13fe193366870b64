//! What training reports through the `metrics` facade. Nothing is reported until a recorder is installed.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram};
use metrics::{gauge, histogram};

use crate::history::{ACCURACY, LOSS, Logs, VALIDATION_ACCURACY, VALIDATION_LOSS};

const STEP_SECONDS: &str = "train_step_seconds";
const WAIT_SECONDS: &str = "train_wait_seconds_total";
const BUSY_SECONDS: &str = "train_busy_seconds_total";
const TRAIN_LOSS: &str = "train_loss";
const TRAIN_ACCURACY: &str = "train_accuracy";
const TRAIN_VALIDATION_LOSS: &str = "train_validation_loss";
const TRAIN_VALIDATION_ACCURACY: &str = "train_validation_accuracy";
const EPOCH: &str = "train_epoch";
const EPOCHS: &str = "train_epochs";
const LEARNING_RATE: &str = "train_learning_rate";
const IMAGES: &str = "train_images_total";
const VALIDATION_IMAGES: &str = "train_validation_images_total";

/// Registers help texts and units with the recorder that is installed.
pub fn describe() {
    describe_histogram!(STEP_SECONDS, Unit::Seconds, "Seconds of a training step, the wait for its batch included.");
    // Counters of the facade are whole numbers; these two are fractions of seconds that only grow.
    describe_gauge!(
        WAIT_SECONDS,
        Unit::Seconds,
        "Seconds that training and validation waited for the loader's next batch; only grows."
    );
    describe_gauge!(
        BUSY_SECONDS,
        Unit::Seconds,
        "Seconds that training and validation computed, backbone and head; only grows."
    );
    describe_gauge!(TRAIN_LOSS, Unit::Count, "Mean training loss of the epoch so far.");
    describe_gauge!(TRAIN_ACCURACY, Unit::Count, "Training accuracy of the epoch so far, 0 to 1.");
    describe_gauge!(TRAIN_VALIDATION_LOSS, Unit::Count, "Mean loss of the last validation.");
    describe_gauge!(TRAIN_VALIDATION_ACCURACY, Unit::Count, "Accuracy of the last validation, 0 to 1.");
    describe_gauge!(EPOCH, Unit::Count, "The epoch in progress, from 1.");
    describe_gauge!(EPOCHS, Unit::Count, "Epochs that the training is to have.");
    describe_gauge!(LEARNING_RATE, Unit::Count, "Learning rate of the next step.");
    describe_counter!(IMAGES, Unit::Count, "Images trained on.");
    describe_counter!(VALIDATION_IMAGES, Unit::Count, "Images validated on.");
}

/// Handles of one training.
pub(crate) struct Metrics {
    step_seconds: Histogram,
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
        gauge!(EPOCHS).set(epochs as f64);
        let wait_seconds = gauge!(WAIT_SECONDS);
        let busy_seconds = gauge!(BUSY_SECONDS);
        for total in [&wait_seconds, &busy_seconds] {
            total.increment(0.0);
        }
        let (images, validation_images) = (counter!(IMAGES), counter!(VALIDATION_IMAGES));
        for total in [&images, &validation_images] {
            total.increment(0);
        }
        Self {
            step_seconds: histogram!(STEP_SECONDS),
            wait_seconds,
            busy_seconds,
            loss: gauge!(TRAIN_LOSS),
            accuracy: gauge!(TRAIN_ACCURACY),
            validation_loss: gauge!(TRAIN_VALIDATION_LOSS),
            validation_accuracy: gauge!(TRAIN_VALIDATION_ACCURACY),
            epoch: gauge!(EPOCH),
            learning_rate: gauge!(LEARNING_RATE),
            images,
            validation_images,
        }
    }

    pub(crate) fn epoch(&self, epoch: u64) {
        self.epoch.set((epoch + 1) as f64);
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
