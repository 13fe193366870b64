//! Files that appear under their name whole or not at all.

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::TrainerError;

/// A file being written beside its final name. Dropped before it is published, it leaves nothing behind.
#[derive(Debug)]
pub struct AtomicFile {
    writer: BufWriter<NamedTempFile>,
    path: PathBuf,
}

/// A file that is complete and on the disk, but not yet under its name.
#[derive(Debug)]
pub struct CompleteFile {
    file: NamedTempFile,
    path: PathBuf,
}

/// What to do with a file that already has the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It gives way.
    Replace,
    /// It stays, and publishing fails.
    Keep,
}

impl AtomicFile {
    /// Opens a temporary file in the folder of `path`.
    ///
    /// # Errors
    ///
    /// The folder does not exist or may not be written.
    pub fn create(path: &Path) -> Result<Self, TrainerError> {
        let mut builder = tempfile::Builder::new();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!(".{name}.");
        builder.prefix(&prefix).suffix(".tmp");
        #[cfg(unix)]
        let permissions: Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666); // less the umask
        #[cfg(unix)]
        builder.permissions(permissions);
        let file = builder.tempfile_in(folder_of(path)).map_err(|source| write_error(path, source))?;
        Ok(Self { writer: BufWriter::new(file), path: path.to_owned() })
    }

    /// The final name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where its content is written.
    pub fn writer(&mut self) -> &mut impl Write {
        &mut self.writer
    }

    /// Brings everything written to the disk.
    ///
    /// # Errors
    ///
    /// The disk is full, or fails.
    pub fn complete(self) -> Result<CompleteFile, TrainerError> {
        let Self { writer, path } = self;
        let file = writer.into_inner().map_err(|error| write_error(&path, error.into_error()))?;
        file.as_file().sync_all().map_err(|source| write_error(&path, source))?;
        Ok(CompleteFile { file, path })
    }

    /// Writes, completes and publishes `content` in one go.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create), [`complete`](Self::complete) and [`CompleteFile::publish`].
    pub fn write_all(path: &Path, content: &[u8], existing: Existing) -> Result<(), TrainerError> {
        Self::prepare(path, content)?.publish(existing)
    }

    /// Writes and completes `content`.
    pub(crate) fn prepare(path: &Path, content: &[u8]) -> Result<CompleteFile, TrainerError> {
        let mut file = Self::create(path)?;
        file.write(content).map_err(|source| write_error(path, source))?;
        file.complete()
    }

    /// Appends `content`.
    pub(crate) fn write(&mut self, content: &[u8]) -> io::Result<()> {
        self.writer.write_all(content)
    }

    /// Writes `content` over what is at `offset`, in bytes; what is appended afterwards goes to the end as before.
    pub(crate) fn write_at(&mut self, offset: u64, content: &[u8]) -> io::Result<()> {
        self.writer.seek(SeekFrom::Start(offset))?;
        self.writer.write_all(content)?;
        self.writer.seek(SeekFrom::End(0)).map(drop)
    }
}

impl CompleteFile {
    /// Gives the file its name.
    ///
    /// # Errors
    ///
    /// The name is taken and [`Existing::Keep`] was said, or the system refuses.
    pub fn publish(self, existing: Existing) -> Result<(), TrainerError> {
        let Self { file, path } = self;
        let published = match existing {
            Existing::Replace => file.persist(&path),
            Existing::Keep => file.persist_noclobber(&path),
        };
        published.map_err(|refused| write_error(&path, refused.error))?;
        sync_folder(folder_of(&path)).map_err(|source| write_error(&path, source))
    }
}

pub(crate) fn write_error(path: &Path, source: io::Error) -> TrainerError {
    TrainerError::Write { path: path.to_owned(), source }
}

/// The folder that holds `path`.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A new name is on the disk when its folder is.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_appears_when_it_is_published_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.json");
        let complete = AtomicFile::prepare(&path, b"whole").unwrap();
        assert!(!path.exists());
        complete.publish(Existing::Keep).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(names(folder.path()), ["model.json"]);
    }

    #[test]
    fn what_is_dropped_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = AtomicFile::create(&folder.path().join("features")).unwrap();
        file.write(b"half").unwrap();
        assert_eq!(names(folder.path()).len(), 1);
        drop(file);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn an_existing_file_is_kept_unless_it_is_to_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.csv");
        AtomicFile::write_all(&path, b"old", Existing::Keep).unwrap();
        assert!(AtomicFile::write_all(&path, b"new", Existing::Keep).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        AtomicFile::write_all(&path, b"new", Existing::Replace).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["history.csv"]);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = AtomicFile::create(&folder.path().join("none/file")).unwrap_err();
        assert!(error.to_string().contains("none/file"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_it_where_the_umask_lets_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let plain = folder.path().join("plain");
        AtomicFile::write_all(&path, b"", Existing::Keep).unwrap();
        std::fs::write(&plain, b"").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&plain));
    }
}
