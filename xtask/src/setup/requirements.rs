//! What must be on the machine before a set-up can succeed.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::variant::Variant;
use crate::units;

/// The bindings to libtorch are C++ and are compiled here.
pub(super) fn cxx_compiler() -> Result<()> {
    let configured = std::env::var("CXX").ok().filter(|value| !value.trim().is_empty());
    let line = configured.unwrap_or_else(|| "c++".to_owned());
    let program = line.split_whitespace().next().unwrap_or("c++");
    if answers(program, &["--version"]) {
        return Ok(());
    }
    bail!(
        "no C++ compiler: {program} does not run. Install one (Debian, Ubuntu: apt install g++; Fedora: dnf install \
         gcc-c++; Alpine: apk add g++; macOS: xcode-select --install) or set CXX"
    );
}

/// Wheels are unpacked where they are known to fit.
pub(super) fn platform() -> Result<()> {
    let fits = cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"));
    if fits {
        return Ok(());
    }
    bail!(
        "libtorch is fetched by itself only on Linux on x86-64 with glibc. Here, download libtorch {version} for this \
         machine and set LIBTORCH to its folder, or `python3 -m pip install torch=={version}` and set \
         LIBTORCH_USE_PYTORCH=1",
        version = super::TORCH_VERSION
    );
}

/// Room for the download and what comes out of it.
pub(super) fn disk_space(folder: &Path, variant: Variant) -> Result<()> {
    let status = rustix::fs::statvfs(folder)
        .with_context(|| format!("cannot find out how much space is left for {}", folder.display()))?;
    enough(folder, status.f_bavail.saturating_mul(status.f_frsize), variant.needed_bytes())
}

fn enough(folder: &Path, free: u64, needed: u64) -> Result<()> {
    if free >= needed {
        return Ok(());
    }
    bail!(
        "not enough space in {}: {} are free and {} are needed for libtorch; free some, or set XFER_CACHE_DIR to a \
         folder on another disk",
        folder.display(),
        units::bytes(free),
        units::bytes(needed)
    );
}

fn answers(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_space_is_told_in_numbers() {
        let folder = Path::new("/cache");
        assert!(enough(folder, 100, 100).is_ok());
        let error = enough(folder, 1 << 20, 1 << 30).expect_err("too little").to_string();
        assert!(error.contains("1.0 MiB are free and 1.0 GiB are needed"), "{error}");
        assert!(error.contains("XFER_CACHE_DIR"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_does_not_answer() {
        assert!(!answers("no-such-compiler", &["--version"]));
        assert!(answers("true", &[]));
        assert!(!answers("false", &[]));
    }
}
