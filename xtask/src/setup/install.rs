//! An installation in the cache: there or made, whole or not at all.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use xfer_hub::FileLock;

use super::libtorch::{Libtorch, python_version, release};
use super::variant::Variant;
use super::{TORCH_VERSION, pip, python, requirements, stamp};
use crate::archive::Archive;
use crate::units;

/// A wheel larger than this is not what was asked for.
const UNPACK_LIMIT: u64 = 8 << 30;

/// The folder of `variant`'s libtorch, installed under `cache` if it is not there yet.
///
/// Everything happens in a folder of its own beside the final one, which gets its name by one rename at the end. What an
/// interrupted run has left is removed first. One process installs at a time.
pub(super) fn ensure(variant: Variant, cache: &Path) -> Result<PathBuf> {
    let installation = cache.join(variant.folder_name());
    if stamp::holds(&installation, variant) {
        return Ok(variant.torch_folder(&installation));
    }
    requirements::platform()?;
    fs::create_dir_all(cache).with_context(|| format!("cannot create the cache folder {}", cache.display()))?;
    let name = variant.folder_name();
    let _lock = FileLock::acquire(&cache.join(format!("{name}.lock")), || {
        println!("libtorch: another process sets it up, waiting for it");
    })?;
    if stamp::holds(&installation, variant) {
        return Ok(variant.torch_folder(&installation));
    }
    let prefix = format!("{name}.tmp-");
    remove_leftovers(cache, &prefix)?;
    python::check_pip()?;
    requirements::disk_space(cache, variant)?;
    let workshop = tempfile::Builder::new()
        .prefix(&prefix)
        .tempdir_in(cache)
        .with_context(|| format!("cannot create a folder in {}", cache.display()))?;
    let made = workshop.path().join("installation");
    build(variant, &workshop.path().join("wheels"), &made)?;
    if installation.exists() {
        let old = workshop.path().join("old");
        fs::rename(&installation, &old).with_context(|| format!("cannot replace {}", installation.display()))?;
    }
    fs::rename(&made, &installation)
        .with_context(|| format!("cannot rename {} to {}", made.display(), installation.display()))?;
    Ok(variant.torch_folder(&installation))
}

fn remove_leftovers(cache: &Path, prefix: &str) -> Result<()> {
    let entries = fs::read_dir(cache).with_context(|| format!("cannot list {}", cache.display()))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            println!("libtorch: removing what an interrupted set-up left: {}", entry.path().display());
            fs::remove_dir_all(entry.path()).with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}

fn build(variant: Variant, wheels: &Path, installation: &Path) -> Result<()> {
    fs::create_dir_all(installation).with_context(|| format!("cannot create {}", installation.display()))?;
    println!("libtorch: downloading torch {TORCH_VERSION} with pip (about 510 MiB)");
    let start = Instant::now();
    let downloaded = pip::download(&[format!("torch=={TORCH_VERSION}")], false, wheels)?;
    let [torch] = downloaded.as_slice() else {
        bail!("pip downloaded {} wheels for torch, expected one", downloaded.len());
    };
    println!("libtorch: downloaded in {}", units::seconds(start.elapsed()));
    let mut archive = Archive::open(torch)?;
    let version = wheel_version(&mut archive)?;
    let with_cuda = archive.contains("torch/lib/libtorch_cuda.so");
    if variant == Variant::Cuda && !with_cuda {
        bail!("the torch wheel that pip found is {version}, which has no CUDA; is pip set to an index of CPU wheels?");
    }
    let cuda_packages = match variant {
        Variant::Cpu if with_cuda => {
            vec!["nvidia-cuda-runtime==13.0.*".to_owned(), "nvidia-cuda-cupti==13.0.*".to_owned()]
        }
        Variant::Cpu => Vec::new(),
        Variant::Cuda => cuda_requirements(&metadata(&mut archive)?),
    };
    unpack(archive, torch, variant, installation)?;
    if !cuda_packages.is_empty() {
        println!("libtorch: downloading {} with pip", cuda_packages.join(" "));
        let start = Instant::now();
        // What the CUDA packages of the full variant depend on are CUDA packages too.
        let downloaded = pip::download(&cuda_packages, variant == Variant::Cuda, wheels)?;
        println!("libtorch: downloaded in {}", units::seconds(start.elapsed()));
        for wheel in downloaded {
            unpack(Archive::open(&wheel)?, &wheel, variant, installation)?;
        }
    }
    finish(variant, installation, &version)
}

/// Unpacks what is needed of a wheel and removes the wheel.
fn unpack(mut archive: Archive, wheel: &Path, variant: Variant, installation: &Path) -> Result<()> {
    let start = Instant::now();
    let files = archive.unpack(installation, UNPACK_LIMIT, |name| variant.place(name))?;
    drop(archive);
    fs::remove_file(wheel).with_context(|| format!("cannot remove {}", wheel.display()))?;
    let name = wheel.file_name().unwrap_or_default().display();
    println!("libtorch: {files} files of {name} unpacked in {}", units::seconds(start.elapsed()));
    Ok(())
}

/// What no wheel holds: link names, the version, the stamp; then everything goes to disk.
fn finish(variant: Variant, installation: &Path, version: &str) -> Result<()> {
    let torch = variant.torch_folder(installation);
    let libraries = torch.join("lib");
    if variant == Variant::Cpu {
        link(&libraries, "libtorch_cpu.so", "libtorch.so")?;
    }
    // The bindings link with -lgomp; a compiler other than GCC brings none.
    link(&libraries, "libgomp.so.1", "libgomp.so")?;
    let path = torch.join("build-version");
    fs::write(&path, format!("{version}\n")).with_context(|| format!("cannot write {}", path.display()))?;
    let found = Libtorch::inspect(&torch)?;
    if release(&found.version) != TORCH_VERSION {
        bail!("asked pip for torch {TORCH_VERSION} and got {}", found.version);
    }
    stamp::write(installation, variant)?;
    // A rename that survives a power cut must not name libraries that did not.
    sync(installation)
}

#[cfg(unix)]
fn link(folder: &Path, target: &str, name: &str) -> Result<()> {
    if !folder.join(target).exists() || folder.join(name).exists() {
        return Ok(());
    }
    std::os::unix::fs::symlink(target, folder.join(name))
        .with_context(|| format!("cannot link {name} in {}", folder.display()))
}

#[cfg(not(unix))]
fn link(_: &Path, _: &str, _: &str) -> Result<()> {
    requirements::platform()
}

#[cfg(target_os = "linux")]
fn sync(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|file| rustix::fs::syncfs(file).map_err(Into::into))
        .with_context(|| format!("cannot write {} to disk", folder.display()))
}

#[cfg(not(target_os = "linux"))]
fn sync(_: &Path) -> Result<()> {
    requirements::platform()
}

fn wheel_version(archive: &mut Archive) -> Result<String> {
    python_version(&archive.text("torch/version.py")?).context("the torch wheel does not say its version")
}

fn metadata(archive: &mut Archive) -> Result<String> {
    let name = archive
        .names()
        .find(|name| name.starts_with("torch-") && name.ends_with(".dist-info/METADATA"))
        .context("the torch wheel has no METADATA")?;
    archive.text(&name)
}

/// What of the wheel's dependencies is CUDA's own: `cuda-toolkit[...]` and `nvidia-...`, without their conditions.
fn cuda_requirements(metadata: &str) -> Vec<String> {
    metadata
        .lines()
        .filter_map(|line| line.strip_prefix("Requires-Dist: "))
        .filter(|requirement| requirement.starts_with("cuda-toolkit") || requirement.starts_with("nvidia-"))
        .map(|requirement| requirement.split(';').next().unwrap_or_default().replace(' ', ""))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuda_packages_are_told_from_the_rest() {
        let metadata = "Metadata-Version: 2.4
Requires-Dist: filelock
Requires-Dist: cuda-toolkit[cublas,cudart]==13.0.2; platform_system == \"Linux\"
Requires-Dist: cuda-bindings<14,>=13.0.3; platform_system == \"Linux\"
Requires-Dist: nvidia-nccl-cu13 (==2.28.9) ; platform_system == \"Linux\"
Requires-Dist: triton==3.6.0; platform_system == \"Linux\"";
        assert_eq!(cuda_requirements(metadata), ["cuda-toolkit[cublas,cudart]==13.0.2", "nvidia-nccl-cu13(==2.28.9)"]);
    }

    #[test]
    fn leftovers_go_and_others_stay() {
        let cache = tempfile::tempdir().unwrap();
        for name in ["libtorch-1-cpu.tmp-a", "libtorch-1-cpu", "libtorch-1-cuda.tmp-b"] {
            fs::create_dir_all(cache.path().join(name).join("wheels")).unwrap();
        }
        remove_leftovers(cache.path(), "libtorch-1-cpu.tmp-").unwrap();
        let mut left: Vec<_> = fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["libtorch-1-cpu", "libtorch-1-cuda.tmp-b"]);
    }

    #[test]
    fn a_whole_installation_is_used_as_it_is() {
        let cache = tempfile::tempdir().unwrap();
        let installation = cache.path().join(Variant::Cpu.folder_name());
        crate::setup::libtorch::tests::skeleton(&installation, "2.11.0");
        stamp::write(&installation, Variant::Cpu).unwrap();
        assert_eq!(ensure(Variant::Cpu, cache.path()).unwrap(), installation);
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1, "neither lock nor temporary folder");
    }
}
