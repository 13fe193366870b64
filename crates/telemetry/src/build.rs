//! What is running.

use metrics::Unit;

use crate::Kind::Gauge;
use crate::Metric;

/// The executable.
pub const INFO: Metric =
    Metric::new(Gauge, "build_info", Unit::Count, &["version", "device", "os", "arch"], "What is running; always 1.");

/// All of them.
pub const ALL: &[Metric] = &[INFO];
