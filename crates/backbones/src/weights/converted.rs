//! A copy of a weights file that is quick to open: canonical names, mapped into memory instead of read.
//!
//! Parsing Keras' HDF5 and hashing 90 MB take longer than everything else at the start of a run. The copy is a
//! safetensors file as [`Weights::save`] writes it, which also names the digest of the file it was made of and a CRC-32 of
//! what it holds. That sum is checked every time; a copy that does not fit is made anew.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};

use super::values::Values;
use super::{Layout, Weights, little_endian, safetensors as format};
use crate::architecture::Architecture;
use crate::error::BackboneError;
use crate::layers::TensorSpec;

/// Keys of the copy's metadata beside those of every saved file.
const SOURCE: &str = "source_digest";
const LAYOUT: &str = "source_layout";
const CHECKSUM: &str = "crc32";
/// Of the other entries alone, so that they can be told without the tensors being read.
const ABOUT_CHECKSUM: &str = "about_crc32";

impl Weights {
    /// [`Weights::load`], by way of a copy in `folder` that is made the first time.
    ///
    /// `digest` is the SHA-256 of the file at `path`, as `sha256:` and hexadecimal digits; the caller vouches for it, so
    /// that a file that has not changed need not be read. The copy appears whole or not at all; where it cannot be
    /// written, the weights are loaded all the same. What is loaded equals what [`Weights::load`] gives, digest and
    /// source included.
    ///
    /// # Errors
    /// As for [`Weights::load`].
    pub fn load_converted(
        architecture: Architecture,
        path: &Path,
        digest: &str,
        folder: &Path,
    ) -> Result<Self, BackboneError> {
        let copy = copy_of(architecture, digest, folder);
        if let Some(copy) = &copy
            && let Some(weights) = open(architecture, path, digest, copy)
        {
            return Ok(weights);
        }
        let weights = Self::load(architecture, path)?;
        // A file that changed since it was summed is not kept under the old sum.
        if let Some(copy) = copy.filter(|_| weights.digest == digest) {
            // Without a copy the next start is as slow as this one.
            let _ = write(&weights, &copy);
        }
        Ok(weights)
    }
}

/// What a copy of a weights file says of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AboutCopy {
    /// The batch-norm epsilon that belongs to the weights.
    pub epsilon: f64,
    /// Whether they were drawn, not learnt.
    pub untrained: bool,
}

impl AboutCopy {
    /// Reads the header of the copy in `folder` of the weights file with `digest`; `None` where there is no sound one.
    /// The tensors are not looked at.
    pub fn read(architecture: Architecture, digest: &str, folder: &Path) -> Option<Self> {
        let file = File::open(copy_of(architecture, digest, folder)?).ok()?;
        // SAFETY: as in `open`.
        let map = unsafe { Mmap::map(&file) }.ok()?;
        // When it was last used.
        let _ = file.set_modified(std::time::SystemTime::now());
        let (_, header) = SafeTensors::read_metadata(&map).ok()?;
        let about = header.metadata().as_ref()?;
        let (epsilon, untrained) = (about.get(format::EPSILON)?, about.get(format::UNTRAINED)?);
        let sound = about.get(SOURCE)? == digest
            && *about.get(ABOUT_CHECKSUM)? == about_checksum(digest, about.get(CHECKSUM)?, epsilon, untrained);
        sound.then_some(())?;
        Some(Self { epsilon: epsilon.parse().ok()?, untrained: untrained.parse().ok()? })
    }
}

/// Whether the copy at `path`, which is called as its folder's owner calls it, is as it was written.
pub fn is_sound_copy(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".safetensors"));
    let Some((architecture, digest)) = name.and_then(|name| name.split_once('-')) else { return false };
    let Ok(architecture) = architecture.parse() else { return false };
    open(architecture, path, &format!("sha256:{digest}"), path).is_some()
}

fn about_checksum(digest: &str, checksum: &str, epsilon: &str, untrained: &str) -> String {
    format!("{:08x}", crc32fast::hash(format!("{digest} {checksum} {epsilon} {untrained}").as_bytes()))
}

/// Where the copy lies; `None` where there can be none.
fn copy_of(architecture: Architecture, digest: &str, folder: &Path) -> Option<PathBuf> {
    let hex = digest.strip_prefix("sha256:")?;
    let sound = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Mapped values are used as they lie in the file.
    (sound && cfg!(all(unix, target_endian = "little")))
        .then(|| folder.join(format!("{architecture}-{hex}.safetensors")))
}

/// The weights of a sound copy; anything else is `None`.
fn open(architecture: Architecture, path: &Path, digest: &str, copy: &Path) -> Option<Weights> {
    let file = File::open(copy).ok()?;
    // SAFETY: the file is this program's own; it is written under another name and never changed after it got this one.
    let map = Arc::new(unsafe { Mmap::map(&file) }.ok()?);
    let (_, header) = SafeTensors::read_metadata(&map).ok()?;
    let tensors = SafeTensors::deserialize(&map).ok()?;
    let about = header.metadata().as_ref()?;
    let layout = [Layout::Modern, Layout::Legacy, Layout::Safetensors]
        .into_iter()
        .find(|layout| about.get(LAYOUT).is_some_and(|name| *name == layout.to_string()))?;
    let specs: Arc<[TensorSpec]> = architecture.graph().tensors().into();
    let values = specs.iter().map(|spec| {
        let tensor = tensors.tensor(&spec.name).ok()?;
        let sound = tensor.dtype() == Dtype::F32 && tensor.shape() == spec.shape;
        sound.then(|| Values::mapped(&map, tensor.data()))?
    });
    let weights = Weights {
        architecture,
        layout,
        epsilon: about.get(format::EPSILON)?.parse().ok()?,
        digest: digest.to_owned(),
        untrained: about.get(format::UNTRAINED)?.parse().ok()?,
        source: Some(path.to_owned()),
        values: values.collect::<Option<_>>()?,
        specs,
    };
    let sum = checksum(&weights);
    let head = about_checksum(digest, &sum, about.get(format::EPSILON)?, about.get(format::UNTRAINED)?);
    (about.get(SOURCE)? == digest && *about.get(CHECKSUM)? == sum && *about.get(ABOUT_CHECKSUM)? == head)
        .then_some(weights)
}

fn write(weights: &Weights, copy: &Path) -> std::io::Result<()> {
    if let Some(folder) = copy.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let sum = checksum(weights);
    // As `format::serialize` writes them.
    let (epsilon, untrained) = (format!("{:?}", weights.epsilon), weights.untrained.to_string());
    let about = HashMap::from([
        (SOURCE.to_owned(), weights.digest.clone()),
        (LAYOUT.to_owned(), weights.layout.to_string()),
        (ABOUT_CHECKSUM.to_owned(), about_checksum(&weights.digest, &sum, &epsilon, &untrained)),
        (CHECKSUM.to_owned(), sum),
    ]);
    let bytes = format::serialize(weights, about)?;
    format::prepare(&bytes, copy)?.persist(copy)?;
    Ok(())
}

/// CRC-32 of what is loaded, in the order of the layers, and of what is said about it.
fn checksum(weights: &Weights) -> String {
    let mut hash = crc32fast::Hasher::new();
    let Weights { layout, epsilon, digest, untrained, .. } = weights;
    hash.update(format!("{layout} {epsilon:?} {digest} {untrained}").as_bytes());
    for tensor in weights.tensors() {
        hash.update(&little_endian(tensor.values));
    }
    format!("{:08x}", hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source file and the folder of its copies.
    fn source(folder: &Path) -> (PathBuf, String) {
        let path = folder.join("source.safetensors");
        let digest = Weights::random(Architecture::ResNet50, 5).save(&path).unwrap();
        (path, digest)
    }

    fn is_mapped(weights: &Weights) -> bool {
        weights.values.iter().all(Values::is_mapped)
    }

    fn same(a: &Weights, b: &Weights) {
        assert!(a.tensors().eq(b.tensors()));
        let about = |w: &Weights| (w.layout, w.epsilon, w.digest.clone(), w.untrained, w.source.clone());
        assert_eq!(about(a), about(b));
    }

    #[test]
    fn the_second_time_a_copy_is_mapped_that_equals_the_source() {
        let folder = tempfile::tempdir().unwrap();
        let (path, digest) = source(folder.path());
        let copies = folder.path().join("a/b");
        let load = || Weights::load_converted(Architecture::ResNet50, &path, &digest, &copies).unwrap();
        let plain = Weights::load(Architecture::ResNet50, &path).unwrap();
        let (first, second) = (load(), load());
        assert!(!is_mapped(&first));
        assert_eq!(is_mapped(&second), cfg!(all(unix, target_endian = "little")));
        same(&first, &plain);
        same(&second, &plain);
        assert_eq!(second.tensor_digest(), plain.tensor_digest());
        if is_mapped(&second) {
            let about = AboutCopy::read(Architecture::ResNet50, &digest, &copies).unwrap();
            assert_eq!((about.epsilon, about.untrained), (plain.epsilon, plain.untrained));
            assert!(is_sound_copy(&copy_of(Architecture::ResNet50, &digest, &copies).unwrap()));
        }
        // Nothing else was left behind, and the source was not touched.
        assert!(std::fs::read_dir(&copies).unwrap().count() <= 1);
        assert_eq!(Weights::load(Architecture::ResNet50, &path).unwrap().digest(), digest);
    }

    #[test]
    fn a_damaged_copy_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, digest) = source(folder.path());
        let load = || Weights::load_converted(Architecture::ResNet50, &path, &digest, folder.path()).unwrap();
        let plain = load();
        let Some(copy) = copy_of(Architecture::ResNet50, &digest, folder.path()).filter(|copy| copy.exists()) else {
            return;
        };
        let good = std::fs::read(&copy).unwrap();
        let replace = |bytes: &[u8]| {
            // As a new file: the old one may be mapped.
            std::fs::remove_file(&copy).unwrap();
            std::fs::write(&copy, bytes).unwrap();
        };
        let flipped = |place: usize| {
            let mut bytes = good.clone();
            bytes[place] ^= 0x10;
            bytes
        };
        let epsilon = good.windows(18).position(|w| w == b"batch_norm_epsilon").unwrap() + 22;
        for damaged in [
            flipped(good.len() / 2),
            flipped(good.len() - 1),
            flipped(epsilon),
            flipped(9),
            good[..good.len() / 2].to_vec(),
            Vec::new(),
        ] {
            replace(&damaged);
            assert!(!is_sound_copy(&copy));
            let again = load();
            assert!(!is_mapped(&again));
            same(&again, &plain);
            assert!(is_mapped(&load()), "the copy was not made anew");
        }
        // One that says that it is of another file.
        let other = format!("sha256:{}", "0".repeat(64));
        std::fs::copy(&copy, copy_of(Architecture::ResNet50, &other, folder.path()).unwrap()).unwrap();
        let weights = Weights::load_converted(Architecture::ResNet50, &path, &other, folder.path()).unwrap();
        same(&weights, &plain);
    }

    #[test]
    fn a_folder_that_cannot_be_written_costs_only_time() {
        let folder = tempfile::tempdir().unwrap();
        let (path, digest) = source(folder.path());
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        for digest in [digest.as_str(), "sha256:../../x", "md5:1"] {
            let weights = Weights::load_converted(Architecture::ResNet50, &path, digest, &file).unwrap();
            same(&weights, &Weights::load(Architecture::ResNet50, &path).unwrap());
        }
        let error = Weights::load_converted(Architecture::Xception, &path, &digest, folder.path()).unwrap_err();
        assert!(matches!(error, BackboneError::OtherArchitecture { .. }), "{error}");
    }
}
