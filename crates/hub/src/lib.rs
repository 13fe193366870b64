//! A name goes in, a verified local file comes out.
//!
//! [`fetch`] finds one of the published Keras weight files ([`WeightFile`]) on this machine or downloads it. Keras' own
//! folder (`~/.keras/models`) is looked in first and never written; files that this crate downloads live in the user's
//! cache ([`cache_dir`]). Whatever is returned has the published checksum.
//!
//! Under it, [`download`] brings any file from a list of addresses: it resumes by range, retries with exponential
//! backoff, goes on to the next address, verifies size and checksum, and only then gives the file its name. One download
//! per file runs at a time, across processes. Proxies come from the environment (`HTTPS_PROXY`, `HTTP_PROXY`,
//! `ALL_PROXY`, `NO_PROXY`).
//!
//! Nothing is printed: [`Progress`] events go to the caller, who computes rates and draws.

mod cache;
mod catalog;
mod checksum;
mod download;
mod error;
mod fetch;
mod lock;
mod options;
mod progress;
mod proxy;
mod verified;

pub use cache::{cache_dir, keras_models_dir};
pub use catalog::WeightFile;
pub use checksum::{Algorithm, Checksum};
pub use download::{Download, download};
pub use error::{FailedAddress, HubError, Wanted};
pub use fetch::{checksum_of, fetch, locate};
pub use lock::FileLock;
pub use options::{FetchOptions, HttpOptions};
pub use progress::Progress;
