//! What the loader reports through the `metrics` facade, to the recorder that is installed when a stream starts.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use xfer_telemetry::loader::{
    ALL, BYTE_BUDGET, BYTES_IN_FLIGHT, DECODE_ERRORS, IMAGES, QUEUE_CAPACITY, QUEUE_DEPTH, QUEUE_WAIT_SECONDS,
    READ_BYTES, STAGE_SECONDS,
};

use crate::clocks::{Clocks, STAGES, Wait};
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
    /// Samples planned, waiting to be read.
    Plans,
    /// Files read, waiting for a compute thread.
    Compute,
    /// Batches begun or finished, waiting for the consumer.
    Batches,
}

impl Queue {
    const ALL: [Self; 3] = [Self::Plans, Self::Compute, Self::Batches];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Plans => "plans",
            Self::Compute => "compute",
            Self::Batches => "batches",
        }
    }
}

/// A side of a queue: threads that put something in wait where it is full, those that take where it is empty.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    Put,
    Take,
}

/// The sides by name.
const SIDES: [&str; 2] = ["put", "take"];

/// The metrics of one stream, looked up once: looking one up takes memory.
#[derive(Debug)]
pub(crate) struct Meters {
    flow: &'static str,
    stages: [Histogram; STAGES.len()],
    images: [Counter; 4],
    read_bytes: Counter,
    depths: [Gauge; 3],
    capacities: [Gauge; 3],
    waits: [[Gauge; 2]; 3],
    bytes_in_flight: Gauge,
    clocks: Arc<Clocks>,
}

impl Meters {
    /// `budget` in bytes; times are told to `clocks` as well.
    pub(crate) fn new(flow: &'static str, budget: u64, clocks: Arc<Clocks>) -> Self {
        let wait = |queue: Queue, side| {
            let seconds = gauge!(QUEUE_WAIT_SECONDS.name, "queue" => queue.as_str(), "side" => side, "flow" => flow);
            seconds.increment(0.0);
            seconds
        };
        gauge!(BYTE_BUDGET.name, "flow" => flow).set(budget as f64);
        Self {
            flow,
            stages: STAGES.map(|stage| histogram!(STAGE_SECONDS.name, "stage" => stage.as_str(), "flow" => flow)),
            images: ImageResult::ALL.map(|result| counter!(IMAGES.name, "result" => result.as_str(), "flow" => flow)),
            read_bytes: counter!(READ_BYTES.name, "flow" => flow),
            depths: Queue::ALL.map(|queue| gauge!(QUEUE_DEPTH.name, "queue" => queue.as_str(), "flow" => flow)),
            capacities: Queue::ALL.map(|queue| gauge!(QUEUE_CAPACITY.name, "queue" => queue.as_str(), "flow" => flow)),
            waits: Queue::ALL.map(|queue| SIDES.map(|side| wait(queue, side))),
            bytes_in_flight: gauge!(BYTES_IN_FLIGHT.name, "flow" => flow),
            clocks,
        }
    }

    pub(crate) fn stage(&self, stage: Stage, took: Duration) {
        if let Some(place) = STAGES.iter().position(|&timed| timed == stage) {
            self.stages[place].record(took);
            self.clocks.stage(place, took);
        }
    }

    /// A thread was blocked.
    pub(crate) fn waited(&self, wait: Wait, took: Duration) {
        if let Some((queue, side)) = wait.at() {
            self.waits[queue as usize][side as usize].increment(took.as_secs_f64());
        }
        self.clocks.waited(wait, took);
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
