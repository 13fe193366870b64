//! The cache: where it is, how large, and what room there is.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use xfer_hub::FetchOptions;

use super::report::{Report, bytes};

#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    /// Bytes of files in it.
    used: u64,
    /// Bytes that its file system has left for this user; `None` where it does not tell.
    free: Option<u64>,
    /// Why nothing can be written.
    locked: Option<String>,
}

/// Less than this, and a training may not be able to save.
const LITTLE: u64 = 200 << 20;

pub(super) fn examine(options: &FetchOptions) -> Disk {
    // The weights' folder lies in the cache.
    let folder = xfer_hub::cache_dir().unwrap_or_else(|_| options.models_dir.clone());
    // What does not exist yet is made in the first folder that does.
    let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let locked = writable(existing).err().map(|error| format!("{} cannot be written ({error})", existing.display()));
    Disk { used: size(&folder), free: free(existing), locked, folder }
}

impl Disk {
    /// Why `bytes` more cannot be kept.
    pub(super) fn refuses(&self, needed: u64) -> Option<String> {
        match (&self.locked, self.free) {
            (Some(reason), _) => Some(reason.clone()),
            (None, Some(free)) if free < needed => {
                Some(format!("{} are free, {} are needed", bytes(free), bytes(needed)))
            }
            _ => None,
        }
    }

    pub(super) fn tell(&self, report: &mut Report) {
        report.fact(
            "cache",
            json!({
                "folder": self.folder,
                "bytes": self.used,
                "free_bytes": self.free,
                "writable": self.locked.is_none(),
            }),
        );
        let free = self.free.map_or_else(|| "unknown".to_owned(), bytes);
        let text = format!("{}: {}, {free} free", self.folder.display(), bytes(self.used));
        if let Some(reason) = &self.locked {
            report.note("cache", format!("{text}; {reason}"), "set XFER_CACHE_DIR to a folder that can be written");
        } else if self.free.is_some_and(|free| free < LITTLE) {
            report.note("cache", text, "make room, or set XFER_CACHE_DIR to a folder on another disk");
        } else {
            report.good("cache", text);
        }
    }
}

/// Bytes of the files under a folder; links are not followed.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let told = rustix::fs::statvfs(folder).ok()?;
    Some(told.f_bavail.saturating_mul(told.f_frsize))
}

#[cfg(unix)]
fn writable(folder: &Path) -> std::io::Result<()> {
    Ok(rustix::fs::access(folder, rustix::fs::Access::WRITE_OK)?)
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}

#[cfg(not(unix))]
fn writable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_as_large_as_its_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/one"), [0; 10]).unwrap();
        fs::write(folder.path().join("a/b/two"), [0; 5]).unwrap();
        assert_eq!(size(folder.path()), 15);
        assert_eq!(size(&folder.path().join("missing")), 0);
        assert!(free(folder.path()).is_some() && writable(folder.path()).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_refused_with_both_numbers() {
        let disk = |locked: Option<&str>| Disk {
            folder: "/c".into(),
            used: 0,
            free: Some(1 << 20),
            locked: locked.map(str::to_owned),
        };
        assert_eq!(disk(None).refuses(1 << 10), None);
        assert_eq!(disk(None).refuses(1 << 30).as_deref(), Some("1.00 MiB are free, 1.00 GiB are needed"));
        assert_eq!(disk(Some("no")).refuses(1).as_deref(), Some("no"));
    }
}
