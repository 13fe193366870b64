//! A Python that reads an exported file, and tells what it makes of photos.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process;

/// A script, and what it needs.
#[derive(Debug)]
pub(super) struct Reader {
    name: &'static str,
    script: &'static str,
    modules: &'static str,
    packages: &'static str,
}

pub(super) const TORCH: Reader = Reader {
    name: "in_torch.py",
    script: include_str!("in_torch.py"),
    modules: "import numpy, PIL, torch",
    packages: "torch numpy pillow",
};

pub(super) const KERAS: Reader = Reader {
    name: "in_keras.py",
    script: include_str!("in_keras.py"),
    modules: "import keras, PIL",
    packages: "keras tensorflow-cpu pillow",
};

/// A Python that can run its script.
#[derive(Debug)]
pub(super) struct Consumer {
    python: PathBuf,
    script: PathBuf,
    folder: PathBuf,
}

/// What a script says.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    /// As `torch 2.11.0`.
    pub(super) versions: String,
    /// Of each photo, in the order in which they were named.
    pub(super) probabilities: Vec<Vec<f64>>,
}

impl Consumer {
    /// # Errors
    ///
    /// `python` does not run or lacks a package; the message says how to install it.
    pub(super) fn find(reader: &Reader, python: &Path, folder: &Path) -> Result<Self> {
        process::output(Command::new(python).args(["-c", reader.modules])).with_context(|| {
            format!(
                "{} cannot be used; python3 -m venv peers && peers/bin/pip install {}, and name peers/bin/python",
                python.display(),
                reader.packages
            )
        })?;
        let script = folder.join(reader.name);
        fs::write(&script, reader.script).with_context(|| format!("cannot write {}", script.display()))?;
        Ok(Self { python: python.to_owned(), script, folder: folder.to_owned() })
    }

    /// Has `files` read, and the photos at `paths` judged.
    pub(super) fn read(&self, files: &[&Path], paths: &[String]) -> Result<Told> {
        let list = self.folder.join("photos.txt");
        fs::write(&list, paths.join("\n")).with_context(|| format!("cannot write {}", list.display()))?;
        let mut command = Command::new(&self.python);
        command.arg(&self.script).args(files).stdin(File::open(&list)?).stderr(Stdio::piped());
        let line = process::line(&command);
        let output = command.output().with_context(|| format!("cannot start: {line}"))?;
        if !output.status.success() {
            bail!("failed ({}): {line}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().last().unwrap_or_default();
        serde_json::from_str(last).with_context(|| format!("{} said something else: {text}", self.script.display()))
    }
}
