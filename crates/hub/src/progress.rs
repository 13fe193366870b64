//! What a caller is told while a file is on its way.

use std::path::Path;
use std::time::Duration;

use crate::{Checksum, HubError};

/// One event. Rates and the time left are for the display to compute.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A file of the right name but the wrong content lies here and is not used. Keras' folder is left as it is; in
    /// this project's cache the download replaces the file.
    Ignored {
        /// The file.
        path: &'a Path,
        /// What the published file sums to.
        expected: &'a Checksum,
        /// What this one sums to.
        got: &'a Checksum,
    },
    /// Another process downloads the same file; this one waits for it.
    Waiting {
        /// The file that both want.
        path: &'a Path,
    },
    /// A request goes out.
    Connecting {
        /// Its address.
        url: &'a str,
    },
    /// The server answered and bytes follow.
    Started {
        /// Bytes of the whole file, where known.
        total: Option<u64>,
        /// Bytes that were here already.
        resumed_from: u64,
    },
    /// Bytes arrived.
    Received {
        /// Bytes of the file that are here now.
        bytes: u64,
        /// Bytes of the whole file, where known.
        total: Option<u64>,
    },
    /// This attempt failed; the next one follows after a pause.
    Retrying {
        /// Why.
        error: &'a HubError,
        /// Number of the attempt to come, counted from 1 for the first retry.
        retry: usize,
        /// How long the pause is.
        delay: Duration,
    },
    /// What has arrived is of no use; the download begins again from the first byte.
    StartingOver {
        /// Why.
        error: &'a HubError,
    },
    /// This address is given up; the next one is tried.
    NextAddress {
        /// Why.
        error: &'a HubError,
    },
    /// The file's content is being checked.
    Verifying {
        /// Bytes read so far.
        bytes: u64,
        /// Bytes of the whole file.
        total: u64,
    },
}
