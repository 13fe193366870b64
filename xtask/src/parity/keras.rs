//! Keras itself: a Python that has it, and the script that it runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tempfile::TempDir;

use super::configuration::Configuration;
use crate::process;

const SCRIPT: &str = include_str!("in_keras.py");
/// What the numbers depend on, in the versions that the project is measured against.
const NEEDED: [(&str, &str); 3] = [("keras", "3.15.1"), ("tensorflow-cpu", "2.21.0"), ("pillow", "13.0.0")];

/// A Python with Keras.
#[derive(Debug)]
pub(super) struct Keras {
    python: PathBuf,
    folder: TempDir,
    /// As `keras 3.15.1, pillow 13.0.0, ..`.
    pub(super) versions: String,
}

/// One configuration on one folder, and where its batches go.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Job {
    pub(super) name: String,
    pub(super) data: PathBuf,
    /// The CSV file that lists the photos in `data`, for `flow_from_dataframe`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) table: Option<PathBuf>,
    #[serde(flatten)]
    pub(super) configuration: Configuration,
    pub(super) output: PathBuf,
}

/// What the script says of a job.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    pub(super) name: String,
    pub(super) seconds: f64,
    pub(super) error: Option<String>,
}

/// What Keras and we saved under `save_to_dir`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub(super) struct Saved {
    pub(super) files: usize,
    /// Whether there is one of ours for each of Keras'.
    pub(super) names_equal: bool,
    /// Values compared; none of JPEG files.
    pub(super) values: usize,
    /// Of them, those that are one level off, and those that are more.
    pub(super) one_off: usize,
    pub(super) more_off: usize,
}

impl Keras {
    /// # Errors
    ///
    /// `python` does not run or lacks a package; the message says how to install it.
    pub(super) fn find(python: &Path) -> Result<Keras> {
        let folder = tempfile::Builder::new().prefix("xfer-parity-").tempdir().context("cannot make a folder")?;
        fs::write(folder.path().join("in_keras.py"), SCRIPT).context("cannot write the script")?;
        let mut keras = Keras { python: python.to_owned(), folder, versions: String::new() };
        let told = keras.run(&["versions".as_ref()]).with_context(|| advice(python))?;
        let versions: Map<String, Value> = serde_json::from_str(told.trim()).with_context(|| advice(python))?;
        keras.versions = judged(&versions).with_context(|| advice(python))?;
        Ok(keras)
    }

    /// Fills `folder` with `png` and `jpeg`, folders of class folders with photos from `source`, `count` a class.
    pub(super) fn photos(&self, source: &Path, folder: &Path, count: usize) -> Result<()> {
        self.run(&["photos".as_ref(), source, folder, count.to_string().as_ref()]).map(drop)
    }

    /// Fills `folder` with two classes of tiny PNGs.
    pub(super) fn tiny_photos(&self, source: &Path, folder: &Path) -> Result<()> {
        self.run(&["tiny".as_ref(), source, folder]).map(drop)
    }

    /// Runs every job in one process, and says how each went.
    pub(super) fn batches(&self, jobs: &[Job]) -> Result<Vec<Told>> {
        let path = self.folder.path().join("jobs.json");
        fs::write(&path, serde_json::to_string_pretty(jobs)?).context("cannot write the jobs")?;
        let output = self.run(&["batches".as_ref(), &path])?;
        let told: Vec<Told> = output
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()
            .context("the script said something else")?;
        if told.iter().map(|told| &told.name).ne(jobs.iter().map(|job| &job.name)) {
            bail!("the script ran {} of {} jobs", told.len(), jobs.len());
        }
        Ok(told)
    }

    /// Compares the files that both sides of each job saved, by name and, where the format keeps them, by pixel.
    pub(super) fn saved(&self, pairs: &[(PathBuf, PathBuf)]) -> Result<Vec<Saved>> {
        let path = self.folder.path().join("saved.json");
        fs::write(&path, serde_json::to_string(pairs)?).context("cannot write the list of folders")?;
        let output = self.run(&["saved".as_ref(), &path])?;
        let saved: Vec<Saved> = serde_json::from_str(output.trim()).context("the script said something else")?;
        if saved.len() != pairs.len() {
            bail!("the script compared {} of {} folders", saved.len(), pairs.len());
        }
        Ok(saved)
    }

    fn run(&self, arguments: &[&Path]) -> Result<String> {
        process::output(Command::new(&self.python).arg(self.folder.path().join("in_keras.py")).args(arguments))
    }
}

fn judged(versions: &Map<String, Value>) -> Result<String> {
    let version = |name: &str| versions.get(name).and_then(Value::as_str);
    for (name, _) in NEEDED {
        if version(name).is_none() {
            bail!("it lacks {name}");
        }
    }
    for name in ["scipy", "pandas"] {
        if version(name).is_none() {
            bail!("it lacks {name}");
        }
    }
    let keras = version("keras").unwrap_or_default();
    if !keras.starts_with("3.") {
        bail!("it has keras {keras}, not Keras 3");
    }
    let named = |(name, version): (&String, &Value)| format!("{name} {}", version.as_str().unwrap_or_default());
    let mut text = versions.iter().map(named).collect::<Vec<_>>().join(", ");
    for (name, measured) in NEEDED.iter().filter(|(name, measured)| version(name) != Some(measured)) {
        text.push_str(&format!("; the project is measured against {name} {measured}"));
    }
    Ok(text)
}

fn advice(python: &Path) -> String {
    let packages = NEEDED.map(|(name, version)| format!("{name}=={version}")).join(" ");
    format!(
        "{} is no Python with Keras 3. Make one, for example by\n  python3 -m venv keras && keras/bin/pip install {packages} scipy pandas\n\
         and name it with --python keras/bin/python or XFER_KERAS_PYTHON",
        python.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(of: &[(&str, &str)]) -> Map<String, Value> {
        of.iter().map(|(name, version)| ((*name).to_owned(), Value::from(*version))).collect()
    }

    #[test]
    fn other_versions_are_pointed_out_and_missing_ones_refused() {
        let all = [
            ("keras", "3.15.1"),
            ("tensorflow-cpu", "2.21.0"),
            ("pillow", "13.0.0"),
            ("scipy", "1.17.1"),
            ("pandas", "3.0.0"),
        ];
        assert_eq!(
            judged(&versions(&all)).unwrap(),
            "keras 3.15.1, pandas 3.0.0, pillow 13.0.0, scipy 1.17.1, tensorflow-cpu 2.21.0"
        );
        let mut older = all;
        older[2].1 = "12.0.0";
        assert!(judged(&versions(&older)).unwrap().ends_with("; the project is measured against pillow 13.0.0"));
        older[0].1 = "2.15.0";
        assert!(judged(&versions(&older)).expect_err("Keras 2").to_string().contains("2.15.0, not Keras 3"));
        assert_eq!(judged(&versions(&all[..3])).expect_err("no scipy").to_string(), "it lacks scipy");
        assert_eq!(judged(&versions(&all[..4])).expect_err("no pandas").to_string(), "it lacks pandas");
    }

    #[test]
    fn a_python_that_is_none_gets_advice() {
        let error = format!("{:#}", Keras::find(Path::new("no-such-python")).expect_err("missing"));
        assert!(error.contains("pip install keras==3.15.1 tensorflow-cpu==2.21.0 pillow==13.0.0 scipy"), "{error}");
        assert!(error.contains("XFER_KERAS_PYTHON") && error.contains("cannot start"), "{error}");
    }
}
