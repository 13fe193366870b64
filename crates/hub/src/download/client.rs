//! The HTTP client of one address.

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use crate::{HttpOptions, HubError, proxy};

/// A client with this address' proxy and the time-outs of `http`. Certificates are those that the system trusts.
pub(super) fn agent(url: &str, http: &HttpOptions) -> Result<Agent, HubError> {
    agent_with(url, http, |name| std::env::var(name).ok())
}

/// The same, with the environment as a function.
pub(super) fn agent_with(
    url: &str,
    http: &HttpOptions,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Agent, HubError> {
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    Ok(Agent::config_builder()
        .http_status_as_error(false)
        .proxy(proxy::for_url(url, variable)?)
        .tls_config(tls)
        .user_agent(concat!("xfer/", env!("CARGO_PKG_VERSION")))
        // Ranges and checksums are those of the file itself.
        .accept_encoding("identity")
        .timeout_resolve(Some(http.connect_timeout))
        .timeout_connect(Some(http.connect_timeout))
        .timeout_recv_response(Some(http.stall_timeout))
        .timeout_per_read(Some(http.stall_timeout))
        .timeout_per_write(Some(http.stall_timeout))
        .build()
        .new_agent())
}
