//! Wheels through `pip download`.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::python;
use crate::{process, units};

/// The newest glibc that the wheels may need, 2.28, as the torch wheel itself does.
const GLIBC_MINOR: u32 = 28;

/// How often a plain line is written while a download runs.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Downloads `requirements` into `folder`, with or without what they depend on, and answers with the wheels.
///
/// Pip keeps no copy and its temporary files go to `folder` as well: what is left of an interruption is in one place.
pub(super) fn download(requirements: &[String], dependencies: bool, folder: &Path) -> Result<Vec<PathBuf>> {
    let temporary = folder.join("tmp");
    fs::create_dir_all(&temporary).with_context(|| format!("cannot create {}", temporary.display()))?;
    let mut command = Command::new(python::interpreter());
    command
        .args(["-m", "pip", "download", "--no-cache-dir", "--disable-pip-version-check", "--no-input"])
        .args(["--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--abi=cp311", "--abi=none"])
        .arg("--dest")
        .arg(folder)
        .env("PIP_PLATFORM", platforms())
        .env("TMPDIR", &temporary);
    if !dependencies {
        command.arg("--no-deps");
    }
    command.args(requirements);
    if std::io::stdout().is_terminal() {
        process::run(&mut command)
    } else {
        quietly(command.arg("--progress-bar=off").stdout(Stdio::piped()), folder)
    }
    .with_context(|| format!("pip could not download {}", requirements.join(" ")))?;
    wheels(folder)
}

/// Tags of wheels that run on x86-64 with glibc, newest first. Named, so that any Python's pip finds them: the libraries
/// inside do not depend on the interpreter. Pip takes such tags literally, hence each of them; as a variable, because a
/// list of thirty options would bury the rest of the command in an error.
fn platforms() -> String {
    let numbered = (5..=GLIBC_MINOR).rev().map(|minor| format!("manylinux_2_{minor}_x86_64"));
    let named = ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"];
    numbered.chain(named.map(str::to_owned)).collect::<Vec<_>>().join(" ")
}

/// Runs pip with a line now and then about how much has arrived.
fn quietly(command: &mut Command, folder: &Path) -> Result<()> {
    let (done, ended) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            while ended.recv_timeout(LINE_EVERY) == Err(RecvTimeoutError::Timeout) {
                println!("  {} so far", units::bytes(bytes_in(folder)));
            }
        });
        let result = process::output(command).map(drop);
        drop(done);
        result
    })
}

fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

fn wheels(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut wheels: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .collect();
    wheels.sort();
    if wheels.is_empty() {
        bail!("pip left no wheel in {}", folder.display());
    }
    Ok(wheels)
}
