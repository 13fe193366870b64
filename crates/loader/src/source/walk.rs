//! Folders, listed to any depth, several at a time.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::directory::check_folder;
use super::names::{compare, is_decodable_name, is_hidden, is_image_name};
use super::parallel;
use crate::error::{LoaderError, Stage};

/// What is walked into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Folders whose names begin with a dot.
    pub(super) hidden_folders: bool,
    /// Linked folders below the one that the walk began with.
    pub(super) follow_links: bool,
    /// Which files count.
    pub(super) files: Files,
}

/// Which files of a folder count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Files {
    /// Those that Keras takes for images, by their names.
    Keras,
    /// Those of any format that is decoded, by their names.
    Decodable,
    /// All.
    Every,
}

impl Files {
    fn has(self, name: &OsStr) -> bool {
        match self {
            Self::Keras => is_image_name(name),
            Self::Decodable => is_decodable_name(name),
            Self::Every => true,
        }
    }
}

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The images under each folder that a walk began with, as paths relative to it.
    pub(crate) images: Vec<Vec<PathBuf>>,
    /// Hidden folders that were left out.
    pub(crate) hidden: Vec<PathBuf>,
    /// Linked folders that were left out, since they lead back to where they hang.
    pub(crate) loops: Vec<PathBuf>,
}

/// Every file under `root`, whatever its name, as paths relative to it.
pub(crate) fn every_file(root: &Path, follow_links: bool) -> Result<Found, LoaderError> {
    check_folder(root)?;
    images_under(&[root.to_owned()], Rules { hidden_folders: false, follow_links, files: Files::Every })
}

/// Every file at any depth under `folder` whose name is that of an image that can be decoded, as paths that begin with
/// `folder`, in the order of Keras' walk. Hidden folders and links to folders are left out.
///
/// # Errors
///
/// The folder is missing or cannot be listed.
pub fn image_files(folder: &Path) -> Result<Vec<PathBuf>, LoaderError> {
    check_folder(folder)?;
    let rules = Rules { hidden_folders: false, follow_links: false, files: Files::Decodable };
    let found = images_under(&[folder.to_owned()], rules)?;
    Ok(found.images.into_iter().flatten().map(|file| folder.join(file)).collect())
}

/// The images at any depth under each of `folders`. Within one, folders come in the order of their whole paths
/// as strings, as `sorted(os.walk(..))` has them (`c-x` before `c/x`), names within a folder in the same order.
pub(super) fn images_under(folders: &[PathBuf], rules: Rules) -> Result<Found, LoaderError> {
    let mut found = Found::default();
    let mut listed: Vec<Vec<(PathBuf, Vec<OsString>)>> = folders.iter().map(|_| Vec::new()).collect();
    let mut level: Vec<Folder> = (0..folders.len()).map(Folder::start).collect();
    while !level.is_empty() {
        let visits = parallel::try_map(level.len(), |place| level[place].visit(folders, rules))?;
        let mut next = Vec::new();
        for (folder, visit) in level.into_iter().zip(visits) {
            let Visit::Listed { listing, line } = visit else {
                found.loops.push(folder.path(folders));
                continue;
            };
            for name in listing.folders {
                if is_hidden(&name.0) && !rules.hidden_folders {
                    found.hidden.push(folder.path(folders).join(name.0));
                } else if rules.follow_links || !name.1 {
                    next.push(Folder { start: folder.start, below: folder.below.join(name.0), line: line.clone() });
                }
            }
            listed[folder.start].push((folder.below, listing.images));
        }
        level = next;
    }
    found.images = listed.into_iter().map(in_order).collect();
    found.hidden.sort();
    found.loops.sort();
    Ok(found)
}

fn in_order(mut folders: Vec<(PathBuf, Vec<OsString>)>) -> Vec<PathBuf> {
    folders.sort_by(|(a, _), (b, _)| compare(a.as_os_str(), b.as_os_str()));
    let mut images = Vec::with_capacity(folders.iter().map(|(_, names)| names.len()).sum());
    for (folder, names) in folders {
        images.extend(names.into_iter().map(|name| folder.join(name)));
    }
    images
}

/// A folder to be listed.
struct Folder {
    /// Which of the folders that the walk began with it is under.
    start: usize,
    /// Its path relative to that one.
    below: PathBuf,
    /// The folders that it is in, where links are followed.
    line: Option<Arc<Line>>,
}

/// Where a folder really is, and where the folders are that the walk came through.
struct Line {
    real: PathBuf,
    above: Option<Arc<Line>>,
}

enum Visit {
    Listed {
        listing: Listing,
        line: Option<Arc<Line>>,
    },
    /// The walk came through this folder already.
    Loop,
}

impl Folder {
    fn start(start: usize) -> Self {
        Self { start, below: PathBuf::new(), line: None }
    }

    fn path(&self, folders: &[PathBuf]) -> PathBuf {
        let start = &folders[self.start];
        if self.below.as_os_str().is_empty() { start.clone() } else { start.join(&self.below) }
    }

    fn visit(&self, folders: &[PathBuf], rules: Rules) -> Result<Visit, LoaderError> {
        let path = self.path(folders);
        let line = if rules.follow_links {
            let real = fs::canonicalize(&path).map_err(|error| unlisted(&path, error))?;
            let mut above = self.line.as_deref();
            while let Some(line) = above {
                if line.real == real {
                    return Ok(Visit::Loop);
                }
                above = line.above.as_deref();
            }
            Some(Arc::new(Line { real, above: self.line.clone() }))
        } else {
            None
        };
        Ok(Visit::Listed { listing: list(&path, rules.files)?, line })
    }
}

/// What is in one folder, each in order of the names.
pub(super) struct Listing {
    /// Names of folders, and whether each is a link.
    pub(super) folders: Vec<(OsString, bool)>,
    images: Vec<OsString>,
}

/// Lists one folder. A link to a folder is a folder; all else that is one of `files` by its name counts, and
/// fails when it is read if it is no image.
pub(super) fn list(folder: &Path, files: Files) -> Result<Listing, LoaderError> {
    let mut listing = Listing { folders: Vec::new(), images: Vec::new() };
    for entry in fs::read_dir(folder).map_err(|error| unlisted(folder, error))? {
        let entry = entry.map_err(|error| unlisted(folder, error))?;
        let kind = entry.file_type().map_err(|error| unlisted(&entry.path(), error))?;
        let name = entry.file_name();
        if kind.is_dir() || (kind.is_symlink() && entry.path().is_dir()) {
            listing.folders.push((name, kind.is_symlink()));
        } else if files.has(&name) {
            listing.images.push(name);
        }
    }
    listing.folders.sort_by(|(a, _), (b, _)| compare(a, b));
    listing.images.sort_by(|a, b| compare(a, b));
    Ok(listing)
}

pub(super) fn unlisted(path: &Path, source: io::Error) -> LoaderError {
    LoaderError::Io { path: path.to_owned(), stage: Stage::Index, source }
}
