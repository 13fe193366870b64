//! Photos that are there more than once.

use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};

/// A digest of a file's bytes, and one of its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Digests {
    pub(super) bytes: [u8; 32],
    pub(super) pixels: [u8; 32],
}

/// How alike duplicates are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sameness {
    /// The same bytes.
    Bytes,
    /// The same pixels in other bytes: other metadata, or another lossless format.
    Pixels,
}

/// A photo that is there more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Duplicates {
    /// Where, in byte order; two or more.
    pub paths: Vec<PathBuf>,
    /// How alike.
    pub sameness: Sameness,
    /// Some are in a training folder and some in a validation or test folder: validation then measures memory.
    pub across_split: bool,
    /// They are in folders of different classes: at least one label is wrong.
    pub across_classes: bool,
}

/// Photos seen so far, by their pixels.
#[derive(Debug, Default)]
pub(super) struct Seen {
    by_pixels: HashMap<[u8; 32], Vec<(PathBuf, [u8; 32])>>,
}

impl Seen {
    pub(super) fn add(&mut self, path: &Path, digests: Digests) {
        self.by_pixels.entry(digests.pixels).or_default().push((path.to_owned(), digests.bytes));
    }

    /// Groups of two or more, in the order of their first paths.
    pub(super) fn finish(self) -> Vec<Duplicates> {
        let groups = self.by_pixels.into_values().filter(|group| group.len() > 1);
        let by_first: BTreeMap<PathBuf, Duplicates> = groups
            .map(|group| {
                let first = group[0].1;
                let same_bytes = group.iter().all(|(_, bytes)| *bytes == first);
                let mut paths: Vec<PathBuf> = group.into_iter().map(|(path, _)| path).collect();
                paths.sort();
                let differ = |part: fn(&Path) -> Option<String>| {
                    let parts: Vec<_> = paths.iter().map(|path| part(path)).collect();
                    parts.iter().any(|other| *other != parts[0])
                };
                let duplicates = Duplicates {
                    sameness: if same_bytes { Sameness::Bytes } else { Sameness::Pixels },
                    across_split: differ(split_of),
                    across_classes: differ(class_of),
                    paths,
                };
                (duplicates.paths[0].clone(), duplicates)
            })
            .collect();
        by_first.into_values().collect()
    }
}

/// Names of folders that hold one side of a split, as they are commonly called.
const SPLITS: [(&str, &[&str]); 3] = [
    ("train", &["train", "training"]),
    ("validation", &["val", "valid", "validation", "dev"]),
    ("test", &["test", "testing"]),
];

/// The side of a split that a path's first folder names, if it does.
fn split_of(path: &Path) -> Option<String> {
    let first = folders(path).next()?.to_lowercase();
    SPLITS.iter().find(|(_, names)| names.contains(&first.as_str())).map(|(split, _)| (*split).to_owned())
}

/// The class folder of a path: the first one, or the second where the first is a side of a split.
fn class_of(path: &Path) -> Option<String> {
    let skip = usize::from(split_of(path).is_some());
    folders(path).nth(skip)
}

fn folders(path: &Path) -> impl Iterator<Item = String> {
    let parent = path.parent().unwrap_or(Path::new(""));
    parent.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(photos: &[(&str, u8, u8)]) -> Vec<Duplicates> {
        let mut seen = Seen::default();
        for &(path, bytes, pixels) in photos {
            seen.add(Path::new(path), Digests { bytes: [bytes; 32], pixels: [pixels; 32] });
        }
        seen.finish()
    }

    #[test]
    fn leaks_and_contradictions_are_told_from_plain_copies() {
        let found = seen(&[
            ("train/city/a.jpg", 1, 1),
            ("train/city/b.jpg", 1, 1),
            ("train/city/c.jpg", 2, 2),
            ("val/city/c.jpg", 2, 2),
            ("train/city/d.jpg", 3, 3),
            ("train/rural/d.png", 4, 3),
            ("train/rural/alone.jpg", 5, 5),
        ]);
        let told: Vec<_> =
            found.iter().map(|d| (d.paths.len(), d.sameness, d.across_split, d.across_classes)).collect();
        assert_eq!(
            told,
            [(2, Sameness::Bytes, false, false), (2, Sameness::Bytes, true, false), (2, Sameness::Pixels, false, true),]
        );
    }

    #[test]
    fn classes_without_a_split_are_the_first_folders() {
        let found = seen(&[("city/a.jpg", 1, 1), ("rural/deep/a.jpg", 1, 1), ("top.jpg", 2, 2), ("other.jpg", 2, 2)]);
        assert!(found[0].across_classes && !found[0].across_split);
        assert!(!found[1].across_classes, "files in no folder have no class");
    }
}
