//! Metrics, recorded and rendered as `xfer-cli train` does it.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use xfer_telemetry::SECONDS_BUCKETS;

/// From one scrape to the next.
const SCRAPES: Duration = Duration::from_secs(1);

/// Records from now until the process ends, and is scraped each second.
pub(crate) fn install() -> Result<()> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| anyhow!("metrics cannot be recorded: {error}"))?;
    xfer_telemetry::describe();
    thread::spawn(move || {
        loop {
            thread::sleep(SCRAPES);
            handle.run_upkeep();
            black_box(handle.render());
        }
    });
    Ok(())
}
