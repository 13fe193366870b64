//! Photos to train on: those that are here, the published ones, or drawn ones.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use xfer_hub::{Download, FetchOptions, HubError, download};

use crate::archive::Archive;
use crate::transfer::Transfer;
use crate::{photos, workspace};

/// The photos that the notebook was made with, as a zip archive. `XFER_PHOTOS_URL` overrides it.
const PHOTOS_URL: &str = "https://www.kaggle.com/api/v1/datasets/download/dansbecker/urban-and-rural-photos";
/// The archive has about 50 MB; more than this is something else.
const UNPACK_LIMIT: u64 = 2 << 30;
const REAL: &str = "input/urban-and-rural-photos";
const DRAWN: &str = "input/drawn-photos";

/// Which photos training gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Photos {
    /// In the folder that `train` takes by default.
    Real,
    /// Drawn here, in this folder.
    Drawn(PathBuf),
}

impl Photos {
    /// What `--data` must be given, if anything.
    pub(super) fn data_argument(&self) -> Option<&Path> {
        match self {
            Photos::Real => None,
            Photos::Drawn(folder) => Some(folder),
        }
    }
}

impl fmt::Display for Photos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Photos::Real => write!(f, "real ones, in {REAL}"),
            Photos::Drawn(folder) => write!(f, "DRAWN by this program, in {}; no real photos", folder.display()),
        }
    }
}

pub(super) fn ensure() -> Result<Photos> {
    let root = workspace::root();
    let real = root.join(REAL);
    if has_photos(&real) {
        println!("{REAL} is here and is used");
        return Ok(Photos::Real);
    }
    let drawn = root.join(DRAWN);
    let reason = match fetch(&real) {
        Ok(()) => {
            println!("{REAL} is in place");
            return Ok(Photos::Real);
        }
        Err(error) => format!("{error:#}"),
    };
    println!("{reason}");
    println!("going on with drawn photos in {DRAWN}");
    if !has_photos(&drawn) {
        photos::draw_all(&drawn)?;
    }
    Ok(Photos::Drawn(PathBuf::from(DRAWN)))
}

/// Downloads and unpacks the published photos, whole or not at all.
fn fetch(real: &Path) -> Result<()> {
    if real.exists() {
        bail!("{} is here, but has no train and val folders with photos; it is left as it is", real.display());
    }
    let options = FetchOptions::from_env()?;
    let url = std::env::var("XFER_PHOTOS_URL").ok().filter(|url| !url.trim().is_empty());
    let archive = xfer_hub::cache_dir()?.join("photos").join("urban-and-rural-photos.zip");
    let wanted = Download {
        urls: vec![url.unwrap_or_else(|| PHOTOS_URL.to_owned())],
        path: archive,
        checksum: None,
        bytes: None,
    };
    if options.offline && !wanted.path.exists() {
        bail!("photos are not on this machine, and downloads are switched off (XFER_OFFLINE)");
    }
    let mut transfer = Transfer::new("photos");
    let result = download(&wanted, &options.http, &mut |event| transfer.show(&event));
    transfer.finish();
    result.map_err(|error| explained(error, real))?;
    let unpacked = unpack(&wanted.path, real);
    // Either its content is in place, or it is of no use.
    fs::remove_file(&wanted.path).with_context(|| format!("cannot remove {}", wanted.path.display()))?;
    unpacked
}

/// Where the archive cannot be had, what to put where is a folder of photos, not the archive.
fn explained(error: HubError, real: &Path) -> anyhow::Error {
    let HubError::Unreachable { wanted, attempts } = error else {
        return error.into();
    };
    let reasons: Vec<_> = attempts.iter().map(ToString::to_string).collect();
    anyhow::anyhow!(
        "cannot download photos: {}\n  to use real ones, unpack\n    {}\n  so that its train and val folders are in\n    {}",
        reasons.join("; "),
        wanted.urls.join("\n    "),
        real.display()
    )
}

fn unpack(archive: &Path, real: &Path) -> Result<()> {
    let input = real.parent().context("the photos' folder has a parent")?;
    fs::create_dir_all(input).with_context(|| format!("cannot create {}", input.display()))?;
    let temporary = tempfile::Builder::new()
        .prefix(".photos-")
        .tempdir_in(input)
        .with_context(|| format!("cannot create a folder in {}", input.display()))?;
    Archive::open(archive)?.unpack(temporary.path(), UNPACK_LIMIT, |name| {
        let metadata = name.starts_with("__MACOSX") || name.file_name().is_some_and(|name| name == ".DS_Store");
        (!metadata).then(|| name.to_owned())
    })?;
    let found = find(temporary.path())?
        .with_context(|| format!("{} holds no folder with train and val in it", archive.display()))?;
    fs::rename(&found, real).with_context(|| format!("cannot rename {} to {}", found.display(), real.display()))
}

/// The shallowest folder that holds `train` and `val`, the first by name among equals.
fn find(folder: &Path) -> Result<Option<PathBuf>> {
    let mut level = vec![folder.to_owned()];
    while !level.is_empty() {
        if let Some(found) = level.iter().find(|folder| has_photos(folder)) {
            return Ok(Some(found.clone()));
        }
        let mut next = Vec::new();
        for folder in &level {
            next.extend(subfolders(folder).with_context(|| format!("cannot list {}", folder.display()))?);
        }
        next.sort();
        level = next;
    }
    Ok(None)
}

/// Whether `train` and `val` are there, each with at least two class folders that are not empty.
fn has_photos(folder: &Path) -> bool {
    ["train", "val"].iter().all(|split| {
        let classes = subfolders(&folder.join(split)).unwrap_or_default();
        let filled = |class: &&PathBuf| fs::read_dir(class).is_ok_and(|mut entries| entries.next().is_some());
        classes.iter().filter(filled).count() >= 2
    })
}

fn subfolders(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::write;

    #[test]
    fn the_photos_of_an_archive_are_put_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("a.zip");
        write(
            &archive,
            &[
                ("__MACOSX/train/urban/._a.jpg", b"x"),
                ("photos/train/.DS_Store", b"x"),
                ("photos/train/urban/a.jpg", b"1"),
                ("photos/train/rural/b.jpg", b"2"),
                ("photos/val/urban/c.jpg", b"3"),
                ("photos/val/rural/d.jpg", b"4"),
            ],
        );
        let real = folder.path().join("input/urban-and-rural-photos");
        unpack(&archive, &real).unwrap();
        assert!(has_photos(&real));
        assert_eq!(fs::read(real.join("val/rural/d.jpg")).unwrap(), b"4");
        let left: Vec<_> = fs::read_dir(folder.path().join("input")).unwrap().collect();
        assert_eq!(left.len(), 1, "the temporary folder is gone");
    }

    #[test]
    fn an_archive_of_something_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("a.zip");
        write(&archive, &[("train/only/a.jpg", b"1"), ("val/only/a.jpg", b"1")]);
        let real = folder.path().join("input/urban-and-rural-photos");
        let error = unpack(&archive, &real).expect_err("one class").to_string();
        assert!(error.contains("holds no folder with train and val"), "{error}");
        assert!(!real.exists());
    }
}
