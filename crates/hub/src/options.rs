//! How files are looked for and fetched.

use std::path::PathBuf;
use std::time::Duration;

use crate::{HubError, cache_dir, keras_models_dir};

/// How [`fetch`](crate::fetch) looks for a weight file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FetchOptions {
    /// Keras' folder, looked in first and never written. `None`: not looked in.
    pub keras_models_dir: Option<PathBuf>,
    /// Where downloaded files live.
    pub models_dir: PathBuf,
    /// Base address to download from instead of the published ones; the file's name is appended.
    pub mirror: Option<String>,
    /// Use what is on this machine and never the network.
    pub offline: bool,
    /// Retries and time-outs.
    pub http: HttpOptions,
}

impl FetchOptions {
    /// Files in `models_dir`, no other folder looked in, the published addresses.
    #[must_use]
    pub fn new(models_dir: PathBuf) -> FetchOptions {
        FetchOptions { keras_models_dir: None, models_dir, mirror: None, offline: false, http: HttpOptions::default() }
    }

    /// What the environment says: [`keras_models_dir`], `models` in [`cache_dir`], `XFER_WEIGHTS_MIRROR` (a base
    /// address) and `XFER_OFFLINE` (set to anything but `0`, `false` or nothing).
    ///
    /// # Errors
    ///
    /// [`HubError::NoCacheDir`] where no cache folder is known.
    pub fn from_env() -> Result<FetchOptions, HubError> {
        let text = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        Ok(FetchOptions {
            keras_models_dir: keras_models_dir(),
            mirror: text("XFER_WEIGHTS_MIRROR"),
            offline: text("XFER_OFFLINE").is_some_and(|value| is_on(&value)),
            ..FetchOptions::new(cache_dir()?.join("models"))
        })
    }
}

/// Retries and time-outs of a download.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HttpOptions {
    /// Failed attempts in a row, each without a single new byte, before an address is given up (8).
    pub retries: usize,
    /// Failed attempts in a row to reach a host at all before its address is given up (2).
    pub connect_retries: usize,
    /// The first pause (0.5 s); each next one is twice as long, and a random part of it is added.
    pub min_delay: Duration,
    /// The longest pause that grows this way (20 s).
    pub max_delay: Duration,
    /// The longest pause that a server may ask for by `Retry-After` (2 minutes).
    pub max_retry_after: Duration,
    /// To look up a name and to connect, each (10 s).
    pub connect_timeout: Duration,
    /// Without a byte from the server, at the answer or within the body (30 s).
    pub stall_timeout: Duration,
}

impl Default for HttpOptions {
    fn default() -> Self {
        HttpOptions {
            retries: 8,
            connect_retries: 2,
            min_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(20),
            max_retry_after: Duration::from_secs(120),
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
        }
    }
}

fn is_on(value: &str) -> bool {
    !matches!(value.trim().to_ascii_lowercase().as_str(), "" | "0" | "false" | "no" | "off")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_read_as_people_write_them() {
        for on in ["1", "true", "yes", " on "] {
            assert!(is_on(on), "{on:?}");
        }
        for off in ["0", "false", "No", " ", "off"] {
            assert!(!is_on(off), "{off:?}");
        }
    }
}
