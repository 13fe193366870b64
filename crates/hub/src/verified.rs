//! Checksums that were computed before, so that a start does not read 90 MB again.
//!
//! A record holds for as long as the file keeps its size, its modification time and, on Unix, its inode and the time of its
//! last change, which nobody can set. Records live in this project's cache,
//! one small file each, so that processes do not overwrite each other's; a record that cannot be read or written only
//! costs time.

use std::fs::Metadata;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Algorithm, Checksum};

/// The records, in a folder of their own.
#[derive(Debug)]
pub(crate) struct Verified {
    folder: PathBuf,
}

#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Record {
    path: PathBuf,
    bytes: u64,
    modified_ns: u128,
    /// Of the inode, and its number; 0 where there are none. Records from before have neither, and hold no more.
    #[serde(default)]
    changed: [i64; 3],
    checksum: String,
}

impl Verified {
    pub(crate) fn in_models_dir(models_dir: &Path) -> Verified {
        Verified { folder: models_dir.join(".verified") }
    }

    /// The checksum of `path`: as recorded, else computed and recorded. `read` is told bytes read and bytes in all.
    pub(crate) fn checksum_of(
        &self,
        path: &Path,
        algorithm: Algorithm,
        mut read: impl FnMut(u64, u64),
    ) -> io::Result<Checksum> {
        let metadata = std::fs::metadata(path)?;
        if let Some(checksum) = self.recorded(path, &metadata, algorithm) {
            return Ok(checksum);
        }
        let mut bytes = 0;
        let checksum = Checksum::of_file(algorithm, path, |count| {
            bytes += count;
            read(bytes, metadata.len());
        })?;
        // The time stamp from before the reading: a file that changes meanwhile does not match its record.
        self.write(path, &metadata, &checksum);
        Ok(checksum)
    }

    /// Records what was verified elsewhere.
    pub(crate) fn record(&self, path: &Path, checksum: &Checksum) {
        if let Ok(metadata) = std::fs::metadata(path) {
            self.write(path, &metadata, checksum);
        }
    }

    fn recorded(&self, path: &Path, metadata: &Metadata, algorithm: Algorithm) -> Option<Checksum> {
        let text = std::fs::read(self.file(path, algorithm)).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        let fits = record.path == path
            && record.bytes == metadata.len()
            && record.modified_ns == modified_ns(metadata)?
            && record.changed == changed(metadata);
        let checksum: Checksum = record.checksum.parse().ok()?;
        (fits && checksum.algorithm() == algorithm).then_some(checksum)
    }

    fn write(&self, path: &Path, metadata: &Metadata, checksum: &Checksum) {
        let Some(modified_ns) = modified_ns(metadata) else {
            return;
        };
        let record = Record {
            path: path.to_owned(),
            bytes: metadata.len(),
            modified_ns,
            changed: changed(metadata),
            checksum: checksum.hex().to_owned(),
        };
        let written = (|| {
            std::fs::create_dir_all(&self.folder)?;
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(&serde_json::to_vec(&record)?)?;
            file.persist(self.file(path, checksum.algorithm()))?;
            io::Result::Ok(())
        })();
        // Without the record the sum is computed again next time.
        drop(written);
    }

    fn file(&self, path: &Path, algorithm: Algorithm) -> PathBuf {
        let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
        let name: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("{name}.{algorithm}.json"))
    }
}

fn modified_ns(metadata: &Metadata) -> Option<u128> {
    let time = metadata.modified().ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_nanos())
}

/// Seconds and nanoseconds of the inode's last change, and its number.
fn changed(metadata: &Metadata) -> [i64; 3] {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        [metadata.ctime(), metadata.ctime_nsec(), metadata.ino().cast_signed()]
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        [0; 3]
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    use super::*;

    fn read_of(verified: &Verified, path: &Path) -> (Checksum, u64) {
        let mut bytes = 0;
        let sum = verified.checksum_of(path, Algorithm::Md5, |read, _| bytes = read).unwrap();
        (sum, bytes)
    }

    #[test]
    fn a_file_is_read_once_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let verified = Verified::in_models_dir(folder.path());
        let path = folder.path().join("weights");
        fs::write(&path, "first").unwrap();
        let (first, bytes) = read_of(&verified, &path);
        assert_eq!(bytes, 5);
        assert_eq!(read_of(&verified, &path), (first.clone(), 0));

        // Same size, later time.
        fs::write(&path, "other").unwrap();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(SystemTime::now() + Duration::from_secs(3))
            .unwrap();
        let (other, bytes) = read_of(&verified, &path);
        assert_eq!(bytes, 5);
        assert_ne!(other, first);
    }

    #[cfg(unix)]
    #[test]
    fn a_change_that_keeps_size_and_time_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let verified = Verified::in_models_dir(folder.path());
        let path = folder.path().join("weights");
        fs::write(&path, "first").unwrap();
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let (first, _) = read_of(&verified, &path);
        std::thread::sleep(Duration::from_millis(30));
        fs::write(&path, "other").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), modified);
        let (other, bytes) = read_of(&verified, &path);
        assert!(bytes == 5 && other != first);
    }

    #[test]
    fn a_spoilt_record_is_only_slower() {
        let folder = tempfile::tempdir().unwrap();
        let verified = Verified::in_models_dir(folder.path());
        let path = folder.path().join("weights");
        fs::write(&path, "first").unwrap();
        let (sum, _) = read_of(&verified, &path);
        fs::write(verified.file(&path, Algorithm::Md5), "{").unwrap();
        assert_eq!(read_of(&verified, &path), (sum, 5));
    }
}
