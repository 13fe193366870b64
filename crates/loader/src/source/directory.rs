//! Photos in folders, indexed by Keras' rules.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::class_mode::ClassMode;
use super::index::{Index, Origin};
use super::names::is_hidden;
use super::split::{Split, Subset};
use super::targets::Targets;
use super::walk::{Files, Found, Rules, images_under, list, unlisted};
use crate::error::LoaderError;

/// How folders are indexed. The defaults are those of Keras' `flow_from_directory`, but for hidden folders and
/// for what is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct DirectoryOptions {
    /// The folders that are classes, in label order; `a/b` is a folder in a folder. Default `None` (as an
    /// empty list): every folder, in the order of the code points of their names (`10` before `2`).
    pub classes: Option<Vec<String>>,
    /// What batches hold of the classes. Default [`ClassMode::Categorical`].
    pub class_mode: ClassMode,
    /// Whether links to folders within classes are followed, but for those that lead back to where they hang.
    /// A class may be a link in any case. Default `false`.
    pub follow_links: bool,
    /// Whether folders whose names begin with a dot count, as in Keras. Default `false`: left out, and named.
    pub hidden_folders: bool,
    /// Whether to refuse what Keras lets pass: a folder of `classes` that is not there (no images), and
    /// [`ClassMode::Binary`] with other than two classes. Default `true`.
    pub strict: bool,
    /// How samples are split, where `subset` is set. Default `None`.
    pub split: Option<Split>,
    /// The side of the split to index. Default `None`: all samples.
    pub subset: Option<Subset>,
}

impl Default for DirectoryOptions {
    fn default() -> Self {
        Self {
            classes: None,
            class_mode: ClassMode::default(),
            follow_links: false,
            hidden_folders: false,
            strict: true,
            split: None,
            subset: None,
        }
    }
}

impl DirectoryOptions {
    fn rules(&self) -> Rules {
        Rules { hidden_folders: self.hidden_folders, follow_links: self.follow_links, files: Files::Keras }
    }
}

impl Index {
    /// Images in class folders, each looked for at any depth.
    ///
    /// # Errors
    ///
    /// A folder is missing or cannot be listed; there are no classes, no images, or none on the side asked
    /// for; an option has a value that it cannot have.
    pub(crate) fn from_directory(root: &Path, options: &DirectoryOptions) -> Result<Self, LoaderError> {
        options.class_mode.check_for_folders()?;
        check_folder(root)?;
        let mut index = Self::new(root, options.class_mode, Origin::Folders);
        let folders = match options.classes.as_deref().filter(|classes| !classes.is_empty()) {
            Some(classes) => {
                check_names(classes)?;
                index.classes = classes.to_vec();
                classes.iter().map(PathBuf::from).collect()
            }
            None => {
                let (hidden, folders) = list(root, Files::Keras)?
                    .folders
                    .into_iter()
                    .map(|(name, _)| PathBuf::from(name))
                    .partition(|name: &PathBuf| !options.hidden_folders && is_hidden(name.as_os_str()));
                let folders: Vec<PathBuf> = folders;
                index.hidden = hidden;
                index.hidden.iter_mut().for_each(|name| *name = root.join(&*name));
                index.classes = folders.iter().map(|name| name.to_string_lossy().into_owned()).collect();
                folders
            }
        };
        if folders.is_empty() {
            return Err(LoaderError::NoClasses { path: root.to_owned() });
        }
        if options.class_mode == ClassMode::Binary && options.strict && folders.len() != 2 {
            return Err(LoaderError::BinaryClasses { path: root.to_owned(), classes: folders.len() });
        }
        let found = index.walk(&folders, options)?;
        let mut labels = Vec::with_capacity(found.iter().map(Vec::len).sum());
        for ((label, folder), images) in (0..).zip(&folders).zip(found) {
            labels.resize(labels.len() + images.len(), label);
            index.files.extend(images.into_iter().map(|image| folder.join(image).into_boxed_path()));
        }
        index.targets = Targets::Classes(labels);
        index.finish(options)
    }

    /// Every image at any depth under `root`, without classes: `options.classes` and `options.class_mode` do
    /// not count.
    ///
    /// # Errors
    ///
    /// As [`from_directory`](Self::from_directory), without the classes.
    pub(crate) fn from_files(root: &Path, options: &DirectoryOptions) -> Result<Self, LoaderError> {
        check_folder(root)?;
        let mut index = Self::new(root, ClassMode::None, Origin::Files);
        let found = index.walk(&[PathBuf::new()], options)?;
        index.files = found.into_iter().flatten().map(PathBuf::into_boxed_path).collect();
        index.finish(options)
    }

    /// Those files, in that order; nothing is looked up.
    ///
    /// # Errors
    ///
    /// There are none.
    pub(crate) fn from_list(files: Vec<PathBuf>) -> Result<Self, LoaderError> {
        if files.is_empty() {
            let (option, expected, got) = ("files", "at least one", "none".to_owned());
            return Err(LoaderError::InvalidOption { option, expected, got });
        }
        let files = files.into_iter().map(PathBuf::into_boxed_path).collect();
        Ok(Self { files, ..Self::new(Path::new(""), ClassMode::None, Origin::Files) })
    }

    /// The images under each of `folders`, which are relative to the root.
    fn walk(&mut self, folders: &[PathBuf], options: &DirectoryOptions) -> Result<Vec<Vec<PathBuf>>, LoaderError> {
        let mut starts = Vec::with_capacity(folders.len());
        let mut there = Vec::with_capacity(folders.len());
        for folder in folders {
            let path = if folder.as_os_str().is_empty() { self.root.clone() } else { self.root.join(folder) };
            let checked = check_folder(&path);
            there.push(checked.is_ok() || options.strict);
            match checked {
                Ok(()) => starts.push(path),
                Err(error) if options.strict => return Err(error),
                Err(_) => {}
            }
        }
        let Found { images, hidden, loops } = images_under(&starts, options.rules())?;
        self.hidden.extend(hidden);
        self.loops = loops;
        let mut images = images.into_iter();
        Ok(there.into_iter().map(|there| if there { images.next() } else { None }.unwrap_or_default()).collect())
    }

    fn finish(mut self, options: &DirectoryOptions) -> Result<Self, LoaderError> {
        if self.files.is_empty() {
            return Err(LoaderError::NoImages { path: self.root });
        }
        self.files.shrink_to_fit();
        self.subset(options.split.as_ref(), options.subset)
    }
}

pub(super) fn check_folder(path: &Path) -> Result<(), LoaderError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(LoaderError::NotADirectory { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(LoaderError::MissingDirectory { path: path.to_owned() })
        }
        Err(error) => Err(unlisted(path, error)),
    }
}

/// Class names are paths below the root that name no photo twice.
fn check_names(classes: &[String]) -> Result<(), LoaderError> {
    let invalid =
        |expected, got: &str| Err(LoaderError::InvalidOption { option: "classes", expected, got: format!("`{got}`") });
    let mut seen = HashSet::new();
    for class in classes {
        if class.is_empty() || !Path::new(class).components().all(|part| matches!(part, Component::Normal(_))) {
            return invalid("names of folders under the one that is indexed", class);
        }
        if !seen.insert(Path::new(class)) {
            return invalid("each folder once", class);
        }
    }
    for class in classes {
        if let Some(above) = Path::new(class).ancestors().skip(1).find(|above| seen.contains(above)) {
            return invalid("folders of which none is in another", &format!("{}` and `{class}", above.display()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
