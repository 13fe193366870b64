//! Other loaders: a Python process each, which does one pass whenever it is told to.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;
use tempfile::TempDir;

use super::row::Row;
use super::worker::{Passed, Worker};

/// The loaders of the script, and the limit, which is none.
pub(super) const PEERS: [&str; 6] = ["keras", "tfdata", "torch", "opencv", "spdl", "dali"];
pub(super) const LIMIT: &str = "limit";

const SCRIPT: &str = include_str!("peers.py");

/// A process that has said that it can work.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// Its packages and their versions.
    pub(super) versions: String,
    worker: Worker,
    /// What it and its libraries complain of.
    _folder: TempDir,
}

/// A peer that cannot work, and why.
pub(super) type Missing = (&'static str, String);

/// What the script says first.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Told {
    Ready(String),
    Missing(String),
}

impl Peer {
    /// Starts the peers `names` side by side; those that cannot work come as names with the reason.
    ///
    /// # Errors
    ///
    /// `python` does not run.
    pub(super) fn start(python: &Path, names: &[&'static str]) -> Result<(Vec<Peer>, Vec<Missing>)> {
        let started = names.iter().map(|name| Peer::spawn(python, name)).collect::<Result<Vec<_>>>()?;
        let (mut ready, mut missing) = (Vec::new(), Vec::new());
        for mut peer in started {
            match peer.worker.answer() {
                Ok(Told::Ready(versions)) => ready.push(Peer { versions, ..peer }),
                Ok(Told::Missing(why)) => missing.push((peer.name, why)),
                Err(error) => missing.push((peer.name, format!("{error:#}"))),
            }
        }
        Ok((ready, missing))
    }

    fn spawn(python: &Path, name: &'static str) -> Result<Peer> {
        let folder = tempfile::Builder::new().prefix("xfer-bench-").tempdir().context("cannot make a folder")?;
        let script = folder.path().join("peers.py");
        fs::write(&script, SCRIPT).context("cannot write the script")?;
        let complaints = File::create(folder.path().join("stderr")).context("cannot make a file")?;
        let mut command = Command::new(python);
        command.arg(&script).arg(name);
        let worker = Worker::start(name, &mut command, complaints.into()).context("name a Python with --python")?;
        Ok(Peer { name, versions: String::new(), worker, _folder: folder })
    }

    /// One pass: images per second.
    pub(super) fn pass(&mut self, row: &Row, threads: u16) -> Result<f64> {
        Ok(self.worker.ask::<Passed>(&row.job(threads))?.images_per_second())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_understood() {
        let told = |line: &str| serde_json::from_str::<Told>(line).unwrap();
        assert_eq!(told(r#"{"ready": "keras 3"}"#), Told::Ready("keras 3".to_owned()));
        assert_eq!(told(r#"{"missing": "no cv2"}"#), Told::Missing("no cv2".to_owned()));
    }

    #[test]
    fn the_script_knows_every_peer() {
        for name in PEERS.into_iter().chain([LIMIT]) {
            assert!(SCRIPT.contains(&format!("\ndef {name}(job):")), "{name}");
            assert!(SCRIPT.contains(&format!("\n    \"{name}\": [")), "{name}");
        }
    }

    #[test]
    fn a_python_that_is_none_is_an_error() {
        let error = format!("{:#}", Peer::start(Path::new("no-such-python"), &["keras"]).expect_err("missing"));
        assert!(error.contains("no-such-python") && error.contains("--python"), "{error}");
    }

    #[test]
    fn a_program_that_says_nothing_is_missing() {
        let (ready, missing) = Peer::start(Path::new("true"), &["keras"]).unwrap();
        assert!(ready.is_empty());
        assert!(missing[0].1.contains("keras does not answer"), "{missing:?}");
    }
}
