//! How much of the loader's time goes into which stage, from its own histograms.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::anyhow;
use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// Keeps the sum of every stage's seconds, and nothing else of what is reported.
#[derive(Clone, Debug, Default)]
pub(super) struct StageClock(Arc<Mutex<BTreeMap<String, Arc<Seconds>>>>);

#[derive(Debug, Default)]
struct Seconds(Mutex<f64>);

const HISTOGRAM: &str = "loader_stage_seconds";

impl StageClock {
    /// Listens from now until the process ends.
    pub(super) fn install() -> anyhow::Result<Self> {
        let clock = Self::default();
        metrics::set_global_recorder(clock.clone()).map_err(|error| anyhow!("stages cannot be timed: {error}"))?;
        Ok(clock)
    }

    /// Each stage's name and its share, `0..=1`, of all that was recorded; the largest first. A stage that took no time did
    /// not run.
    pub(super) fn shares(&self) -> Vec<(String, f64)> {
        let mut shares: Vec<_> = lock(&self.0).iter().map(|(stage, sum)| (stage.clone(), *lock(&sum.0))).collect();
        shares.retain(|(_, seconds)| *seconds > 0.0);
        let all: f64 = shares.iter().map(|(_, seconds)| seconds).sum();
        for (_, share) in &mut shares {
            *share /= all.max(f64::MIN_POSITIVE);
        }
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        shares
    }
}

impl Recorder for StageClock {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let stage = key.labels().find(|label| label.key() == "stage").filter(|_| key.name() == HISTOGRAM);
        stage.map_or_else(Histogram::noop, |stage| {
            let sums = &mut lock(&self.0);
            Histogram::from_arc(Arc::clone(sums.entry(stage.value().to_owned()).or_default()))
        })
    }
}

impl HistogramFn for Seconds {
    fn record(&self, value: f64) {
        *lock(&self.0) += value;
    }
}

/// Sums stay right where a thread that added to them has panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_summed_by_stage() {
        let clock = StageClock::default();
        metrics::with_local_recorder(&clock, || {
            for (stage, seconds) in [("decode", 2.0), ("resize", 1.0), ("decode", 5.0)] {
                metrics::histogram!(HISTOGRAM, "stage" => stage, "flow" => "bench").record(seconds);
            }
            metrics::histogram!("something_else_seconds", "stage" => "train").record(9.0);
        });
        assert_eq!(clock.shares(), [("decode".to_owned(), 0.875), ("resize".to_owned(), 0.125)]);
        assert!(StageClock::default().shares().is_empty());
    }
}
