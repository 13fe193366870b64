//! One at a time, across threads and processes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use crate::HubError;

/// A lock on a file, held until this is dropped; the system releases it when the process ends, however it ends.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock file at `path`; calls `waiting` once if someone else holds it, then waits.
    ///
    /// The lock file is created and stays: removing it would let two waiters lock two different files of one name.
    ///
    /// # Errors
    ///
    /// [`HubError::Io`] where the file cannot be created or locked. A file system without locks is no error: whoever
    /// locks must then be able to tell a spoilt result.
    pub fn acquire(path: &Path, waiting: impl FnOnce()) -> Result<FileLock, HubError> {
        let error = |stage| move |source: io::Error| HubError::Io { path: path.to_owned(), stage, source };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(error("create the lock file"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock().map_err(error("wait for the lock"))?;
            }
            // Some network file systems have no locks. A part file that two processes wrote fails its checksum.
            Err(TryLockError::Error(source)) if source.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(source)) => return Err(error("lock")(source)),
        }
        Ok(FileLock { _file: file })
    }
}
