//! Metrics of a run: recorded here, served over HTTP, pushed, or left as a file.

mod push;
mod server;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use anyhow::{Context, anyhow};
use metrics::gauge;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use xfer_telemetry::{Kind, build};
use xfer_trainer::{AtomicFile, Existing};

/// What the process has recorded so far.
#[derive(Clone, Debug)]
pub(crate) struct Recorded(PrometheusHandle);

impl Recorded {
    /// Records from now until the process ends, with the name of the `run` and torchrun's rank in every series. Only the
    /// first call of a process can succeed.
    pub(crate) fn install(device: &str, run: &str) -> anyhow::Result<Self> {
        let rank = std::env::var("RANK").ok().filter(|rank| rank.parse::<u32>().is_ok());
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &xfer_telemetry::SECONDS_BUCKETS)?
            .add_global_label("run", run)
            .add_global_label("rank", rank.unwrap_or_else(|| "0".to_owned()))
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|error| anyhow!("metrics cannot be recorded: {error}"))?;
        xfer_telemetry::describe();
        gauge!(
            build::INFO.name,
            "version" => env!("CARGO_PKG_VERSION"),
            "device" => device.to_owned(),
            "os" => std::env::consts::OS,
            "arch" => std::env::consts::ARCH,
        )
        .set(1.0);
        Ok(Self(handle))
    }

    /// Serves `/metrics` and `/healthz` from now until the process ends, and returns the address; port 0 becomes a free
    /// one.
    pub(crate) fn serve(&self, address: SocketAddr) -> anyhow::Result<SocketAddr> {
        let recorded = self.clone();
        server::start(address, move || recorded.text())
            .with_context(|| format!("metrics cannot be served on {address}"))
    }

    /// Sends everything to a push gateway, in place of what it had of this group.
    pub(crate) fn push(&self, url: &str) -> anyhow::Result<()> {
        push::put(url, &self.text()).with_context(|| format!("metrics cannot be pushed to {url}"))
    }

    /// Writes everything to a file, as it would be served; one that is there is replaced.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        Ok(AtomicFile::write_all(path, self.text().as_bytes(), Existing::Replace)?)
    }

    /// In Prometheus' text format.
    pub(crate) fn text(&self) -> String {
        // Moves what histograms have recorded out of a list that would otherwise only grow.
        self.0.run_upkeep();
        as_counters(self.0.render())
    }
}

/// Whether others than this machine can reach the address.
pub(crate) fn is_public(address: IpAddr) -> bool {
    !address.is_loopback()
}

/// Declares the seconds that only grow, which were recorded as gauges, as the counters that they are.
fn as_counters(mut text: String) -> String {
    for metric in xfer_telemetry::all().filter(|metric| metric.kind == Kind::SecondsCounter) {
        let (gauge, counter) = (format!("# TYPE {} gauge", metric.name), format!("# TYPE {} counter", metric.name));
        text = text.replacen(&gauge, &counter, 1);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_that_only_grow_are_counters() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            gauge!(xfer_telemetry::train::WAIT_SECONDS.name).increment(1.5);
            gauge!(xfer_telemetry::train::LOSS.name).set(0.5);
        });
        let text = as_counters(handle.render());
        assert!(text.contains("# TYPE train_wait_seconds_total counter\ntrain_wait_seconds_total 1.5"), "{text}");
        assert!(text.contains("# TYPE train_loss gauge"), "{text}");
    }
}
