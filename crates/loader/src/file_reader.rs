//! Where the bytes of files come from: the file system, or a function of the user's.

use std::any::Any;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;

use crate::error::{LoaderError, Stage};

type Function = dyn Fn(&Path, &mut FileBuffer<'_>) -> io::Result<usize> + Send + Sync;

/// Reads files: from the file system, which is the default, or by a function, from an object store, an archive or a
/// cache.
///
/// The function gets a sample's path, which is the folder that was indexed joined with the sample's name, and a
/// [`FileBuffer`] to ask for room once the size is known; it says how many bytes it put there. It is called from many
/// threads at once (at most `LoaderOptions::concurrent_reads`) and may block;
/// the slower it is, the more calls are under way at the same time. What it reads should depend on the path alone. An
/// error or a panic of it is one of its file, in the stage [`Stage::Read`].
///
/// Two are equal when one is a clone of the other, or both read from the file system.
///
/// ```
/// # use std::collections::HashMap;
/// # use std::io;
/// # use std::path::PathBuf;
/// # use xfer_loader::FileReader;
/// let store: HashMap<PathBuf, Vec<u8>> = HashMap::new();
/// let reader = FileReader::new(move |path, buffer| {
///     let object = store.get(path).ok_or(io::ErrorKind::NotFound)?;
///     buffer.room(object.len())?.copy_from_slice(object);
///     Ok(object.len())
/// });
/// ```
#[derive(Clone, Default)]
pub struct FileReader {
    function: Option<Arc<Function>>,
}

/// Room for the bytes of one file.
pub struct FileBuffer<'a> {
    limit: u64,
    /// A buffer of so many bytes or more; `None` when nobody needs it any more.
    take: &'a mut dyn FnMut(usize) -> Option<Vec<u8>>,
    bytes: Option<Vec<u8>>,
    too_large: Option<u64>,
    given_up: bool,
}

/// What came of a read.
#[derive(Debug)]
pub(crate) enum FileRead {
    /// A buffer, and how many bytes of it are the file's.
    Done(Vec<u8>, usize),
    /// Why there are none, and the buffer.
    Failed(LoaderError, Option<Vec<u8>>),
    /// Nobody needs them.
    GivenUp,
}

impl FileReader {
    /// Reads by `function`.
    pub fn new(function: impl Fn(&Path, &mut FileBuffer<'_>) -> io::Result<usize> + Send + Sync + 'static) -> Self {
        Self { function: Some(Arc::new(function)) }
    }

    /// Reads a file as a stream does: for functions that add something to it.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is no regular file; there is no room for it.
    pub fn read(&self, path: &Path, buffer: &mut FileBuffer<'_>) -> io::Result<usize> {
        match &self.function {
            Some(function) => function(path, buffer),
            None => read_regular_file(path, buffer),
        }
    }

    /// Reads a file of at most `limit` bytes into what `take` gives.
    pub(crate) fn read_with(
        &self,
        path: &Path,
        limit: u64,
        take: &mut dyn FnMut(usize) -> Option<Vec<u8>>,
    ) -> FileRead {
        let mut buffer = FileBuffer { limit, take, bytes: None, too_large: None, given_up: false };
        let read = match &self.function {
            None => read_regular_file(path, &mut buffer),
            Some(function) => {
                let attempt = panic::catch_unwind(AssertUnwindSafe(|| function(path, &mut buffer)));
                attempt.unwrap_or_else(|panic| Err(io::Error::other(panicked(panic.as_ref()))))
            }
        };
        let FileBuffer { limit, bytes, too_large, given_up, .. } = buffer;
        if given_up {
            return FileRead::GivenUp;
        }
        let source = match (read, too_large) {
            (_, Some(bytes)) => {
                let error = LoaderError::FileTooLarge { path: path.to_owned(), bytes, limit };
                return FileRead::Failed(error, None);
            }
            (Ok(len), None) if len <= bytes.as_ref().map_or(0, Vec::len) => {
                return FileRead::Done(bytes.unwrap_or_default(), len);
            }
            (Ok(len), None) => io::Error::other(format!("{len} bytes were read into less room")),
            (Err(error), None) => error,
        };
        FileRead::Failed(LoaderError::Io { path: path.to_owned(), stage: Stage::Read, source }, bytes)
    }
}

impl FileBuffer<'_> {
    /// Room for `bytes`, of unspecified content: waits until the byte budget of the stream has it. To be asked for once
    /// a file.
    ///
    /// # Errors
    ///
    /// There is never to be so much room; the stream has ended; it was asked for before.
    pub fn room(&mut self, bytes: usize) -> io::Result<&mut [u8]> {
        if self.bytes.is_some() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "room for a file is asked for once"));
        }
        if bytes as u64 > self.limit {
            self.too_large = Some(bytes as u64);
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let Some(buffer) = (self.take)(bytes) else {
            self.given_up = true;
            return Err(io::ErrorKind::Interrupted.into());
        };
        Ok(&mut self.bytes.insert(buffer)[..bytes])
    }
}

impl PartialEq for FileReader {
    fn eq(&self, other: &Self) -> bool {
        match (&self.function, &other.function) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

impl fmt::Debug for FileReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.function.is_some() { "FileReader::new(..)" } else { "FileReader::default()" })
    }
}

impl fmt::Debug for FileBuffer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileBuffer").field("room", &self.bytes.as_ref().map(Vec::len)).finish_non_exhaustive()
    }
}

/// The bytes that a regular file has when it is opened. One that grows meanwhile is cut there, one that shrinks is
/// short: decoding will tell.
fn read_regular_file(path: &Path, buffer: &mut FileBuffer<'_>) -> io::Result<usize> {
    let mut file = open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(not_regular());
    }
    let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    let room = buffer.room(size)?;
    let mut len = 0;
    while len < size {
        match file.read(&mut room[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

/// Opens a file without waiting for whoever writes to it, should it be a pipe.
#[cfg(target_os = "linux")]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    /// `O_NONBLOCK` (`asm-generic/fcntl.h`): it means nothing to regular files, but for the rare one that another
    /// process has a lease on.
    const NONBLOCK: i32 = 0o4000;

    match OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => open_if_regular(path),
        opened => opened,
    }
}

#[cfg(not(target_os = "linux"))]
fn open(path: &Path) -> io::Result<File> {
    open_if_regular(path)
}

/// Looks before it opens: opening a pipe would wait for a writer.
fn open_if_regular(path: &Path) -> io::Result<File> {
    if fs::metadata(path)?.is_file() { File::open(path) } else { Err(not_regular()) }
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    format!("the function that reads panicked: {}", panic_message(panic))
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: &FileReader, path: &Path) -> Result<Vec<u8>, String> {
        let mut take = |bytes| Some(vec![7; bytes + 3]);
        match reader.read_with(path, 100, &mut take) {
            FileRead::Done(buffer, len) => Ok(buffer[..len].to_vec()),
            FileRead::Failed(error, _) => {
                let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
                Err(format!("{error}{}", source.unwrap_or_default()))
            }
            FileRead::GivenUp => Err("given up".to_owned()),
        }
    }

    #[test]
    fn files_are_read_whole() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a");
        for len in [0, 1, 100] {
            fs::write(&path, vec![len as u8; len]).unwrap();
            assert_eq!(read(&FileReader::default(), &path).unwrap(), vec![len as u8; len]);
        }
        fs::write(&path, [0; 101]).unwrap();
        assert!(read(&FileReader::default(), &path).unwrap_err().contains("101 bytes, more than the 100"));
        assert!(read(&FileReader::default(), root.path()).unwrap_err().ends_with("not a regular file"));
        assert!(read(&FileReader::default(), &root.path().join("b")).unwrap_err().contains("No such file"));
    }

    #[test]
    fn what_a_function_does_wrong_is_told() {
        let path = Path::new("a.jpg");
        let run = |function: fn(&mut FileBuffer<'_>) -> io::Result<usize>| {
            read(&FileReader::new(move |_, buffer| function(buffer)), path).unwrap_err()
        };
        let more = run(|buffer| buffer.room(4).map(|room| room.len() + 96));
        assert!(more.ends_with("100 bytes were read into less room"), "{more}");
        assert!(run(|_| Ok(1)).ends_with("1 bytes were read into less room"));
        let twice = run(|buffer| buffer.room(1).map(|_| ()).and_then(|()| buffer.room(1).map(|room| room.len())));
        assert!(twice.ends_with("asked for once"), "{twice}");
        let panicked = run(|_| panic!("out of {}", "cheese"));
        assert_eq!(panicked, "a.jpg: cannot read: the function that reads panicked: out of cheese");
    }

    #[test]
    fn functions_can_add_to_what_is_read() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a");
        fs::write(&path, "abc").unwrap();
        let disk = FileReader::default();
        let reader = FileReader::new(move |path, buffer| disk.read(path, buffer).map(|len| len - 1));
        assert_eq!(read(&reader, &path).unwrap(), b"ab");
        assert!(reader == reader.clone() && reader != FileReader::default());
    }
}
