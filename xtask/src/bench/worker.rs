//! A process that does a job whenever it is told to: JSON documents, one a line, there and back.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::process;

/// After so long without an answer a process is given up.
const PATIENCE: Duration = Duration::from_secs(1800);

/// A process and what it is called.
#[derive(Debug)]
pub(super) struct Worker {
    name: String,
    process: Child,
    jobs: Option<ChildStdin>,
    answers: Receiver<String>,
}

/// A pass over a folder.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub(super) struct Passed {
    pub(super) images: f64,
    pub(super) seconds: f64,
}

impl Passed {
    pub(super) fn images_per_second(self) -> f64 {
        self.images / self.seconds.max(f64::MIN_POSITIVE)
    }
}

/// An answer, or why there is none.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer<T> {
    Failed { error: String },
    Done(T),
}

impl Worker {
    /// # Errors
    ///
    /// The program does not start.
    pub(super) fn start(name: &str, command: &mut Command, complaints: Stdio) -> Result<Worker> {
        let line = process::line(command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(complaints);
        let mut process = command.spawn().with_context(|| format!("cannot start {line}"))?;
        let (jobs, stdout) = (process.stdin.take(), process.stdout.take());
        let answers = lines(stdout.context("no standard output")?);
        Ok(Worker { name: name.to_owned(), process, jobs, answers })
    }

    /// What it makes of a job.
    pub(super) fn ask<T: DeserializeOwned>(&mut self, job: &Value) -> Result<T> {
        let jobs = self.jobs.as_mut().context("no standard input")?;
        writeln!(jobs, "{job}").with_context(|| format!("{} has ended", self.name))?;
        self.answer()
    }

    /// The next thing that it says.
    pub(super) fn answer<T: DeserializeOwned>(&mut self) -> Result<T> {
        let line = self.answers.recv_timeout(PATIENCE).with_context(|| format!("{} does not answer", self.name))?;
        match serde_json::from_str(&line).with_context(|| format!("{} said {line}", self.name))? {
            Answer::Done(answer) => Ok(answer),
            Answer::Failed { error } => bail!("{error}"),
        }
    }
}

impl Drop for Worker {
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
    use serde_json::json;

    use super::*;

    fn says(line: &str) -> Result<Passed> {
        let mut command = Command::new("sh");
        command.args(["-c", "read job; echo \"$1\"", "sh", line]);
        Worker::start("sh", &mut command, Stdio::null()).unwrap().ask(&json!({}))
    }

    #[test]
    fn answers_and_failures_are_understood() {
        let passed = says(r#"{"images": 72, "seconds": 0.5}"#).unwrap();
        assert_eq!((passed, passed.images_per_second()), (Passed { images: 72.0, seconds: 0.5 }, 144.0));
        assert_eq!(says(r#"{"error": "no such file"}"#).unwrap_err().to_string(), "no such file");
        assert!(says("Found 2 images").unwrap_err().to_string().contains("Found 2 images"));
    }

    #[test]
    fn a_process_that_ends_does_not_answer() {
        let mut worker = Worker::start("true", &mut Command::new("true"), Stdio::null()).unwrap();
        let error = worker.answer::<Passed>().unwrap_err();
        assert!(error.to_string().contains("true does not answer"), "{error}");
    }
}
