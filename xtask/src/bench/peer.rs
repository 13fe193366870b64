//! Other loaders: a Python process each, which does one pass whenever it is told to.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;

use super::row::Row;

/// The loaders of the script, and the limit, which is none.
pub(super) const PEERS: [&str; 6] = ["keras", "tfdata", "torch", "opencv", "spdl", "dali"];
pub(super) const LIMIT: &str = "limit";

const SCRIPT: &str = include_str!("peers.py");
/// After so long without an answer a peer is given up.
const PATIENCE: Duration = Duration::from_secs(900);

/// A process that has said that it can work.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// Its packages and their versions.
    pub(super) versions: String,
    process: Child,
    jobs: Option<ChildStdin>,
    answers: Receiver<String>,
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
    Passed { images: f64, seconds: f64 },
    Failed { error: String },
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
            match peer.answer() {
                Ok(Told::Ready { ready: versions }) => {
                    peer.versions = versions;
                    ready.push(peer);
                }
                Ok(Told::Missing { missing: why }) => missing.push((peer.name, why)),
                Ok(other) => missing.push((peer.name, format!("said {other:?}"))),
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
        let mut process = Command::new(python)
            .arg(&script)
            .arg(name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()
            .with_context(|| format!("cannot start {}; name a Python with --python", python.display()))?;
        let (jobs, stdout) = (process.stdin.take(), process.stdout.take());
        let answers = lines(stdout.context("no standard output")?);
        Ok(Peer { name, versions: String::new(), process, jobs, answers, _folder: folder })
    }

    /// One pass: images per second.
    pub(super) fn pass(&mut self, row: &Row, threads: u16) -> Result<f64> {
        let job = json!({
            "data": row.corpus.folder,
            "interpolation": row.interpolation.name(),
            "augment": row.augmented,
            "size": super::SIZE,
            "batch": super::BATCH,
            "threads": threads,
        });
        let jobs = self.jobs.as_mut().context("no standard input")?;
        writeln!(jobs, "{job}").with_context(|| format!("{} has ended", self.name))?;
        match self.answer()? {
            Told::Passed { images, seconds } if seconds > 0.0 => Ok(images / seconds),
            Told::Failed { error } => bail!("{error}"),
            other => bail!("said {other:?}"),
        }
    }

    fn answer(&mut self) -> Result<Told> {
        let line = self.answers.recv_timeout(PATIENCE).with_context(|| format!("{} does not answer", self.name))?;
        serde_json::from_str(&line).with_context(|| format!("{} said {line}", self.name))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends by itself when there are no more jobs, and its workers with it, unless it hangs.
        self.jobs = None;
        for _ in 0..50 {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_understood() {
        let told = |line: &str| serde_json::from_str::<Told>(line).unwrap();
        assert_eq!(told(r#"{"ready": "keras 3"}"#), Told::Ready { ready: "keras 3".to_owned() });
        assert_eq!(told(r#"{"missing": "no cv2"}"#), Told::Missing { missing: "no cv2".to_owned() });
        assert_eq!(told(r#"{"images": 72, "seconds": 0.5}"#), Told::Passed { images: 72.0, seconds: 0.5 });
        assert_eq!(told(r#"{"error": "x"}"#), Told::Failed { error: "x".to_owned() });
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
