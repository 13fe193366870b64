//! One file: read, decoded, and what is to be said about it.

use std::any::Any;
use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::duplicates::Digests;
use super::finding::{Finding, Oddity, Problem};
use crate::decode::{DecodeError, DecodeOptions, Decoder, FileFormat, Image, format_of};
use crate::error::Stage;
use crate::source::is_image_name;

/// Files larger than this are not read.
const MAX_BYTES: u64 = 1 << 30;

/// A file that has been looked at.
#[derive(Debug)]
pub(super) struct Inspected {
    /// Relative to the folder.
    pub(super) path: PathBuf,
    /// By name or by content.
    pub(super) is_image: bool,
    pub(super) finding: Finding,
    pub(super) digests: Option<Digests>,
}

/// Reads and decodes `root`/`path`.
pub(super) fn inspect(root: &Path, path: PathBuf, decoder: &mut Decoder) -> Inspected {
    let named = path.file_name().is_some_and(is_image_name);
    let mut finding = Finding { path: path.clone(), ..Finding::default() };
    let bytes = match read(&root.join(&path)) {
        Ok(bytes) => bytes,
        Err(error) => {
            let reason = error.to_string();
            finding.problem = Some(Problem { stage: Stage::Read, kind: "io", offset: None, reason });
            return Inspected { path, is_image: named, finding, digests: None };
        }
    };
    let format = format_of(&bytes);
    if !named && format.is_err() {
        return Inspected { path, is_image: false, finding, digests: None };
    }
    if let Ok(format) = format {
        finding.format = Some(format.name());
        finding.oddities.extend(extension(&path, named, format));
    }
    let digests = match decode(decoder, &bytes) {
        Ok(image) => {
            finding.oddities.extend(oddities(image));
            Some(Digests { bytes: Sha256::digest(&bytes).into(), pixels: pixels(image) })
        }
        Err(problem) => {
            finding.problem = Some(problem);
            None
        }
    };
    Inspected { path, is_image: true, finding, digests }
}

/// What is reported of a file that hangs.
pub(super) fn stalled(path: PathBuf, waited: Duration) -> Inspected {
    let reason = format!("no progress for {:.0} s; the disk or the network hangs", waited.as_secs_f64());
    let problem = Problem { stage: Stage::Read, kind: "stalled", offset: None, reason };
    let finding = Finding { path: path.clone(), problem: Some(problem), ..Finding::default() };
    Inspected { is_image: path.file_name().is_some_and(is_image_name), path, finding, digests: None }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    if metadata.len() > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("{} bytes are no photo", metadata.len())));
    }
    fs::read(path)
}

fn decode<'a>(decoder: &'a mut Decoder, bytes: &[u8]) -> Result<&'a Image, Problem> {
    // A decoder that panics has found a file that training cannot use either.
    let attempt = panic::catch_unwind(AssertUnwindSafe(|| decoder.decode(bytes, &DecodeOptions::default()).map(drop)));
    match attempt {
        Ok(Ok(())) => Ok(decoder.image()),
        Ok(Err(error)) => Err(problem(&error)),
        Err(panic) => {
            *decoder = Decoder::new();
            let reason = message(panic.as_ref());
            Err(Problem { stage: Stage::Decode, kind: "panic", offset: None, reason })
        }
    }
}

fn problem(error: &DecodeError) -> Problem {
    Problem { stage: Stage::Decode, kind: error.reason(), offset: error.offset(), reason: error.to_string() }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    format!("the decoder panicked: {}", text.unwrap_or("no message"))
}

fn extension(path: &Path, named: bool, format: FileFormat) -> Option<Oddity> {
    if !named {
        return Some(Oddity::NoExtension);
    }
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let fits = format.extensions().iter().any(|extension| name.ends_with(extension));
    (!fits).then_some(Oddity::WrongExtension)
}

fn oddities(image: &Image) -> Vec<Oddity> {
    let mode = match image.mode {
        "L" => Some(Oddity::Grey),
        "P" => Some(Oddity::Palette),
        "LA" | "RGBA" => Some(Oddity::Alpha),
        "CMYK" => Some(Oddity::Cmyk),
        _ => None,
    };
    [
        (image.orientation > 1 && !image.turned).then_some(Oddity::Rotated),
        image.mode.starts_with('I').then_some(Oddity::Deep),
        mode,
        image.animated.then_some(Oddity::Animated),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A digest of what training would see, before it is resized.
fn pixels(image: &Image) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update((image.width as u64).to_le_bytes());
    hash.update((image.height as u64).to_le_bytes());
    hash.update(&image.pixels);
    hash.finalize().into()
}
