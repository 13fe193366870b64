//! The workspace's own text files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders in the root that hold what is built, downloaded or made.
const NOT_OURS: [&str; 3] = ["target", "input", "runs"];
const TEXT: [&str; 11] = ["css", "html", "json", "md", "proto", "py", "rs", "sh", "toml", "yaml", "yml"];

/// One file and what is in it.
#[derive(Debug)]
pub(super) struct Text {
    /// Relative to the workspace's root.
    pub(super) path: PathBuf,
    pub(super) content: String,
}

/// Every text file, in order of path.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) files: Vec<Text>,
}

impl Tree {
    pub(super) fn read(root: &Path) -> Result<Tree> {
        let mut files = Vec::new();
        walk(root, Path::new(""), &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Tree { files })
    }

    pub(super) fn rust(&self) -> impl Iterator<Item = &Text> {
        self.files.iter().filter(|file| file.path.extension().is_some_and(|extension| extension == "rs"))
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Tree {
        let files = files
            .iter()
            .map(|(path, content)| Text { path: PathBuf::from(path), content: (*content).to_owned() })
            .collect();
        Tree { files }
    }
}

fn walk(root: &Path, inner: &Path, files: &mut Vec<Text>) -> Result<()> {
    let folder = root.join(inner);
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let name = entry.file_name();
        let path = inner.join(&name);
        let kind = entry.file_type().with_context(|| format!("cannot read {}", entry.path().display()))?;
        if kind.is_dir() {
            if !is_skipped(&path) {
                walk(root, &path, files)?;
            }
        } else if kind.is_file() && is_text(&path) {
            let content =
                fs::read_to_string(entry.path()).with_context(|| format!("cannot read {} as text", path.display()))?;
            files.push(Text { path, content });
        }
    }
    Ok(())
}

fn is_skipped(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let hidden = name.starts_with('.') && ![".cargo", ".ci", ".github"].contains(&name.as_ref());
    hidden || NOT_OURS.iter().any(|skipped| folder == Path::new(skipped))
}

fn is_text(path: &Path) -> bool {
    let scripts = path.parent().is_some_and(|folder| folder == Path::new(".ci"));
    let known = path.extension().is_some_and(|extension| TEXT.iter().any(|text| extension == *text));
    scripts || known || path.file_name().is_some_and(|name| name == "Dockerfile")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_workspaces_own_text_is_read() {
        let root = tempfile::tempdir().unwrap();
        for path in [
            "src/main.rs",
            ".ci/run",
            ".cargo/config.toml",
            "target/debug/x.rs",
            ".git/config.toml",
            "input/a.json",
            "photo.jpg",
            "crates/a/runs/x.rs",
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
        }
        let tree = Tree::read(root.path()).unwrap();
        let paths: Vec<_> = tree.files.iter().map(|file| file.path.display().to_string()).collect();
        assert_eq!(paths, [".cargo/config.toml", ".ci/run", "crates/a/runs/x.rs", "src/main.rs"]);
    }
}
