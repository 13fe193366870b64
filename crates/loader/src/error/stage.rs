//! The steps of the pipeline, by name.

use std::fmt;

use xfer_telemetry::stage;

/// A step of the pipeline: the same names stand in errors and in the `stage` label of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Listing folders.
    Index,
    /// Reading a file's bytes.
    Read,
    /// Bytes to pixels.
    Decode,
    /// Pixels to the target size.
    Resize,
    /// Warps, flips and colours, drawn at random.
    Augment,
    /// Pixels to the numbers that are trained on, written to their slot.
    Standardize,
    /// Writing an augmented image to a file, where that is asked for.
    Save,
    /// Slots to a batch.
    Collate,
}

impl Stage {
    /// The name as it stands in messages and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Read => stage::READ,
            Self::Decode => stage::DECODE,
            Self::Resize => stage::RESIZE,
            Self::Augment => stage::AUGMENT,
            Self::Standardize => stage::STANDARDIZE,
            Self::Save => stage::SAVE,
            Self::Collate => stage::COLLATE,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
