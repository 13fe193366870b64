//! Our loader: the package `xfer-benches` has an executable that answers as other loaders do.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::row::Row;
use super::worker::{Passed, Worker};

/// Our name among the columns.
pub(super) const OURS: &str = "ours";

/// The executable that measures.
#[derive(Debug)]
pub(super) struct Ours {
    executable: PathBuf,
}

/// It, running.
#[derive(Debug)]
pub(super) struct Running {
    worker: Worker,
}

/// The memory of a process over a pass, its first, in bytes; nothing where the system does not tell.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Memory {
    pub(super) images: usize,
    /// Before the first batch: the executable and its libraries, and the index.
    pub(super) before_bytes: Option<u64>,
    pub(super) peak_bytes: Option<u64>,
    /// What the loader may hold.
    pub(super) budget_bytes: u64,
    /// After so many images.
    pub(super) resident: Vec<(usize, Option<u64>)>,
}

/// How long single images take, in milliseconds.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Latency {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

#[derive(Debug, Deserialize)]
struct Ready {
    #[serde(rename = "ready")]
    _versions: String,
}

impl Ours {
    pub(super) fn new(executable: &Path) -> Ours {
        Ours { executable: executable.to_owned() }
    }

    /// A process of its own.
    pub(super) fn start(&self) -> Result<Running> {
        self.start_with(&[])
    }

    /// A process of its own that records metrics and is scraped each second.
    pub(super) fn start_recorded(&self) -> Result<Running> {
        self.start_with(&["--recorded"])
    }

    fn start_with(&self, arguments: &[&str]) -> Result<Running> {
        let mut command = Command::new(&self.executable);
        let mut worker = Worker::start(OURS, command.args(arguments), Stdio::inherit())?;
        worker.answer::<Ready>()?;
        Ok(Running { worker })
    }
}

impl Running {
    /// One pass: images per second.
    pub(super) fn pass(&mut self, row: &Row, threads: u16) -> Result<f64> {
        Ok(self.worker.ask::<Passed>(&job("pass", row, threads))?.images_per_second())
    }

    pub(super) fn memory(&mut self, row: &Row, threads: u16) -> Result<Memory> {
        self.worker.ask(&job("memory", row, threads))
    }

    pub(super) fn latency(&mut self, row: &Row) -> Result<Latency> {
        self.worker.ask(&job("latency", row, 1))
    }
}

fn job(what: &str, row: &Row, threads: u16) -> Value {
    let mut job = row.job(threads);
    job["what"] = what.into();
    job
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::row;
    use super::*;

    #[test]
    fn a_job_says_what_to_measure() {
        let job = job("memory", &row("web", true), 2);
        assert_eq!((&job["what"], &job["augment"], &job["threads"]), (&"memory".into(), &true.into(), &2.into()));
        assert_eq!((&job["decode"], &job["interpolation"]), (&"exact".into(), &"nearest".into()));
    }

    #[test]
    fn an_executable_that_is_none_is_an_error() {
        let error = Ours::new(Path::new("no-such-executable")).start().unwrap_err();
        assert!(error.to_string().contains("no-such-executable"), "{error}");
    }
}
