//! The cache of features.

use metrics::Unit;

use crate::Kind::Counter;
use crate::Metric;

/// Vectors asked for.
pub const FEATURES: Metric = Metric::new(
    Counter,
    "cache_features_total",
    Unit::Count,
    &["result"],
    "Feature vectors that the cache was asked for, by result (hit or miss).",
);

/// All of them.
pub const ALL: &[Metric] = &[FEATURES];
