//! Stages, by name. The same names stand in the `stage` label of the metrics, in errors, in spans of the log and in the
//! [verdict](crate::verdict).

/// Reading a file's bytes.
pub const READ: &str = "read";
/// Bytes to pixels.
pub const DECODE: &str = "decode";
/// Pixels to the target size.
pub const RESIZE: &str = "resize";
/// Warps and colours, drawn at random.
pub const AUGMENT: &str = "augment";
/// Pixels to the numbers that are trained on, written to their slot.
pub const STANDARDIZE: &str = "standardize";
/// Writing an augmented image to a file.
pub const SAVE: &str = "save";
/// Slots to a batch.
pub const COLLATE: &str = "collate";

/// A batch to the device.
pub const UPLOAD: &str = "upload";
/// Pixels to features.
pub const FORWARD: &str = "forward";
/// Features out of the cache.
pub const CACHE: &str = "cache";
/// A step of the head.
pub const HEAD: &str = "head";

/// The loader's, in the order in which an image passes through them; all but the first on the threads that compute.
pub const LOADER: [&str; 7] = [READ, DECODE, RESIZE, AUGMENT, STANDARDIZE, SAVE, COLLATE];

/// Training's, in the order of a step.
pub const TRAINING: [&str; 4] = [CACHE, UPLOAD, FORWARD, HEAD];
