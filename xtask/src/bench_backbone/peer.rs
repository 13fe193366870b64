//! Other libraries: a Python process each, which measures whenever it is told to.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tempfile::TempDir;

use super::Measured;

const SCRIPT: &str = include_str!("peers.py");
const NAMES: [&str; 3] = ["tensorflow", "eager", "frozen"];

/// A process that has said that it can work.
#[derive(Debug)]
pub(super) struct Peer {
    name: &'static str,
    versions: String,
    process: Child,
    jobs: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// What it and its libraries complain of.
    _folder: TempDir,
}

/// A peer that cannot work, and why.
pub(super) type Missing = (&'static str, String);

/// What the script says.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Told {
    Ready { ready: String },
    Missing { missing: String },
    Failed { error: String },
    Measured(Measured),
}

impl Peer {
    /// Starts all of them; those that cannot work come as names with the reason.
    ///
    /// # Errors
    ///
    /// `python` does not run.
    pub(super) fn start(python: &Path, backbone: &str, batch: u16, threads: u16) -> Result<(Vec<Peer>, Vec<Missing>)> {
        let (mut ready, mut missing) = (Vec::new(), Vec::new());
        for name in NAMES {
            let mut peer = Peer::spawn(python, name, backbone, batch, threads)?;
            match peer.answer() {
                Ok(Told::Ready { ready: versions }) => {
                    peer.versions = versions;
                    ready.push(peer);
                }
                Ok(Told::Missing { missing: why }) => missing.push((name, why)),
                Ok(other) => missing.push((name, format!("said {other:?}"))),
                Err(error) => missing.push((name, format!("{error:#}"))),
            }
        }
        Ok((ready, missing))
    }

    fn spawn(python: &Path, name: &'static str, backbone: &str, batch: u16, threads: u16) -> Result<Peer> {
        let folder = tempfile::Builder::new().prefix("xfer-bench-").tempdir().context("cannot make a folder")?;
        let script = folder.path().join("peers.py");
        fs::write(&script, SCRIPT).context("cannot write the script")?;
        let complaints = File::create(folder.path().join("stderr")).context("cannot make a file")?;
        let mut process = Command::new(python)
            .arg(&script)
            .args([name, backbone, &batch.to_string(), &threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()
            .with_context(|| format!("cannot start {}; name a Python with --python", python.display()))?;
        let jobs = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().context("no standard output")?);
        Ok(Peer { name, versions: String::new(), process, jobs, answers, _folder: folder })
    }

    /// As it stands in the table.
    pub(super) fn label(&self) -> String {
        let version = self.versions.split(',').next().unwrap_or_default();
        if version.starts_with(self.name) { version.to_owned() } else { format!("{version} {}", self.name) }
    }

    pub(super) fn measure(&mut self, passes: u16) -> Result<Measured> {
        let jobs = self.jobs.as_mut().context("no standard input")?;
        writeln!(jobs, "{passes}").with_context(|| format!("{} has ended", self.name))?;
        match self.answer()? {
            Told::Measured(measured) => Ok(measured),
            Told::Failed { error } => bail!("{}: {error}", self.name),
            other => bail!("{} said {other:?}", self.name),
        }
    }

    fn answer(&mut self) -> Result<Told> {
        let mut line = String::new();
        self.answers.read_line(&mut line).with_context(|| format!("{} cannot be read", self.name))?;
        if line.is_empty() {
            bail!("{} has ended without an answer", self.name);
        }
        serde_json::from_str(&line).with_context(|| format!("{} said {line}", self.name))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends by itself when there are no more jobs.
        drop(self.jobs.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let told = |text| serde_json::from_str::<Told>(text).unwrap();
        assert_eq!(told(r#"{"ready": "torch 2"}"#), Told::Ready { ready: "torch 2".into() });
        assert_eq!(told(r#"{"missing": "no torch"}"#), Told::Missing { missing: "no torch".into() });
        assert_eq!(told(r#"{"error": "memory"}"#), Told::Failed { error: "memory".into() });
        let Told::Measured(measured) = told(r#"{"images_per_second": 2.0, "cpu_ms_per_image": 3.0}"#) else {
            panic!("not understood");
        };
        assert_eq!(measured.cpu_ms_per_image, Some(3.0));
    }

    #[test]
    fn a_program_that_is_no_peer_is_missing() {
        let (ready, missing) = Peer::start(Path::new("true"), "resnet50", 1, 1).unwrap();
        assert!(ready.is_empty());
        assert_eq!(missing.len(), NAMES.len());
        assert!(missing[0].1.contains("without an answer"), "{missing:?}");
        assert!(Peer::start(Path::new("no-such-program-here"), "resnet50", 1, 1).is_err());
    }
}
