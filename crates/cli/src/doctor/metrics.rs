//! Whether the address at which `train` serves metrics is free.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use serde_json::json;

use super::report::Report;

/// The default of `--metrics-addr`.
const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

pub(super) fn tell(report: &mut Report) {
    let bound = TcpListener::bind(ADDRESS);
    report.fact("metrics", json!({ "address": ADDRESS.to_string(), "free": bound.is_ok() }));
    match bound {
        Ok(_) => report.good("metrics", format!("{ADDRESS} is free")),
        Err(error) => report.note(
            "metrics",
            format!("{ADDRESS} cannot be had ({error})"),
            "`train` goes on without metrics; --metrics-addr chooses another address",
        ),
    }
}
