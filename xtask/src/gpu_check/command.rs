//! `xfer-cli`, run with a libtorch of choice, within a time.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Job;
use crate::process;

#[derive(Debug)]
pub(super) struct Cli {
    executable: PathBuf,
    /// Folder of libraries; `None`: what the executable finds by itself.
    libtorch: Option<PathBuf>,
    limit: Duration,
}

/// What a command wrote.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) stdout: String,
    stderr: String,
}

impl Output {
    /// The last lines of an unhappy command.
    pub(super) fn last_words(&self) -> String {
        let text = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(4)..].join("; ")
    }
}

impl Cli {
    pub(super) fn new(executable: PathBuf, libtorch: Option<PathBuf>, limit: Duration) -> Self {
        Self { executable, libtorch, limit }
    }

    pub(super) fn executable(&self) -> &Path {
        &self.executable
    }

    pub(super) fn libtorch(&self) -> Option<&Path> {
        self.libtorch.as_deref()
    }

    /// Whether a command succeeded, and what it wrote.
    ///
    /// # Errors
    ///
    /// It does not start, or takes too long; it has been ended then.
    pub(super) fn told(&self, words: &[&str]) -> Result<(bool, Output)> {
        let mut command = Command::new(&self.executable);
        command.args(words);
        self.within_limit(command)
    }

    /// The JSON document of a command that succeeds.
    pub(super) fn document(&self, command: Command) -> Result<Value> {
        let line = process::line(&command);
        let (done, output) = self.within_limit(command)?;
        if !done {
            bail!("{line}: {}", output.last_words());
        }
        serde_json::from_str(&output.stdout).with_context(|| format!("{line} said something else than JSON"))
    }

    /// The names that `--precision` takes; `fp32` alone where it is not there yet.
    pub(super) fn precisions(&self) -> Result<Vec<String>> {
        let help = self.help(&["extract"])?;
        let more = help.contains("--precision").then(|| "bf16".to_owned());
        Ok(std::iter::once("fp32".to_owned()).chain(more).collect())
    }

    /// The help of a verb; nothing where there is no such verb.
    pub(super) fn help(&self, verb: &[&str]) -> Result<String> {
        let (known, output) = self.told(&[verb, &["--help"]].concat())?;
        Ok(if known { output.stdout } else { String::new() })
    }

    /// Features of the photos under `images`, into `file`; the command's document.
    pub(super) fn extract(
        &self,
        job: &Job<'_>,
        device: &str,
        precision: &str,
        precisions: &[String],
        images: &Path,
        file: &Path,
    ) -> Result<Value> {
        let mut command = Command::new(&self.executable);
        command.args(["extract", "--json", "--overwrite", "--device", device, "--backbone", job.backbone]);
        command.args(["--weights", &job.weights, "--image-size", &job.options.image_size.to_string()]);
        command.args(["--batch-size", &job.options.batch_size.to_string(), "--images"]).arg(images);
        command.arg("--output").arg(file);
        // Where there is a choice it is said, whatever the default is.
        if precisions.len() > 1 {
            command.args(["--precision", precision]);
        }
        self.document(command)
    }

    fn within_limit(&self, mut command: Command) -> Result<(bool, Output)> {
        let line = process::line(&command);
        if let Some(folder) = &self.libtorch {
            let mut path = OsString::from(folder);
            if let Some(others) = std::env::var_os("LD_LIBRARY_PATH").filter(|others| !others.is_empty()) {
                path.push(":");
                path.push(others);
            }
            command.env("LD_LIBRARY_PATH", path);
        }
        // Files, which do not fill up as pipes do.
        let folder = tempfile::tempdir().context("cannot make a folder")?;
        let (out, err) = (folder.path().join("stdout"), folder.path().join("stderr"));
        let file = |path: &Path| File::create(path).with_context(|| format!("cannot create {}", path.display()));
        command.stdin(Stdio::null()).stdout(file(&out)?).stderr(file(&err)?);
        let mut child = command.spawn().with_context(|| format!("cannot start: {line}"))?;
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().with_context(|| format!("cannot wait for: {line}"))? {
                break status;
            }
            if start.elapsed() > self.limit {
                let _ = child.kill();
                let _ = child.wait();
                bail!("took longer than {} s (--limit) and was ended: {line}", self.limit.as_secs());
            }
            thread::sleep(Duration::from_millis(20));
        };
        let text = |path: &Path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let output = Output { stdout: text(&out)?, stderr: text(&err)? };
        Ok((status.success(), output))
    }
}
