//! The link `.libtorch` in the workspace's root.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Whether `link` leads to an installation in this project's cache.
pub(super) fn is_ours(link: &Path, cache: &Path) -> bool {
    fs::read_link(link).is_ok_and(|target| target.starts_with(cache))
}

/// Makes `link` lead to `target`: a link is replaced in one step, anything else is left and an error.
pub(super) fn point(link: &Path, target: &Path) -> Result<()> {
    if fs::read_link(link).is_ok_and(|present| present == target) {
        return Ok(());
    }
    if link.symlink_metadata().is_ok_and(|metadata| !metadata.is_symlink()) {
        bail!("{} is no link; move it away, a link to {} belongs there", link.display(), target.display());
    }
    let temporary = link.with_file_name(format!(".libtorch.{}", std::process::id()));
    let _ = fs::remove_file(&temporary);
    symlink(target, &temporary)
        .and_then(|()| fs::rename(&temporary, link))
        .with_context(|| format!("cannot link {} to {}", link.display(), target.display()))
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_dir(target, link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_replaced_and_folders_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join(".libtorch");
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        point(&link, &one).unwrap();
        point(&link, &two).unwrap();
        point(&link, &two).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), two);
        assert!(is_ours(&link, folder.path()));
        assert!(!is_ours(&link, &one));

        fs::remove_file(&link).unwrap();
        fs::create_dir(&link).unwrap();
        let error = point(&link, &one).expect_err("a folder").to_string();
        assert!(error.contains("is no link"), "{error}");
        assert!(link.is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }
}
