//! What is measured: single stages of the loader, and whole passes, on the photos that `cargo xtask bench` draws.
//!
//! The same cases are timed by criterion (`cargo bench -p xfer-benches`) and counted, instruction by instruction, by
//! callgrind (`cargo xtask bench --counts`).

mod case;
mod passes;
mod photos;
mod stages;

pub use case::{Case, NAMES};
pub use passes::{Augmentation, generator};
pub use photos::Photos;

/// Side of the images that a pass makes, in pixels.
pub const SIDE: usize = 224;
