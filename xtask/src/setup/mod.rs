//! `cargo xtask setup`: libtorch in place, so that plain `cargo build` works.
//!
//! What the user provides goes first, in the order in which the bindings' build script looks: the Python package if
//! `LIBTORCH_USE_PYTORCH` is set, the folder that `LIBTORCH` names, a `.libtorch` that is already here. Else the `torch`
//! wheel comes through pip, is unpacked into the user's cache and linked as `.libtorch`.

mod driver;
mod install;
mod libtorch;
mod link;
mod pip;
mod python;
mod requirements;
mod stamp;
mod variant;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;

use self::libtorch::Libtorch;
use self::variant::Variant;
use crate::{units, workspace};

/// The one release that the bindings are made for.
pub(crate) const TORCH_VERSION: &str = "2.11.0";

/// Which libtorch to put in place.
#[derive(Debug, Default, Args)]
#[group(id = "setup")]
pub(crate) struct Options {
    /// With CUDA, even where no NVIDIA driver is found. About 4 GiB on disk.
    #[arg(long, conflicts_with = "cpu")]
    cuda: bool,
    /// Without CUDA, even where an NVIDIA driver is found. About 0.5 GiB on disk.
    #[arg(long)]
    cpu: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let start = Instant::now();
    requirements::cxx_compiler()?;
    let place = in_place(options)?;
    println!("libtorch: {place} ({})", units::seconds(start.elapsed()));
    Ok(())
}

/// Makes sure that libtorch is in place and says in one line which one that is.
fn in_place(options: &Options) -> Result<String> {
    if std::env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        let version = python::torch_version()?;
        return Ok(format!("{version} of the Python package torch, as LIBTORCH_USE_PYTORCH asks"));
    }
    let link = workspace::libtorch_link();
    if let Some(folder) = users_libtorch(std::env::var_os("LIBTORCH").map(PathBuf::from), &link) {
        let found = Libtorch::inspect(&folder)
            .with_context(|| format!("LIBTORCH is set to {}, which cannot be used", folder.display()))?;
        return Ok(format!("{found} in {}, as LIBTORCH says", folder.display()));
    }
    let wanted = if options.cuda || (!options.cpu && driver::found()) { Variant::Cuda } else { Variant::Cpu };
    if let Some(found) = usable_as_it_is(&link, wanted, options)? {
        return Ok(found);
    }
    let folder = install::ensure(wanted, &xfer_hub::cache_dir()?)?;
    link::point(&link, &folder)?;
    let found = Libtorch::inspect(&link)?;
    Ok(format!("{found} in {}, linked as .libtorch", folder.display()))
}

/// The folder that the user chose: `LIBTORCH`, unless it is what this workspace's cargo configuration puts there.
fn users_libtorch(variable: Option<PathBuf>, link: &Path) -> Option<PathBuf> {
    let folder = variable.filter(|folder| !folder.as_os_str().is_empty())?;
    let same_parent = || Some(folder.parent()?.canonicalize().ok()? == link.parent()?.canonicalize().ok()?);
    let ours = folder.file_name() == link.file_name() && same_parent().unwrap_or(folder == link);
    (!ours).then_some(folder)
}

/// A `.libtorch` that someone else made stays, if it works and has CUDA where `--cuda` asks for it.
fn usable_as_it_is(link: &Path, wanted: Variant, options: &Options) -> Result<Option<String>> {
    if !link.exists() || link::is_ours(link, &xfer_hub::cache_dir()?) {
        return Ok(None);
    }
    let is_link = link.is_symlink();
    match Libtorch::inspect(link) {
        Ok(found) if found.cuda || !options.cuda => {
            if wanted == Variant::Cuda && !found.cuda && !options.cpu {
                println!(
                    "libtorch: a driver is here, but .libtorch has no CUDA; `cargo xtask setup --cuda` fetches it"
                );
            }
            Ok(Some(format!("{found} in .libtorch, as it was")))
        }
        // A link may point anywhere later; it is replaced. A folder is the user's.
        _ if is_link => Ok(None),
        Ok(found) => bail!("{} is a folder with {found}; move it away to fetch one with CUDA", link.display()),
        Err(error) => Err(error.context(format!("{} is a folder that is no libtorch; move it away", link.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspaces_own_link_is_told_from_a_users_folder() {
        let workspace = tempfile::tempdir().unwrap();
        let link = workspace.path().join(".libtorch");
        let dotted = workspace.path().join("./.libtorch");
        for ours in [None, Some(PathBuf::new()), Some(link.clone()), Some(dotted)] {
            assert_eq!(users_libtorch(ours.clone(), &link), None, "{ours:?}");
        }
        for theirs in ["/opt/libtorch", "/other/workspace/.libtorch"] {
            assert_eq!(users_libtorch(Some(theirs.into()), &link), Some(theirs.into()));
        }
    }
}
