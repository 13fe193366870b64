//! What a folder must hold to be libtorch.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::TORCH_VERSION;

/// A folder with libtorch in it, checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Libtorch {
    /// Such as `2.11.0+cu130`.
    pub(super) version: String,
    /// Whether the CUDA libraries are there.
    pub(super) cuda: bool,
}

impl Libtorch {
    /// Checks the version, the headers and the libraries.
    pub(super) fn inspect(folder: &Path) -> Result<Libtorch> {
        let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        let library = |name: &str| Path::new("lib").join(format!("{prefix}{name}{suffix}"));
        let header = Path::new("include/torch/csrc/api/include/torch/torch.h").to_owned();
        for part in [header, library("torch_cpu"), library("torch"), library("c10")] {
            if !folder.join(&part).is_file() {
                bail!("{} is no complete libtorch: {} is missing", folder.display(), part.display());
            }
        }
        let version = version(folder)
            .with_context(|| format!("{}: cannot find out which version of libtorch it is", folder.display()))?;
        let bypass = std::env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_some();
        if release(&version) != TORCH_VERSION && !bypass {
            bail!("{} holds libtorch {version}, and {TORCH_VERSION} is needed", folder.display());
        }
        Ok(Libtorch { version, cuda: folder.join(library("torch_cuda")).is_file() })
    }
}

impl fmt::Display for Libtorch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, if self.cuda { "CUDA" } else { "CPU" })
    }
}

/// The release within a version: `2.11.0` of `2.11.0+cu130`.
pub(super) fn release(version: &str) -> &str {
    version.split_once('+').map_or(version, |(release, _)| release)
}

/// From `build-version` of an unpacked archive, else `version.py` of an installed package, else the header.
fn version(folder: &Path) -> Option<String> {
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
    text("build-version")
        .map(|text| text.trim().to_owned())
        .or_else(|| python_version(&text("version.py")?))
        .or_else(|| header_version(&text("include/torch/headeronly/version.h")?))
        .or_else(|| header_version(&text("include/torch/csrc/api/include/torch/version.h")?))
}

/// `__version__ = '2.11.0+cu130'`.
pub(super) fn python_version(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.trim().strip_prefix("__version__"))?;
    let quoted = value.trim_start().strip_prefix('=')?.trim();
    Some(quoted.trim_matches(['\'', '"']).to_owned()).filter(|version| !version.is_empty())
}

/// `#define TORCH_VERSION_MAJOR 2` and so on.
fn header_version(text: &str) -> Option<String> {
    let number = |name: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(&format!("#define TORCH_VERSION_{name} ")))?;
        rest.trim().parse::<u32>().ok()
    };
    Some(format!("{}.{}.{}", number("MAJOR")?, number("MINOR")?, number("PATCH")?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A folder with the files of libtorch, empty ones.
    pub(in crate::setup) fn skeleton(folder: &Path, version: &str) {
        let suffix = std::env::consts::DLL_SUFFIX;
        let headers = folder.join("include/torch/csrc/api/include/torch");
        fs::create_dir_all(&headers).unwrap();
        fs::create_dir_all(folder.join("lib")).unwrap();
        fs::write(headers.join("torch.h"), "").unwrap();
        for name in ["torch_cpu", "torch", "c10"] {
            let name = format!("{}{name}{suffix}", std::env::consts::DLL_PREFIX);
            fs::write(folder.join("lib").join(name), "x").unwrap();
        }
        fs::write(folder.join("build-version"), format!("{version}\n")).unwrap();
    }

    #[test]
    fn a_complete_folder_of_the_right_release_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        skeleton(folder.path(), "2.11.0+cu130");
        let found = Libtorch::inspect(folder.path()).unwrap();
        assert_eq!(found, Libtorch { version: "2.11.0+cu130".to_owned(), cuda: false });
        assert_eq!(found.to_string(), "2.11.0+cu130 (CPU)");
    }

    #[test]
    fn another_release_is_refused_with_both_numbers() {
        let folder = tempfile::tempdir().unwrap();
        skeleton(folder.path(), "2.9.1");
        let error = Libtorch::inspect(folder.path()).expect_err("2.9.1").to_string();
        assert!(error.contains("holds libtorch 2.9.1, and 2.11.0 is needed"), "{error}");
    }

    #[test]
    fn a_missing_part_is_named() {
        let folder = tempfile::tempdir().unwrap();
        skeleton(folder.path(), "2.11.0");
        let library = format!("lib/{}c10{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        fs::remove_file(folder.path().join(&library)).unwrap();
        let error = Libtorch::inspect(folder.path()).expect_err("incomplete").to_string();
        assert!(error.contains(&format!("{library} is missing")), "{error}");
    }

    #[test]
    fn versions_are_read_from_python_and_headers() {
        assert_eq!(
            python_version("from typing import Optional\n__version__ = '2.11.0+cu130'\ndebug = False"),
            Some("2.11.0+cu130".to_owned())
        );
        let header = "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 11\n#define TORCH_VERSION_PATCH 0\n";
        assert_eq!(header_version(header), Some("2.11.0".to_owned()));
        assert_eq!(header_version(""), None);
    }
}
