//! What has arrived of a file, kept across attempts and runs.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::with_suffix;
use crate::HubError;

/// `<name>.part` and, beside it, `<name>.part.json`, which says where its first byte came from.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    origin_path: PathBuf,
    origin: Option<Origin>,
}

/// Which file at which address a part belongs to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Origin {
    pub(super) url: String,
    /// Entity tag, weak or strong.
    pub(super) etag: Option<String>,
    /// What `If-Range` is given.
    pub(super) validator: Option<String>,
    /// Bytes of the whole file.
    pub(super) total: Option<u64>,
}

impl Part {
    /// The part that will be the file at `destination`; an unreadable note of its origin counts as none.
    pub(super) fn open(destination: &Path) -> Part {
        let path = with_suffix(destination, ".part");
        let origin_path = with_suffix(destination, ".part.json");
        let origin = fs::read(&origin_path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Part { path, origin_path, origin }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are here.
    pub(super) fn len(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// Where the first byte came from, if it was `url`.
    pub(super) fn origin_at(&self, url: &str) -> Option<&Origin> {
        self.origin.as_ref().filter(|origin| origin.url == url)
    }

    /// Bytes of the whole file, as the server said that the first byte came from.
    pub(super) fn total(&self) -> Option<u64> {
        self.origin.as_ref()?.total
    }

    /// An empty part of `origin`, to write from the first byte.
    pub(super) fn begin(&mut self, origin: Origin) -> Result<File, HubError> {
        let text = serde_json::to_vec(&origin).map_err(|error| self.write_error(error.into()))?;
        // The old bytes go first: they must never stand beside the new note.
        let file = File::create(&self.path).map_err(|error| self.write_error(error))?;
        fs::write(&self.origin_path, text).map_err(|source| HubError::io(&self.origin_path, "write", source))?;
        self.origin = Some(origin);
        Ok(file)
    }

    /// The part as it is, to write at its end.
    pub(super) fn append(&self) -> Result<File, HubError> {
        OpenOptions::new().append(true).open(&self.path).map_err(|error| self.write_error(error))
    }

    /// Throws away what has arrived.
    pub(super) fn discard(&mut self) -> Result<(), HubError> {
        self.origin = None;
        for path in [&self.path, &self.origin_path] {
            match fs::remove_file(path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(HubError::io(path, "remove", source)),
            }
        }
        Ok(())
    }

    /// Gives the verified part its name, on disk before it is seen.
    pub(super) fn finish(mut self, destination: &Path) -> Result<(), HubError> {
        File::open(&self.path).and_then(|file| file.sync_all()).map_err(|error| self.write_error(error))?;
        fs::rename(&self.path, destination)
            .map_err(|source| HubError::io(destination, "rename the download to", source))?;
        if let Some(folder) = destination.parent() {
            // The file has its name; a folder that cannot be synced, as on some network disks, takes nothing from it.
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        self.discard()
    }

    pub(super) fn write_error(&self, source: io::Error) -> HubError {
        HubError::io(&self.path, "write", source)
    }
}
