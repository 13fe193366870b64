//! `xfer-cli` as its users meet it.
//!
//! The backbones are untrained (`--weights random`) and photos small, so that a run takes a second.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod batches;
mod bench;
mod cache;
mod disk;
mod doctor;
mod evaluate;
mod export;
mod extract;
mod extract_faults;
mod failures;
mod interrupt;
mod log;
mod metrics;
mod port;
mod predict;
mod resume;
mod runs;
mod scan;
mod split;
mod summary;
mod surface;
mod sweep;
mod train;
mod verdict;
mod warm;

/// What every training of these tests says. `train` makes 6 steps of 2 photos of it where 6 a class are drawn.
const TRAIN: &str = "train --data photos --weights random --image-size 48 --metrics-addr off";
