//! A file that holds named tensors, whatever its format.

use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{Layout, format_digest, hdf5, safetensors};
use crate::error::BackboneError;

/// Weights of the largest architecture take 94 MB, with a top 103 MB, and a full model with the state of an optimizer
/// three times that. A file beyond this is something else, and is not read into memory.
const MAX_BYTES: u64 = 2 << 30;

/// A tensor in a file, not yet read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The layer that the file lists it under; empty where the format has no layers.
    pub(super) group: String,
    /// Its name in that layer, as the file spells it.
    pub(super) name: String,
    /// Its shape.
    pub(super) shape: Vec<usize>,
}

impl Entry {
    /// Where to find it in the file.
    pub(super) fn path(&self) -> String {
        if self.group.is_empty() { self.name.clone() } else { format!("{}/{}", self.group, self.name) }
    }
}

/// What a file says of itself beside the tensors.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct About {
    pub(super) layout: Option<Layout>,
    pub(super) epsilon: Option<f64>,
    pub(super) untrained: bool,
}

/// An opened file.
pub(super) trait Container {
    /// Its tensors.
    fn entries(&self) -> &[Entry];
    /// The values of entry `index`, row-major.
    fn read(&self, index: usize) -> Result<Vec<f32>, BackboneError>;
    /// What the file says of itself.
    fn about(&self) -> About {
        About::default()
    }
}

/// The bytes of a regular file.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, BackboneError> {
    let io = |stage| move |source| BackboneError::Io { path: path.to_owned(), stage, source };
    let mut file = std::fs::File::open(path).map_err(io("open"))?;
    let metadata = file.metadata().map_err(io("open"))?;
    let refuse = |reason| Err(BackboneError::NotWeights { path: path.to_owned(), reason });
    if !metadata.is_file() {
        return refuse("it is not a regular file".to_owned());
    }
    if metadata.len() > MAX_BYTES {
        return refuse(format!("it has {} bytes, more than any backbone's weights", metadata.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.by_ref().take(MAX_BYTES).read_to_end(&mut bytes).map_err(io("read"))?;
    Ok(bytes)
}

/// Opens a file's bytes by their content, not by the file's name, and gives the digest of the file with it.
pub(super) fn open(bytes: Vec<u8>, path: &Path) -> Result<(Box<dyn Container>, String), BackboneError> {
    let bytes = Bytes::from(bytes);
    // The digest takes as long as the parsing; one of the two runs beside.
    std::thread::scope(|scope| {
        let digest = scope.spawn(|| format_digest(&Sha256::digest(&bytes)));
        let container: Box<dyn Container> = if hdf5::is_hdf5(&bytes) {
            Box::new(hdf5::Hdf5::open(bytes.clone(), path)?)
        } else if safetensors::is_safetensors(&bytes) {
            Box::new(safetensors::Safetensors::open(bytes.clone(), path)?)
        } else {
            return Err(BackboneError::NotWeights { path: path.to_owned(), reason: foreign(&bytes).to_owned() });
        };
        let digest = digest.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((container, digest))
    })
}

/// What a file is that is neither HDF5 nor safetensors, as far as its first bytes tell.
fn foreign(bytes: &[u8]) -> &'static str {
    let start = bytes.trim_ascii_start();
    if bytes.is_empty() {
        "it is empty; fetch it again"
    } else if bytes.starts_with(b"PK\x03\x04") {
        "it is a zip archive (a `.keras` or `.pth` file); in Keras save the model with `model.save(\"model.h5\")`"
    } else if start.starts_with(b"<") {
        "it is a web page, perhaps a failed download; fetch it again"
    } else {
        "its content is neither HDF5 nor safetensors"
    }
}
