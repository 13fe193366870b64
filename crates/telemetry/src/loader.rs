//! The loader: files to batches. `flow` tells its streams apart: `training`, `validation`, `extraction` and so on.

use metrics::Unit;

use crate::Kind::{Counter, Gauge, Histogram, SecondsCounter};
use crate::Metric;

/// Images that left the compute threads.
pub const IMAGES: Metric = Metric::new(
    Counter,
    "loader_images_total",
    Unit::Count,
    &["result", "flow"],
    "Images that left the loader's compute threads, by result (ok, error, skipped or replaced).",
);
/// Bytes read.
pub const READ_BYTES: Metric =
    Metric::new(Counter, "loader_read_bytes_total", Unit::Bytes, &["flow"], "Bytes of image files read.");
/// What an image costs, stage by stage.
pub const STAGE_SECONDS: Metric = Metric::new(
    Histogram,
    "loader_stage_seconds",
    Unit::Seconds,
    &["stage", "flow"],
    "Seconds that one image, or a batch of them, spent in a stage of the loader.",
);
/// Items waiting in a queue.
pub const QUEUE_DEPTH: Metric = Metric::new(
    Gauge,
    "loader_queue_depth",
    Unit::Count,
    &["queue", "flow"],
    "Items waiting in a queue of the loader.",
);
/// Items that fit in a queue.
pub const QUEUE_CAPACITY: Metric = Metric::new(
    Gauge,
    "loader_queue_capacity",
    Unit::Count,
    &["queue", "flow"],
    "Items that fit in a queue of the loader.",
);
/// Time lost at a queue.
pub const QUEUE_WAIT_SECONDS: Metric = Metric::new(
    SecondsCounter,
    "loader_queue_wait_seconds_total",
    Unit::Seconds,
    &["queue", "side", "flow"],
    "Seconds that threads were blocked at a queue of the loader: side put where it was full, take where it was empty.",
);
/// What failed.
pub const DECODE_ERRORS: Metric = Metric::new(
    Counter,
    "loader_decode_errors_total",
    Unit::Count,
    &["reason", "flow"],
    "Images that could not be read or decoded, by reason.",
);
/// Memory in use.
pub const BYTES_IN_FLIGHT: Metric = Metric::new(
    Gauge,
    "loader_in_flight_bytes",
    Unit::Bytes,
    &["flow"],
    "Bytes of buffers for files and batches, those of kept batches too.",
);
/// Memory allowed.
pub const BYTE_BUDGET: Metric =
    Metric::new(Gauge, "loader_budget_bytes", Unit::Bytes, &["flow"], "Memory that the loader's budget allows.");

/// All of them.
pub const ALL: &[Metric] = &[
    IMAGES,
    READ_BYTES,
    STAGE_SECONDS,
    QUEUE_DEPTH,
    QUEUE_CAPACITY,
    QUEUE_WAIT_SECONDS,
    DECODE_ERRORS,
    BYTES_IN_FLIGHT,
    BYTE_BUDGET,
];
