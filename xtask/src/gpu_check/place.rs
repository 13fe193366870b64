//! Where `xfer-cli` and libtorch are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Options;
use crate::setup::TORCH_VERSION;
use crate::{cargo, process, workspace};

/// The one that is named, else the one beside this executable, else built.
pub(super) fn executable(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = named {
        return fs::canonicalize(path).with_context(|| format!("cannot find {}", path.display()));
    }
    let beside = std::env::current_exe().ok().map(|path| path.with_file_name("xfer-cli")).filter(|path| path.is_file());
    let sources = workspace::root().join("Cargo.toml").is_file();
    match beside {
        // Cargo's own folder may hold one of another profile or of yesterday.
        Some(path) if !sources => Ok(path),
        _ if sources => cargo::build_release("xfer-cli", "xfer-cli"),
        _ => bail!("there is no xfer-cli beside this executable; name it with --xfer-cli"),
    }
}

/// The folder of libtorch's libraries; `None`: what the executable finds by itself.
pub(super) fn libtorch(options: &Options) -> Result<Option<PathBuf>> {
    if let Some(folder) = &options.libtorch {
        let Some(libraries) = libraries(folder) else {
            bail!("{}: there is no libtorch_cpu.so in it, nor in its `lib`", folder.display());
        };
        refuse_other_release(&libraries)?;
        return Ok(Some(libraries));
    }
    // Found without being imported, which takes seconds.
    let script = "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])";
    let told = process::output(Command::new(&options.python).args(["-c", script]));
    let of_python = told.ok().and_then(|text| libraries(Path::new(text.trim())));
    let usable = |folder: &PathBuf| folder.join("libtorch_cuda.so").is_file() && refuse_other_release(folder).is_ok();
    Ok(of_python.filter(usable))
}

fn libraries(folder: &Path) -> Option<PathBuf> {
    let found = [folder.join("lib"), folder.to_owned()].into_iter().find(|lib| lib.join("libtorch_cpu.so").is_file());
    found.and_then(|folder| fs::canonicalize(folder).ok())
}

fn refuse_other_release(libraries: &Path) -> Result<()> {
    let root = libraries.parent().unwrap_or(libraries);
    let text = |name: &str| fs::read_to_string(root.join(name)).unwrap_or_default();
    // Whichever of the two is there begins with the release, in quotes or not.
    let version = text("build-version") + &text("version.py");
    let right = |line: &str| line.contains(TORCH_VERSION);
    if version.is_empty() || version.lines().any(right) {
        return Ok(());
    }
    bail!("{}: another release than {TORCH_VERSION}", root.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_an_archive_and_the_libraries_themselves_are_libtorch() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("torch");
        fs::create_dir_all(root.join("lib")).unwrap();
        assert_eq!(libraries(&root), None);
        fs::write(root.join("lib/libtorch_cpu.so"), "").unwrap();
        let expected = fs::canonicalize(root.join("lib")).unwrap();
        assert_eq!(libraries(&root), Some(expected.clone()));
        assert_eq!(libraries(&root.join("lib")), Some(expected.clone()));

        assert!(refuse_other_release(&expected).is_ok(), "nothing says which release it is");
        fs::write(root.join("version.py"), "__version__ = '2.9.0+cu128'\n").unwrap();
        assert!(refuse_other_release(&expected).is_err());
        fs::write(root.join("version.py"), format!("__version__ = '{TORCH_VERSION}+cu130'\n")).unwrap();
        assert!(refuse_other_release(&expected).is_ok());
    }
}
