//! Pushing metrics, for runs that end between two scrapes.

use std::time::Duration;

use anyhow::bail;

/// A gateway that does not answer must not hold up the end of a run.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Replaces the group of metrics at `url`: `http://HOST:9091/metrics/job/NAME`.
pub(super) fn put(url: &str, text: &str) -> anyhow::Result<()> {
    let config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build();
    let mut response =
        ureq::Agent::new_with_config(config).put(url).content_type("text/plain; version=0.0.4").send(text)?;
    if !response.status().is_success() {
        let answer = response.body_mut().with_config().limit(4096).read_to_string().unwrap_or_default();
        bail!("the gateway answered {}: {}", response.status(), answer.trim());
    }
    Ok(())
}
