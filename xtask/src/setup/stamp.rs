//! What an installation consists of, so that a later run sees at once whether it is whole.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::TORCH_VERSION;
use super::variant::Variant;

/// Raised when the layout of an installation changes, so that older ones are made anew.
const LAYOUT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Stamp {
    layout: u32,
    torch: String,
    variant: String,
    libraries: Vec<(PathBuf, u64)>,
}

/// Notes the libraries of a finished installation.
pub(super) fn write(installation: &Path, variant: Variant) -> Result<()> {
    let mut libraries = Vec::new();
    collect(installation, Path::new(""), &mut libraries)?;
    libraries.sort();
    let stamp =
        Stamp { layout: LAYOUT, torch: TORCH_VERSION.to_owned(), variant: variant.name().to_owned(), libraries };
    let path = file(installation);
    let text = serde_json::to_string_pretty(&stamp)?;
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Whether the installation is this release and variant, with every library at its full size.
pub(super) fn holds(installation: &Path, variant: Variant) -> bool {
    let stamp: Option<Stamp> = fs::read(file(installation)).ok().and_then(|text| serde_json::from_slice(&text).ok());
    stamp.is_some_and(|stamp| {
        stamp.layout == LAYOUT
            && stamp.torch == TORCH_VERSION
            && stamp.variant == variant.name()
            && stamp.libraries.iter().all(|(path, bytes)| {
                fs::metadata(installation.join(path)).is_ok_and(|metadata| metadata.len() == *bytes)
            })
    })
}

fn file(installation: &Path) -> PathBuf {
    installation.join("setup.json")
}

fn collect(installation: &Path, inner: &Path, libraries: &mut Vec<(PathBuf, u64)>) -> Result<()> {
    let folder = installation.join(inner);
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let name = inner.join(entry.file_name());
        // Links are followed: a link that leads nowhere is a library that is missing.
        let metadata = fs::metadata(entry.path()).with_context(|| format!("cannot read {}", entry.path().display()))?;
        if metadata.is_dir() {
            collect(installation, &name, libraries)?;
        } else if entry.file_name().to_string_lossy().contains(".so") {
            libraries.push((name, metadata.len()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_shows() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("lib/libtorch_cpu.so");
        fs::create_dir_all(folder.path().join("lib")).unwrap();
        fs::write(&library, "whole").unwrap();
        assert!(!holds(folder.path(), Variant::Cpu), "nothing noted yet");
        write(folder.path(), Variant::Cpu).unwrap();
        assert!(holds(folder.path(), Variant::Cpu));
        assert!(!holds(folder.path(), Variant::Cuda));
        fs::write(&library, "cut").unwrap();
        assert!(!holds(folder.path(), Variant::Cpu));
        fs::remove_file(&library).unwrap();
        assert!(!holds(folder.path(), Variant::Cpu));
    }
}
