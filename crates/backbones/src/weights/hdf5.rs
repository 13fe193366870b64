//! Keras HDF5 files: layers by `layer_names`, datasets by each layer's `weight_names`.
//!
//! The format is read by `hdf5-reader`, which is Rust throughout (libhdf5 would need CMake), checks every offset and
//! bounds recursion and allocation. It was tried against files written by h5py with superblocks 0, 2 and 3, contiguous,
//! compact, chunked and compressed datasets, and fixed and variable-length strings. Should it panic on a damaged
//! file, that becomes an error here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use hdf5_reader::group::Group;
use hdf5_reader::messages::datatype::Datatype;
use hdf5_reader::{Dataset, Hdf5File, OpenOptions};

use super::container::{Container, Entry};
use crate::error::BackboneError;

const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

/// A dataset is read only when its shape is that of a weight, and the largest weight has 10 MB. This bounds what a
/// damaged chunk size can ask for.
const MAX_DECODED_BYTES: usize = 256 << 20;

/// Keras splits an attribute beyond 64 kB; this many parts hold more names than any model has.
const MAX_ATTRIBUTE_PARTS: usize = 4096;

/// Whether `bytes` begin as HDF5, at 0 or after a user block of 512, 1024, 2048, ... bytes.
pub(super) fn is_hdf5(bytes: &[u8]) -> bool {
    let starts = std::iter::once(0).chain(std::iter::successors(Some(512_usize), |n| n.checked_mul(2)));
    starts.take_while(|&start| start < bytes.len()).any(|start| bytes[start..].starts_with(SIGNATURE))
}

/// An opened Keras file.
pub(super) struct Hdf5 {
    path: PathBuf,
    bytes: u64,
    entries: Vec<Entry>,
    datasets: Vec<Dataset>,
}

impl Hdf5 {
    /// Lists the datasets of every layer.
    pub(super) fn open(bytes: Bytes, path: &Path) -> Result<Self, BackboneError> {
        let mut file =
            Self { path: path.to_owned(), bytes: bytes.len() as u64, entries: Vec::new(), datasets: Vec::new() };
        let listed = contained(|| {
            let options =
                OpenOptions::default().with_max_chunk_bytes(MAX_DECODED_BYTES).with_max_read_bytes(MAX_DECODED_BYTES);
            let hdf5 = Hdf5File::from_owner(bytes, options).map_err(at("superblock"))?;
            list(&hdf5)
        });
        match listed {
            Ok(Listed::Layers(layers)) => {
                for (entry, dataset) in layers {
                    file.entries.push(entry);
                    file.datasets.push(dataset);
                }
                Ok(file)
            }
            Ok(Listed::NotKeras(reason)) => {
                Err(BackboneError::NotWeights { path: path.to_owned(), reason: reason.to_owned() })
            }
            Err(failure) => Err(file.damaged(failure)),
        }
    }

    fn damaged(&self, failure: Failure) -> BackboneError {
        BackboneError::Damaged {
            path: self.path.clone(),
            format: "HDF5",
            at: failure.at,
            bytes: self.bytes,
            source: failure.source,
        }
    }
}

impl Container for Hdf5 {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, index: usize) -> Result<Vec<f32>, BackboneError> {
        let (entry, dataset) = (&self.entries[index], &self.datasets[index]);
        let values = contained(|| {
            let floats = match dataset.dtype() {
                Datatype::FloatingPoint { size: 4, .. } => {
                    dataset.read_array::<f32>().map(|a| a.into_raw_vec_and_offset().0)
                }
                Datatype::FloatingPoint { size: 8, .. } => {
                    dataset.read_array::<f64>().map(|a| a.into_iter().map(|v| v as f32).collect())
                }
                other => return Ok(Err(describe(other))),
            };
            floats.map(Ok).map_err(at(&entry.path()))
        });
        match values {
            Ok(Ok(values)) => Ok(values),
            Ok(Err(got)) => Err(BackboneError::TensorType {
                path: self.path.clone(),
                tensor: entry.path(),
                expected: "32- or 64-bit floats",
                got,
            }),
            Err(failure) => Err(self.damaged(failure)),
        }
    }
}

fn describe(datatype: &Datatype) -> String {
    match datatype {
        Datatype::FloatingPoint { size, .. } => format!("{}-bit floats", 8 * size),
        Datatype::FixedPoint { size, .. } => format!("{}-bit integers", 8 * size),
        Datatype::String { .. } => "text".to_owned(),
        _ => "values that are not numbers".to_owned(),
    }
}

/// What went wrong in the reader, and at which object.
struct Failure {
    at: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

fn at(object: &str) -> impl FnOnce(hdf5_reader::error::Error) -> Failure {
    let at = object.to_owned();
    move |source| Failure { at, source: Box::new(source) }
}

/// Runs the reader; a panic in it becomes a failure.
fn contained<T>(read: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()))
            .unwrap_or_default();
        Err(Failure { at: "an unknown object".to_owned(), source: format!("the HDF5 reader gave up: {what}").into() })
    })
}

enum Listed {
    Layers(Vec<(Entry, Dataset)>),
    NotKeras(&'static str),
}

fn list(file: &Hdf5File) -> Result<Listed, Failure> {
    let mut root = file.root_group().map_err(at("/"))?;
    let (groups, _) = root.member_names().map_err(at("/"))?;
    if groups.iter().any(|g| g == "model_weights") {
        root = root.group("model_weights").map_err(at("/model_weights"))?;
    }
    let Some(layers) = names(&root, "layer_names")? else {
        let keras3 = groups.iter().any(|g| matches!(g.as_str(), "layers" | "_layer_checkpoint_dependencies"));
        return Ok(Listed::NotKeras(if keras3 {
            "it is a Keras 3 `.weights.h5` file, which names tensors by position only; \
             save the whole model with `model.save(\"model.h5\")`"
        } else {
            "it is HDF5 but has no `layer_names`, so it is no Keras weights file"
        }));
    };
    let mut all = Vec::new();
    for layer in layers {
        let group = root.group(&layer).map_err(at(&layer))?;
        for name in names(&group, "weight_names")?.unwrap_or_default() {
            let path = format!("{layer}/{name}");
            let mut parent = None;
            let mut parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty()).collect();
            let last = parts.pop().unwrap_or_default();
            for part in parts {
                let inner = parent.as_ref().unwrap_or(&group).group(part).map_err(at(&path))?;
                parent = Some(inner);
            }
            let dataset = parent.as_ref().unwrap_or(&group).dataset(last).map_err(at(&path))?;
            let shape = dataset.shape().iter().map(|&n| usize::try_from(n).unwrap_or(usize::MAX)).collect();
            all.push((Entry { group: layer.clone(), name, shape }, dataset));
        }
    }
    Ok(Listed::Layers(all))
}

/// A list of names in attribute `attribute`, or in `attribute0`, `attribute1`, ... where Keras had to split it.
///
/// Keras writes an empty list as an array of no floats, and some versions not at all.
fn names(group: &Group, attribute: &str) -> Result<Option<Vec<String>>, Failure> {
    let place = || format!("{} of `{}`", attribute, group.name());
    let attributes = group.attributes().map_err(|e| at(&place())(e))?;
    let read = |name: &str| -> Result<Option<Vec<String>>, Failure> {
        let Some(found) = attributes.iter().find(|a| a.name == name) else { return Ok(None) };
        if found.num_elements().map_err(|e| at(&place())(e))? == 0 {
            return Ok(Some(Vec::new()));
        }
        found.read_strings().map(Some).map_err(|e| at(&place())(e))
    };
    if let Some(all) = read(attribute)? {
        return Ok(Some(all));
    }
    let mut all = None;
    for part in 0..MAX_ATTRIBUTE_PARTS {
        let Some(more) = read(&format!("{attribute}{part}"))? else { break };
        all.get_or_insert_with(Vec::new).extend(more);
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
