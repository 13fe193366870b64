//! Prometheus metrics over HTTP.

use std::net::{IpAddr, SocketAddr, TcpListener};

use anyhow::Context;
use metrics::{Unit, describe_gauge, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};

/// Upper bounds of every histogram of seconds: a decoded thumbnail to a large batch on a slow machine.
const SECONDS: [f64; 16] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// How often another free port is tried where someone else was faster.
const ATTEMPTS: usize = 8;

/// Serves `/metrics` from now until the process ends, and returns the address; port 0 becomes a free one.
pub(crate) fn start(address: SocketAddr, device: &str) -> anyhow::Result<SocketAddr> {
    let mut attempts = if address.port() == 0 { ATTEMPTS } else { 1 };
    let address = loop {
        // The exporter does not tell which port it got, so that a free one is looked for here.
        let bound = free_address(address).with_context(|| format!("metrics cannot be served on {address}"))?;
        match install(bound) {
            Err(BuildError::FailedToCreateHTTPListener(_)) if attempts > 1 => attempts -= 1,
            installed => {
                installed.with_context(|| format!("metrics cannot be served on {bound}"))?;
                break bound;
            }
        }
    };
    describe_gauge!("build_info", Unit::Count, "What is running; always 1.");
    gauge!(
        "build_info",
        "version" => env!("CARGO_PKG_VERSION"),
        "device" => device.to_owned(),
        "os" => std::env::consts::OS,
        "arch" => std::env::consts::ARCH,
    )
    .set(1.0);
    xfer_loader::describe_metrics();
    xfer_trainer::describe_metrics();
    Ok(address)
}

/// Whether others than this machine can reach the address.
pub(crate) fn is_public(address: IpAddr) -> bool {
    !address.is_loopback()
}

/// The address with a port that is free at this moment.
fn free_address(address: SocketAddr) -> std::io::Result<SocketAddr> {
    TcpListener::bind(address)?.local_addr()
}

fn install(address: SocketAddr) -> Result<(), BuildError> {
    PrometheusBuilder::new()
        .with_http_listener(address)
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .install()
}
