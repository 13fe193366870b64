//! What the loader reports through the `metrics` facade. Nothing is reported until a recorder is installed.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::error::{LoaderError, Stage};

const IMAGES: &str = "loader_images_total";
const READ_BYTES: &str = "loader_read_bytes_total";
const STAGE_SECONDS: &str = "loader_stage_seconds";
const QUEUE_DEPTH: &str = "loader_queue_depth";
const QUEUE_CAPACITY: &str = "loader_queue_capacity";
const DECODE_ERRORS: &str = "loader_decode_errors_total";
const BYTES_IN_FLIGHT: &str = "loader_bytes_in_flight";

/// Registers help texts and units with the recorder that is installed.
pub fn describe() {
    describe_counter!(
        IMAGES,
        Unit::Count,
        "Images that left the loader's compute threads, by result (ok, error, skipped or replaced)."
    );
    describe_counter!(READ_BYTES, Unit::Bytes, "Bytes of image files read.");
    describe_histogram!(STAGE_SECONDS, Unit::Seconds, "Seconds that one image spent in a stage of the loader.");
    describe_gauge!(QUEUE_DEPTH, Unit::Count, "Items waiting in a queue of the loader.");
    describe_gauge!(QUEUE_CAPACITY, Unit::Count, "Items that fit in a queue of the loader.");
    describe_counter!(DECODE_ERRORS, Unit::Count, "Images that could not be read or decoded, by reason.");
    describe_gauge!(BYTES_IN_FLIGHT, Unit::Bytes, "Bytes of image files read and not yet decoded.");
}

/// What came of a place in a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ImageResult {
    /// Its image is there.
    Ok,
    /// Its file failed, and with it the batch.
    Error,
    /// Its file failed and was left out.
    Skipped,
    /// Its file failed, and another image is there.
    Replaced,
}

impl ImageResult {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Skipped => "skipped",
            Self::Replaced => "replaced",
        }
    }
}

/// A queue between two stages.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Queue {
    /// Files read, waiting for a compute thread.
    Compute,
    /// Batches begun or finished, waiting for the consumer.
    Batches,
}

impl Queue {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Batches => "batches",
        }
    }
}

pub(crate) fn stage(stage: Stage, flow: &'static str, took: Duration) {
    histogram!(STAGE_SECONDS, "stage" => stage.as_str(), "flow" => flow).record(took);
}

pub(crate) fn read(flow: &'static str, bytes: usize) {
    counter!(READ_BYTES, "flow" => flow).increment(bytes as u64);
}

pub(crate) fn image(flow: &'static str, result: ImageResult) {
    counter!(IMAGES, "result" => result.as_str(), "flow" => flow).increment(1);
}

pub(crate) fn error(flow: &'static str, error: &LoaderError) {
    counter!(DECODE_ERRORS, "reason" => error.reason(), "flow" => flow).increment(1);
}

pub(crate) fn queue_depth(queue: Queue, flow: &'static str, items: usize) {
    gauge!(QUEUE_DEPTH, "queue" => queue.as_str(), "flow" => flow).set(items as f64);
}

pub(crate) fn queue_capacity(queue: Queue, flow: &'static str, items: usize) {
    gauge!(QUEUE_CAPACITY, "queue" => queue.as_str(), "flow" => flow).set(items as f64);
}

pub(crate) fn bytes_in_flight(flow: &'static str, bytes: u64) {
    gauge!(BYTES_IN_FLIGHT, "flow" => flow).set(bytes as f64);
}
