//! What the loader reports through the `metrics` facade, to the recorder that is installed when a stream starts.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use xfer_telemetry::loader::{
    ALL, BYTE_BUDGET, BYTES_IN_FLIGHT, DECODE_ERRORS, IMAGES, QUEUE_CAPACITY, QUEUE_DEPTH, READ_BYTES, STAGE_SECONDS,
};

use crate::error::{LoaderError, Stage};

/// Registers help texts and units with the recorder that is installed.
pub fn describe() {
    ALL.iter().for_each(xfer_telemetry::Metric::describe);
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
    const ALL: [Self; 4] = [Self::Ok, Self::Error, Self::Skipped, Self::Replaced];

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
    const ALL: [Self; 2] = [Self::Compute, Self::Batches];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Batches => "batches",
        }
    }
}

/// The metrics of one stream, looked up once: looking one up takes memory.
#[derive(Debug)]
pub(crate) struct Meters {
    flow: &'static str,
    stages: [Histogram; 5],
    images: [Counter; 4],
    read_bytes: Counter,
    depths: [Gauge; 2],
    capacities: [Gauge; 2],
    bytes_in_flight: Gauge,
}

/// The stages that are timed.
const STAGES: [Stage; 5] = [Stage::Read, Stage::Decode, Stage::Resize, Stage::Augment, Stage::Standardize];

impl Meters {
    /// `budget` in bytes.
    pub(crate) fn new(flow: &'static str, budget: u64) -> Self {
        gauge!(BYTE_BUDGET.name, "flow" => flow).set(budget as f64);
        Self {
            flow,
            stages: STAGES.map(|stage| histogram!(STAGE_SECONDS.name, "stage" => stage.as_str(), "flow" => flow)),
            images: ImageResult::ALL.map(|result| counter!(IMAGES.name, "result" => result.as_str(), "flow" => flow)),
            read_bytes: counter!(READ_BYTES.name, "flow" => flow),
            depths: Queue::ALL.map(|queue| gauge!(QUEUE_DEPTH.name, "queue" => queue.as_str(), "flow" => flow)),
            capacities: Queue::ALL.map(|queue| gauge!(QUEUE_CAPACITY.name, "queue" => queue.as_str(), "flow" => flow)),
            bytes_in_flight: gauge!(BYTES_IN_FLIGHT.name, "flow" => flow),
        }
    }

    pub(crate) fn stage(&self, stage: Stage, took: Duration) {
        if let Some(place) = STAGES.iter().position(|&timed| timed == stage) {
            self.stages[place].record(took);
        }
    }

    pub(crate) fn read(&self, bytes: usize) {
        self.read_bytes.increment(bytes as u64);
    }

    pub(crate) fn image(&self, result: ImageResult) {
        self.images[result as usize].increment(1);
    }

    pub(crate) fn error(&self, error: &LoaderError) {
        counter!(DECODE_ERRORS.name, "reason" => error.reason(), "flow" => self.flow).increment(1);
    }

    pub(crate) fn queue_depth(&self, queue: Queue, items: usize) {
        self.depths[queue as usize].set(items as f64);
    }

    pub(crate) fn queue_capacity(&self, queue: Queue, items: usize) {
        self.capacities[queue as usize].set(items as f64);
    }

    pub(crate) fn bytes_in_flight(&self, bytes: u64) {
        self.bytes_in_flight.set(bytes as f64);
    }
}
