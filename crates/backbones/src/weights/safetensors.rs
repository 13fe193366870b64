//! safetensors with the canonical names: read, and written whole or not at all.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use safetensors::tensor::{Metadata, View};
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::container::{About, Container, Entry};
use super::{Layout, TensorView, Weights, format_digest, little_endian};
use crate::error::BackboneError;

/// Keys of the file's own metadata.
const ARCHITECTURE: &str = "architecture";
pub(super) const EPSILON: &str = "batch_norm_epsilon";
pub(super) const UNTRAINED: &str = "untrained";

/// Whether `bytes` begin as safetensors: the length of the header in eight bytes, then the header, a JSON object.
pub(super) fn is_safetensors(bytes: &[u8]) -> bool {
    matches!(bytes.get(8), Some(b'{'))
}

/// An opened safetensors file.
pub(super) struct Safetensors {
    path: PathBuf,
    bytes: Bytes,
    /// Where the values begin.
    start: usize,
    metadata: Metadata,
    entries: Vec<Entry>,
}

impl Safetensors {
    pub(super) fn open(bytes: Bytes, path: &Path) -> Result<Self, BackboneError> {
        let damaged = |source: safetensors::SafeTensorError| BackboneError::Damaged {
            path: path.to_owned(),
            format: "safetensors",
            at: "header".to_owned(),
            bytes: bytes.len() as u64,
            source: Box::new(source),
        };
        // `deserialize` checks that the tensors lie inside the file; `read_metadata` alone does not.
        SafeTensors::deserialize(&bytes).map_err(damaged)?;
        let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
        let mut tensors: Vec<_> = metadata.tensors().into_iter().collect();
        tensors.sort_by_key(|(_, info)| info.data_offsets.0);
        let entries = tensors
            .into_iter()
            .map(|(name, info)| Entry { group: String::new(), name, shape: info.shape.clone() })
            .collect();
        Ok(Self { path: path.to_owned(), start: header + 8, bytes: bytes.clone(), metadata, entries })
    }
}

impl Container for Safetensors {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, index: usize) -> Result<Vec<f32>, BackboneError> {
        let name = &self.entries[index].name;
        let info = self.metadata.info(name);
        let Some(info) = info.filter(|info| info.dtype == Dtype::F32) else {
            return Err(BackboneError::TensorType {
                path: self.path.clone(),
                tensor: name.clone(),
                expected: "F32",
                got: info.map_or_else(String::new, |info| format!("{:?}", info.dtype)),
            });
        };
        let (from, to) = info.data_offsets;
        let bytes = self.bytes.get(self.start + from..self.start + to).unwrap_or_default();
        Ok(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    fn about(&self) -> About {
        let own = self.metadata.metadata().as_ref();
        let get = |key: &str| own.and_then(|m| m.get(key)).map(String::as_str);
        About {
            layout: Some(Layout::Safetensors),
            epsilon: get(EPSILON).and_then(|e| e.parse().ok()).filter(|e: &f64| e.is_finite() && *e >= 0.0),
            untrained: get(UNTRAINED) == Some("true"),
        }
    }
}

/// Writes `weights` and returns the digest of the file.
pub(super) fn save(weights: &Weights, path: &Path) -> Result<String, BackboneError> {
    let write = || -> io::Result<String> {
        let bytes = serialize(weights, HashMap::new())?;
        prepare(&bytes, path)?.persist_noclobber(path)?;
        Ok(format_digest(&Sha256::digest(&bytes)))
    };
    write().map_err(|source| BackboneError::Io { path: path.to_owned(), stage: "write", source })
}

/// The file's bytes; `about` is added to its metadata.
pub(super) fn serialize(weights: &Weights, mut about: HashMap<String, String>) -> io::Result<Vec<u8>> {
    about.extend([
        (ARCHITECTURE.to_owned(), weights.architecture().to_string()),
        // `{:?}` of a float reads back as the same float.
        (EPSILON.to_owned(), format!("{:?}", weights.epsilon())),
        (UNTRAINED.to_owned(), weights.is_untrained().to_string()),
    ]);
    let tensors: Vec<(&str, Borrowed<'_>)> = weights.tensors().map(|t| (t.name, Borrowed(t))).collect();
    safetensors::serialize(tensors, Some(about)).map_err(io::Error::other)
}

/// A complete file beside `path` that has yet to be given that name.
pub(super) fn prepare(bytes: &[u8], path: &Path) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".xfer-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any new file: the process' umask takes its part away. The default would be readable by the owner alone.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

struct Borrowed<'a>(TensorView<'a>);

impl View for Borrowed<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        little_endian(self.0.values)
    }

    fn data_len(&self) -> usize {
        size_of_val(self.0.values)
    }
}
