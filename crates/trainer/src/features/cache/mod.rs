//! Features that are computed once: a frozen network makes the same vector of the same photo every time.
//!
//! ```text
//! <cache>/files/files-*.safetensors        which file holds which content        (records)
//! <cache>/calibrations/*.safetensors        batch-norm statistics of untrained networks (calibration)
//! <cache>/<space>/space.json               what all vectors of the folder are of (space)
//! <cache>/<space>/features-*.safetensors   vectors and their keys                (shard)
//! ```
//!
//! A [`Space`] is all that features depend on but the photo; in it, a vector is found by the SHA-256 of the photo's file
//! and by its view: how it is mirrored. A [`Store`] holds one space, and [`Cached`] trains on it: batch by batch what
//! [`Extracted`](super::Extracted) gives, of which only what is missing is loaded and computed, when it is needed first.
//!
//! Files are written by one thread, whole, under names that follow from what is in them, and are never changed: several
//! processes may use a cache at once, and one that is killed leaves nothing half done. Every row has a checksum, which is
//! verified when the row is used; what is damaged is computed again.

mod calibration;
mod content;
mod copies;
mod digest;
mod inventory;
mod lookup;
mod pass;
mod recorder;
mod records;
mod shard;
mod source;
mod space;
mod store;
mod table;
mod tensors;

pub use calibration::{Calibrated, CalibrationKey, Calibrations};
pub use copies::{CopyEntry, CopyKind, copies};
pub use digest::data_digest;
pub use inventory::{Pruned, SpaceEntry, Verified, list, prune, verify};
pub use shard::Stored;
pub use source::{Cached, Tally, Views};
pub use space::Space;
pub use store::{Store, Warn};

/// The folder of the records.
const FILES: &str = "files";
/// The folder of calibrated batch-norm statistics.
const CALIBRATIONS: &str = "calibrations";
/// What a space is of, in its folder.
const SPACE_FILE: &str = "space.json";
/// Locked while a folder is in use; its time says when it was last.
const LOCK: &str = "lock";

#[cfg(test)]
mod tests;
