//! Which photos: files, folders, patterns and standard input, in the order given.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use glob::MatchOptions;
use xfer_loader::image_files;

/// What stands for standard input.
const STDIN: &str = "-";

/// Photos of one stream of the loader. Names of more are not read from standard input ahead of their photos.
const CHUNK: usize = 4096;

/// A slow writer to standard input is waited for so long before what has come is taken.
const PATIENCE: Duration = Duration::from_millis(50);

/// The photos to predict, in pieces.
#[derive(Debug)]
pub(super) struct Inputs {
    sources: std::vec::IntoIter<Source>,
    known: Option<u64>,
    separator: u8,
    reading: Option<Receiver<io::Result<PathBuf>>>,
    rest: std::vec::IntoIter<PathBuf>,
}

#[derive(Debug)]
enum Source {
    Files(Vec<PathBuf>),
    Stdin,
}

/// Whether the argument stands for standard input.
pub(super) fn is_stdin(input: &Path) -> bool {
    input.as_os_str() == STDIN
}

impl Inputs {
    /// Looks for everything but what standard input will name. `separator` ends each path there.
    pub(super) fn find(inputs: &[PathBuf], separator: u8) -> anyhow::Result<Self> {
        let mut sources: Vec<Source> = Vec::new();
        for input in inputs {
            match (find(input)?, sources.last_mut()) {
                // Files that are named one by one make streams together.
                (Source::Files(more), Some(Source::Files(files))) => files.extend(more),
                (source, _) => sources.push(source),
            }
        }
        let known = sources.iter().map(|source| match source {
            Source::Files(files) => Some(files.len() as u64),
            Source::Stdin => None,
        });
        let known = known.sum();
        Ok(Self { sources: sources.into_iter(), known, separator, reading: None, rest: Vec::new().into_iter() })
    }

    /// How many photos there are, unless standard input names some.
    pub(super) fn known(&self) -> Option<u64> {
        self.known
    }

    /// The next photos, some thousand at most; `None` at the end, or where `stop` was set while standard input was waited
    /// for.
    pub(super) fn next_chunk(&mut self, stop: &AtomicBool) -> anyhow::Result<Option<Vec<PathBuf>>> {
        loop {
            let chunk: Vec<PathBuf> = self.rest.by_ref().take(CHUNK).collect();
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
            if let Some(paths) = &self.reading {
                let chunk = received(paths, stop).context("cannot read standard input")?;
                if !chunk.is_empty() {
                    return Ok(Some(chunk));
                }
                self.reading = None;
            }
            match self.sources.next() {
                Some(Source::Files(files)) => self.rest = files.into_iter(),
                Some(Source::Stdin) => self.reading = Some(read_stdin(self.separator)?),
                None => return Ok(None),
            }
        }
    }
}

/// What has come: as much as there is, once something is there. Nothing at the end.
fn received(paths: &Receiver<io::Result<PathBuf>>, stop: &AtomicBool) -> io::Result<Vec<PathBuf>> {
    let mut chunk = Vec::new();
    while chunk.len() < CHUNK {
        match paths.recv_timeout(PATIENCE) {
            Ok(path) => chunk.push(path?),
            Err(RecvTimeoutError::Timeout) if chunk.is_empty() && !stop.load(Ordering::Relaxed) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    Ok(chunk)
}

fn read_stdin(separator: u8) -> anyhow::Result<Receiver<io::Result<PathBuf>>> {
    let (sender, paths) = sync_channel(CHUNK);
    let read = move || send_paths(BufReader::new(io::stdin()), separator, &sender);
    thread::Builder::new().name("stdin".to_owned()).spawn(read).context("cannot start a thread")?;
    Ok(paths)
}

/// Sends each path, until there are no more or nobody wants them.
fn send_paths(mut from: impl BufRead, separator: u8, to: &SyncSender<io::Result<PathBuf>>) {
    let mut line = Vec::new();
    loop {
        line.clear();
        match from.read_until(separator, &mut line) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                let _ = to.send(Err(error));
                return;
            }
        }
        let path = line.strip_suffix(&[separator]).unwrap_or(&line);
        let path = if separator == b'\n' { path.strip_suffix(b"\r").unwrap_or(path) } else { path };
        if !path.is_empty() && to.send(path_of(path)).is_err() {
            return;
        }
    }
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> io::Result<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Ok(OsString::from_vec(bytes.to_vec()).into())
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> io::Result<PathBuf> {
    let text = std::str::from_utf8(bytes);
    text.map(|text| OsString::from(text).into()).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// What one argument means. What is there is taken as it is; then a pattern is one. A file that is not there has a row
/// that says so.
fn find(input: &Path) -> anyhow::Result<Source> {
    if is_stdin(input) {
        return Ok(Source::Stdin);
    }
    match fs::metadata(input) {
        Ok(metadata) if metadata.is_dir() => {
            let files = image_files(input)?;
            if files.is_empty() {
                bail!("{}: no images in it, going by the names of the files", input.display());
            }
            Ok(Source::Files(files))
        }
        Ok(_) => Ok(Source::Files(vec![input.to_owned()])),
        Err(_) => match input.to_str().filter(|text| text.contains(['*', '?', '['])) {
            Some(pattern) => matching(pattern).map(Source::Files),
            None => Ok(Source::Files(vec![input.to_owned()])),
        },
    }
}

/// The files that match, in the order of their names. As in a shell, `*` and `?` match no leading dot; `**` matches
/// folders at any depth.
fn matching(pattern: &str) -> anyhow::Result<Vec<PathBuf>> {
    let options =
        MatchOptions { require_literal_leading_dot: true, require_literal_separator: true, ..MatchOptions::new() };
    let paths = glob::glob_with(pattern, options).with_context(|| format!("{pattern}: not a pattern"))?;
    let mut files = Vec::new();
    for path in paths {
        let path = path.with_context(|| format!("{pattern}: cannot look there"))?;
        if !path.is_dir() {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("{pattern}: no file matches");
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    static GO_ON: AtomicBool = AtomicBool::new(false);

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        root
    }

    fn found(root: &Path, inputs: &[&str]) -> anyhow::Result<Vec<String>> {
        let inputs: Vec<PathBuf> = inputs.iter().map(|input| root.join(input)).collect();
        let mut inputs = Inputs::find(&inputs, b'\n')?;
        let known = inputs.known();
        let mut paths = Vec::new();
        while let Some(chunk) = inputs.next_chunk(&GO_ON)? {
            paths.extend(chunk);
        }
        assert_eq!(known, Some(paths.len() as u64));
        Ok(paths.iter().map(|path| path.strip_prefix(root).unwrap().display().to_string()).collect())
    }

    #[test]
    fn inputs_keep_their_order() {
        let root = tree(&["b/2.jpg", "b/c/1.webp", "b/notes.txt", "a.jpg", "z.png"]);
        let paths = found(root.path(), &["z.png", "b", "a.jpg", "missing.jpg", "z.png"]).unwrap();
        assert_eq!(paths, ["z.png", "b/2.jpg", "b/c/1.webp", "a.jpg", "missing.jpg", "z.png"]);
    }

    #[test]
    fn patterns_match_as_in_a_shell() {
        let root = tree(&["a/1.jpg", "a/2.jpg", "a/3.png", "a/b/4.jpg", "a/.5.jpg", "x[1].jpg", "x1.jpg"]);
        assert_eq!(found(root.path(), &["a/*.jpg"]).unwrap(), ["a/1.jpg", "a/2.jpg"]);
        assert_eq!(found(root.path(), &["a/**/*.jpg"]).unwrap(), ["a/1.jpg", "a/2.jpg", "a/b/4.jpg"]);
        assert_eq!(found(root.path(), &["a/?.png", "a/[13].*"]).unwrap(), ["a/3.png", "a/1.jpg", "a/3.png"]);
        assert_eq!(found(root.path(), &["x[1].jpg"]).unwrap(), ["x[1].jpg"], "a file of that name goes before");
    }

    #[test]
    fn nothing_found_is_an_error_that_names_what_was_looked_for() {
        let root = tree(&["a/notes.txt"]);
        let message = |input: &str| found(root.path(), &[input]).unwrap_err().to_string();
        assert!(message("a").contains("a: no images in it"));
        assert!(message("a/*.jpg").ends_with("a/*.jpg: no file matches"));
        assert!(message("a/[.jpg").ends_with("a/[.jpg: not a pattern"));
    }

    #[test]
    fn paths_are_read_line_by_line_or_between_zeros() {
        let read = |bytes: &[u8], separator| {
            let (sender, receiver) = sync_channel(9);
            send_paths(bytes, separator, &sender);
            drop(sender);
            received(&receiver, &GO_ON).unwrap()
        };
        assert_eq!(read(b"a b.jpg\n\nc.jpg\r\nd", b'\n'), ["a b.jpg", "c.jpg", "d"].map(PathBuf::from));
        assert_eq!(read(b"a\nb\0c\r\0", 0), ["a\nb", "c\r"].map(PathBuf::from));
        assert!(read(b"", 0).is_empty());
    }

    #[test]
    fn more_files_than_a_chunk_come_in_several() {
        let files = (0..CHUNK + 1).map(|number| PathBuf::from(number.to_string()));
        let mut inputs = Inputs::find(&files.collect::<Vec<_>>(), b'\n').unwrap();
        let mut sizes = Vec::new();
        while let Some(chunk) = inputs.next_chunk(&GO_ON).unwrap() {
            sizes.push(chunk.len());
        }
        assert_eq!(sizes, [CHUNK, 1]);
    }
}
