//! Which photo a file holds: by what the system says of the file, and by its bytes.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

/// How long ago a file must have been changed for its times to tell whether it is still the same: clocks of file systems
/// tick as seldom as every two seconds, and a change within the tick of another leaves no trace.
const SETTLED: Duration = Duration::from_secs(2);

/// SHA-256 of a file's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Content(pub(super) [u8; 32]);

/// A path and a [`FileStat`], as 128 bits of their SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct FileId([u8; 16]);

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileStat {
    pub(super) bytes: u64,
    /// Nanoseconds since 1970. Anyone may set it.
    pub(super) modified: i64,
    /// Nanoseconds since 1970; the system sets it at every change of content, times or name. 0 where there is none.
    pub(super) changed: i64,
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// A file as it was looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) stat: FileStat,
    pub(super) id: FileId,
    /// Whether every later change will show in the stat.
    pub(super) settled: bool,
    /// What it held, where that is known.
    pub(super) content: Option<Content>,
}

impl Content {
    /// Reads a file to its end.
    pub(super) fn of_file(path: &Path) -> io::Result<Self> {
        FileStat::of(path)?;
        let mut file = File::open(path)?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 128 * 1024];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(Self(digest.finalize().into())),
                Ok(count) => digest.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl FileStat {
    /// Numbers of a row in a file of records.
    pub(super) const FIELDS: usize = 5;

    /// Of a regular file: opening a pipe to read what it holds could take for ever.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(Self::from(&metadata))
    }

    pub(super) fn fields(&self) -> [i64; Self::FIELDS] {
        [self.bytes as i64, self.modified, self.changed, self.device as i64, self.inode as i64]
    }

    pub(super) fn from_fields([bytes, modified, changed, device, inode]: [i64; Self::FIELDS]) -> Self {
        Self { bytes: bytes as u64, modified, changed, device: device as u64, inode: inode as u64 }
    }

    /// The identity of the file at the absolute path `path`.
    pub(super) fn id(&self, path: &[u8]) -> FileId {
        let mut digest = Sha256::new();
        self.fields().iter().for_each(|field| digest.update(field.to_le_bytes()));
        digest.update(path);
        let digest: [u8; 32] = digest.finalize().into();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        FileId(id)
    }

    /// Whether a change from `now` on will show. What was changed in the future is never trusted.
    pub(super) fn is_settled(&self, now: SystemTime) -> bool {
        let before = now.checked_sub(SETTLED).map_or(0, nanoseconds);
        self.changed.max(self.modified) < before
    }
}

impl From<&Metadata> for FileStat {
    #[cfg(unix)]
    fn from(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let time = |seconds: i64, nanoseconds: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds);
        Self {
            bytes: metadata.len(),
            modified: time(metadata.mtime(), metadata.mtime_nsec()),
            changed: time(metadata.ctime(), metadata.ctime_nsec()),
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    #[cfg(not(unix))]
    fn from(metadata: &Metadata) -> Self {
        let modified = metadata.modified().map_or(0, nanoseconds);
        Self { bytes: metadata.len(), modified, changed: 0, device: 0, inode: 0 }
    }
}

/// Nanoseconds since 1970, or 0.
pub(super) fn nanoseconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_settled_when_its_last_change_is_older_than_a_tick() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "abc").unwrap();
        let stat = FileStat::of(&path).unwrap();
        let now = SystemTime::now();
        assert!(!stat.is_settled(now));
        assert!(stat.is_settled(now + Duration::from_secs(4)));
        assert!(!stat.is_settled(now - Duration::from_secs(60)), "changed in the future");
        assert_eq!(FileStat::from_fields(stat.fields()), stat);
    }

    #[cfg(unix)]
    #[test]
    fn a_change_that_keeps_size_and_time_is_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "abc").unwrap();
        let stat = FileStat::of(&path).unwrap();
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        std::thread::sleep(Duration::from_millis(30));
        std::fs::write(&path, "xyz").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        let later = FileStat::of(&path).unwrap();
        assert_eq!((later.bytes, later.modified, later.inode), (stat.bytes, stat.modified, stat.inode));
        assert_ne!(later.id(b"/a"), stat.id(b"/a"));
        assert_ne!(stat.id(b"/a"), stat.id(b"/b"));
    }

    #[test]
    fn the_content_is_its_sha256() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        // FIPS 180-4's example.
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(format!("{:?}", Content::of_file(&path).unwrap()), sum);
    }
}
