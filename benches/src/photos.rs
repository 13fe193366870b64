//! The photos that `cargo xtask bench` draws.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Folders of photos: `web`, `phone` and `small`, each with two folders of JPEG files.
#[derive(Clone, Debug)]
pub struct Photos(PathBuf);

impl Photos {
    /// Those in `folder`.
    pub fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Those in cargo's target folder; `cargo xtask` draws them if they are not there.
    ///
    /// # Errors
    ///
    /// It does not run, or fails.
    pub fn draw() -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command.args(["run", "--quiet", "--package", "xtask", "--", "bench", "--draw"]);
        let output = command.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
        let text = String::from_utf8(output.stdout).context("the folder's name")?;
        let folder = text.lines().last().unwrap_or_default();
        if !output.status.success() || folder.is_empty() {
            bail!("cargo xtask bench --draw failed");
        }
        Ok(Self::at(Path::new(folder)))
    }

    /// A folder of class folders.
    pub fn corpus(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The path of one photo of a corpus.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(crate) fn path(&self, corpus: &str) -> Result<PathBuf> {
        let folder = self.corpus(corpus).join("a");
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        let paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
        let paths = paths.with_context(|| format!("cannot list {}", folder.display()))?;
        paths.into_iter().min().with_context(|| format!("{} is empty", folder.display()))
    }

    /// The bytes of that photo.
    pub(crate) fn file(&self, corpus: &str) -> Result<Vec<u8>> {
        let path = self.path(corpus)?;
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    }
}
