//! Training: batches to a head.

use metrics::Unit;

use crate::Kind::{Counter, Gauge, Histogram, SecondsCounter};
use crate::Metric;

/// A step.
pub const STEP_SECONDS: Metric = Metric::new(
    Histogram,
    "train_step_seconds",
    Unit::Seconds,
    &[],
    "Seconds of a training step, the wait for its batch included.",
);
/// The parts of a step.
pub const STAGE_SECONDS: Metric = Metric::new(
    Histogram,
    "train_stage_seconds",
    Unit::Seconds,
    &["stage"],
    "Seconds that a step of training or validation spent in a stage: cache, upload, forward or head.",
);
/// An epoch.
pub const EPOCH_SECONDS: Metric =
    Metric::new(Histogram, "train_epoch_seconds", Unit::Seconds, &[], "Seconds of an epoch, its validation included.");
/// Time lost waiting for the loader.
pub const WAIT_SECONDS: Metric = Metric::new(
    SecondsCounter,
    "train_wait_seconds_total",
    Unit::Seconds,
    &[],
    "Seconds that training and validation waited for the loader's next batch.",
);
/// Time put to use.
pub const BUSY_SECONDS: Metric = Metric::new(
    SecondsCounter,
    "train_busy_seconds_total",
    Unit::Seconds,
    &[],
    "Seconds that training and validation computed, backbone and head.",
);
/// What time went to.
pub const TIME_SECONDS: Metric = Metric::new(
    SecondsCounter,
    "train_time_seconds_total",
    Unit::Seconds,
    &["bound"],
    "Seconds of training and validation by what they went to: waiting for the loader, upload, backbone, cache, head, other.",
);
/// Training loss.
pub const LOSS: Metric = Metric::new(Gauge, "train_loss", Unit::Count, &[], "Mean training loss of the epoch so far.");
/// Training accuracy.
pub const ACCURACY: Metric =
    Metric::new(Gauge, "train_accuracy", Unit::Count, &[], "Training accuracy of the epoch so far, 0 to 1.");
/// Validation loss.
pub const VALIDATION_LOSS: Metric =
    Metric::new(Gauge, "train_validation_loss", Unit::Count, &[], "Mean loss of the last validation.");
/// Validation accuracy.
pub const VALIDATION_ACCURACY: Metric =
    Metric::new(Gauge, "train_validation_accuracy", Unit::Count, &[], "Accuracy of the last validation, 0 to 1.");
/// Epoch in progress.
pub const EPOCH: Metric = Metric::new(Gauge, "train_epoch", Unit::Count, &[], "The epoch in progress, from 1.");
/// Epochs to come in all.
pub const EPOCHS: Metric = Metric::new(Gauge, "train_epochs", Unit::Count, &[], "Epochs that the training is to have.");
/// Learning rate.
pub const LEARNING_RATE: Metric =
    Metric::new(Gauge, "train_learning_rate", Unit::Count, &[], "Learning rate of the next step.");
/// Images trained on.
pub const IMAGES: Metric = Metric::new(Counter, "train_images_total", Unit::Count, &[], "Images trained on.");
/// Images validated on.
pub const VALIDATION_IMAGES: Metric =
    Metric::new(Counter, "train_validation_images_total", Unit::Count, &[], "Images validated on.");

/// All of them.
pub const ALL: &[Metric] = &[
    STEP_SECONDS,
    STAGE_SECONDS,
    EPOCH_SECONDS,
    WAIT_SECONDS,
    BUSY_SECONDS,
    TIME_SECONDS,
    LOSS,
    ACCURACY,
    VALIDATION_LOSS,
    VALIDATION_ACCURACY,
    EPOCH,
    EPOCHS,
    LEARNING_RATE,
    IMAGES,
    VALIDATION_IMAGES,
];
