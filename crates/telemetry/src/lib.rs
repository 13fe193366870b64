//! Every metric of the workspace, defined once: what records it, what serves it, the dashboard and the alerts all take its
//! name from here.
//!
//! Names follow Prometheus: base units, `_total` on what only grows, few values a label.

pub mod build;
pub mod cache;
pub mod loader;
pub mod stage;
pub mod train;
pub mod verdict;

use metrics::Unit;

/// Upper bounds of the buckets of every histogram of seconds: a decoded thumbnail to an epoch of hours.
pub const SECONDS_BUCKETS: [f64; 20] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0, 600.0, 3600.0,
];

/// Every metric, room by room.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    [loader::ALL, train::ALL, cache::ALL, build::ALL].into_iter().flatten()
}

/// Registers help text and unit of every metric with the recorder that is installed.
pub fn describe() {
    for metric in all() {
        metric.describe();
    }
}

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number that only grows.
    Counter,
    /// Seconds that only grow. Counters of the `metrics` facade are whole numbers, so that it is recorded as a gauge; it is
    /// served as the counter that it is.
    SecondsCounter,
    /// A value that goes up and down.
    Gauge,
    /// Counts by size, in buckets.
    Histogram,
}

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// As it is served.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// What it counts in.
    pub unit: Unit,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it means, in a sentence.
    pub help: &'static str,
}

impl Metric {
    const fn new(
        kind: Kind,
        name: &'static str,
        unit: Unit,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, kind, unit, labels, help }
    }

    /// Registers help text and unit with the recorder that is installed.
    pub fn describe(&self) {
        match self.kind {
            Kind::Counter => metrics::describe_counter!(self.name, self.unit, self.help),
            Kind::SecondsCounter | Kind::Gauge => metrics::describe_gauge!(self.name, self.unit, self.help),
            Kind::Histogram => metrics::describe_histogram!(self.name, self.unit, self.help),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_as_prometheus_asks() {
        let mut names = BTreeSet::new();
        for metric in all() {
            let name = metric.name;
            assert!(names.insert(name), "{name} is there twice");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            let grows = matches!(metric.kind, Kind::Counter | Kind::SecondsCounter);
            assert_eq!(name.ends_with("_total"), grows, "{name}");
            let base = name.trim_end_matches("_total");
            assert_eq!(base.ends_with("_seconds"), metric.unit == Unit::Seconds, "{name}");
            assert_eq!(base.contains("bytes"), metric.unit == Unit::Bytes, "{name}");
            assert!(metric.help.ends_with('.') && !metric.help.contains('\n'), "{name}");
            assert!(metric.labels.iter().all(|label| !["job", "instance", "le"].contains(label)), "{name}");
        }
    }
}
