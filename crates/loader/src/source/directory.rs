//! Photos in folders, indexed by Keras' rules.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{LoaderError, Stage};

/// What the name of an image ends in, in any case. As in Keras no dot is asked for: `notajpg` counts.
pub(crate) const EXTENSIONS: [&str; 7] = ["png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff"];

/// An index of the images under a folder. Holds names, not bytes.
#[derive(Clone, Debug)]
pub(crate) struct DirectorySource {
    root: PathBuf,
    /// Paths under `root`, in index order.
    files: Vec<PathBuf>,
    /// The class of each file, where folders are classes.
    labels: Option<Vec<u32>>,
    classes: Vec<String>,
    hidden: Vec<PathBuf>,
}

impl DirectorySource {
    /// Images in class folders: class `k` is the `k`-th sub-folder of `root` in byte order.
    pub(crate) fn with_classes(root: &Path) -> Result<Self, LoaderError> {
        let mut source = Self::empty(root)?;
        let listing = list(root, &mut source.hidden)?;
        if listing.folders.is_empty() {
            return Err(LoaderError::NoClasses { path: root.to_owned() });
        }
        let mut labels = Vec::new();
        for folder in listing.folders {
            let class = file_name(&folder);
            source.files.extend(images_under(&folder, &mut source.hidden)?);
            labels.resize(source.files.len(), source.classes.len() as u32);
            source.classes.push(class.to_string_lossy().into_owned());
        }
        source.labels = Some(labels);
        source.finish()
    }

    /// Every image at any depth under `root`, unlabelled.
    pub(crate) fn without_classes(root: &Path) -> Result<Self, LoaderError> {
        let mut source = Self::empty(root)?;
        source.files = images_under(root, &mut source.hidden)?;
        source.finish()
    }

    fn empty(root: &Path) -> Result<Self, LoaderError> {
        match fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => Ok(Self {
                root: root.to_owned(),
                files: Vec::new(),
                labels: None,
                classes: Vec::new(),
                hidden: Vec::new(),
            }),
            Ok(_) => Err(LoaderError::NotADirectory { path: root.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(LoaderError::MissingDirectory { path: root.to_owned() })
            }
            Err(error) => Err(unlisted(root, error)),
        }
    }

    fn finish(mut self) -> Result<Self, LoaderError> {
        if self.files.is_empty() {
            return Err(LoaderError::NoImages { path: self.root });
        }
        for file in &mut self.files {
            if let Ok(relative) = file.strip_prefix(&self.root) {
                *file = relative.to_owned();
            }
        }
        self.files.shrink_to_fit();
        Ok(self)
    }

    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// The folder that was indexed.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The path of sample `index` under the root.
    pub(crate) fn name(&self, index: usize) -> &Path {
        &self.files[index]
    }

    /// Where sample `index` is.
    pub(crate) fn path(&self, index: usize) -> PathBuf {
        self.root.join(&self.files[index])
    }

    /// The class of each sample, in index order.
    pub(crate) fn labels(&self) -> Option<&[u32]> {
        self.labels.as_deref()
    }

    pub(crate) fn labels_of(&self, samples: &[usize]) -> Vec<u32> {
        self.labels.as_ref().map_or(Vec::new(), |labels| samples.iter().map(|&sample| labels[sample]).collect())
    }

    #[cfg(test)]
    pub(crate) fn of_files(root: &str, files: impl Iterator<Item = String>) -> Self {
        let files = files.map(PathBuf::from).collect();
        Self { root: root.into(), files, labels: None, classes: Vec::new(), hidden: Vec::new() }
    }

    /// Class names: label `k` is the `k`-th.
    pub(crate) fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Folders that were left out because their names begin with a dot.
    pub(crate) fn hidden_folders(&self) -> &[PathBuf] {
        &self.hidden
    }

    /// Keeps only the samples at `places`, which are in ascending order.
    pub(crate) fn keep(&mut self, places: &[usize]) {
        self.files = places.iter().map(|&place| std::mem::take(&mut self.files[place])).collect();
        self.labels = self.labels.take().map(|labels| places.iter().map(|&place| labels[place]).collect());
    }
}

/// The images at any depth under `folder`. Folders come in the order of their whole paths as strings, as
/// `sorted(os.walk(..))` has them (`c-x` before `c/x`), names within a folder in byte order.
fn images_under(folder: &Path, hidden: &mut Vec<PathBuf>) -> Result<Vec<PathBuf>, LoaderError> {
    let mut folders = vec![(folder.to_owned(), list(folder, hidden)?)];
    let mut next = 0;
    while next < folders.len() {
        // A linked folder may lead back to where it hangs; Keras follows none by default.
        let below: Vec<PathBuf> =
            folders[next].1.folders.iter().filter(|folder| !folder.is_symlink()).cloned().collect();
        for folder in below {
            let listing = list(&folder, hidden)?;
            folders.push((folder, listing));
        }
        next += 1;
    }
    folders.sort_by(|(a, _), (b, _)| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    Ok(folders.into_iter().flat_map(|(_, listing)| listing.images).collect())
}

/// What is in one folder, each in byte order of the names.
struct Listing {
    folders: Vec<PathBuf>,
    images: Vec<PathBuf>,
}

fn list(folder: &Path, hidden: &mut Vec<PathBuf>) -> Result<Listing, LoaderError> {
    let mut listing = Listing { folders: Vec::new(), images: Vec::new() };
    for entry in fs::read_dir(folder).map_err(|error| unlisted(folder, error))? {
        let entry = entry.map_err(|error| unlisted(folder, error))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|error| unlisted(&path, error))?;
        if kind.is_dir() || (kind.is_symlink() && path.is_dir()) {
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                hidden.push(path);
            } else {
                listing.folders.push(path);
            }
        } else if is_image_name(&entry.file_name()) {
            listing.images.push(path);
        }
    }
    let by_name = |a: &PathBuf, b: &PathBuf| file_name(a).as_encoded_bytes().cmp(file_name(b).as_encoded_bytes());
    listing.folders.sort_by(by_name);
    listing.images.sort_by(by_name);
    Ok(listing)
}

fn is_image_name(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    EXTENSIONS.iter().any(|extension| {
        name.len() >= extension.len() && name[name.len() - extension.len()..].eq_ignore_ascii_case(extension.as_bytes())
    })
}

fn file_name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or(path.as_os_str())
}

fn unlisted(path: &Path, source: io::Error) -> LoaderError {
    LoaderError::Io { path: path.to_owned(), stage: Stage::Index, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        root
    }

    fn names(source: &DirectorySource) -> Vec<&str> {
        (0..source.len()).map(|index| source.name(index).to_str().unwrap()).collect()
    }

    // Orders checked with keras.preprocessing.image.DirectoryIterator, Keras 3.15.1, on the same tree.
    #[test]
    fn classes_and_files_come_in_the_order_of_keras() {
        let root = tree(&[
            "b/2.jpg",
            "b/10.jpg",
            "a/z.PNG",
            "a/c-x/1.jpg",
            "a/c/x/1.jpg",
            "a/c/0.tiff",
            "a/notajpg",
            "a/readme.txt",
            "10/i.bmp",
            "2/i.ppm",
            "Z/i.jpeg",
            "stray.jpg",
        ]);
        let source = DirectorySource::with_classes(root.path()).unwrap();
        assert_eq!(source.classes(), ["10", "2", "Z", "a", "b"]);
        assert_eq!(
            names(&source),
            [
                "10/i.bmp",
                "2/i.ppm",
                "Z/i.jpeg",
                "a/notajpg",
                "a/z.PNG",
                "a/c/0.tiff",
                "a/c-x/1.jpg",
                "a/c/x/1.jpg",
                "b/10.jpg",
                "b/2.jpg",
            ]
        );
        assert_eq!(source.labels().unwrap(), [0, 1, 2, 3, 3, 3, 3, 3, 4, 4]);
    }

    #[test]
    fn without_classes_everything_is_found() {
        let root = tree(&["b/2.jpg", "a/1.jpg", "top.jpg", "a/x.txt"]);
        let source = DirectorySource::without_classes(root.path()).unwrap();
        assert_eq!(names(&source), ["top.jpg", "a/1.jpg", "b/2.jpg"]);
        assert_eq!(source.labels(), None);
    }

    #[test]
    fn hidden_folders_are_left_out_and_named() {
        let root = tree(&["a/1.jpg", ".ipynb_checkpoints/1.jpg", "a/.git/2.jpg", "a/.hidden.jpg"]);
        let source = DirectorySource::with_classes(root.path()).unwrap();
        assert_eq!(source.classes(), ["a"]);
        assert_eq!(names(&source), ["a/.hidden.jpg", "a/1.jpg"]);
        assert_eq!(source.hidden_folders().len(), 2);
    }

    #[test]
    fn an_empty_class_keeps_its_label() {
        let root = tree(&["c/1.jpg", "a/1.jpg"]);
        fs::create_dir(root.path().join("b")).unwrap();
        let source = DirectorySource::with_classes(root.path()).unwrap();
        assert_eq!(source.classes(), ["a", "b", "c"]);
        assert_eq!(source.labels().unwrap(), [0, 2]);
    }

    #[test]
    fn linked_classes_count_and_linked_sub_folders_do_not() {
        let root = tree(&["a/1.jpg", "elsewhere/2.jpg"]);
        let data = tree(&["b/3.jpg"]);
        std::os::unix::fs::symlink(root.path().join("a"), data.path().join("a")).unwrap();
        std::os::unix::fs::symlink(root.path(), data.path().join("b/loop")).unwrap();
        let source = DirectorySource::with_classes(data.path()).unwrap();
        assert_eq!(names(&source), ["a/1.jpg", "b/3.jpg"]);
    }

    #[test]
    fn folders_that_cannot_be_used_are_named() {
        let root = tree(&["a/readme.txt", "file"]);
        let message = |path: &Path| DirectorySource::with_classes(path).unwrap_err().to_string();
        let missing = root.path().join("nowhere");
        assert_eq!(message(&missing), format!("{}: no such folder", missing.display()));
        assert!(message(&root.path().join("file")).ends_with("file: not a folder"));
        assert!(message(&root.path().join("a")).contains("no class folders in it; expected one sub-folder a class"));
        assert!(message(root.path()).contains("no images in it; files ending in png, jpg"));
    }
}
