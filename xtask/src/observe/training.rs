//! A training that goes on until it is dropped.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::{fs, thread, time};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{cargo, photos};

#[derive(Debug)]
pub(super) struct Training {
    process: Child,
    address: SocketAddr,
    folder: TempDir,
}

const LOG: &str = "log";
/// Loading libtorch and reading weights take a while where everything is cold.
const PATIENCE: time::Duration = time::Duration::from_secs(180);

impl Training {
    /// Starts a training over drawn photos, one of which is damaged, so that nothing has nothing to tell.
    pub(super) fn start(executable: Option<&Path>) -> Result<Self> {
        let executable = match executable {
            Some(path) => path.canonicalize().with_context(|| format!("{}: not there", path.display()))?,
            None => cargo::build("xfer-cli", "xfer-cli")?,
        };
        let folder = tempfile::tempdir()?;
        photos::draw_all(&folder.path().join("photos"))?;
        fs::write(folder.path().join("photos/train/urban/damaged.jpg"), b"\xff\xd8\xff no photo")?;
        // A port that is free now; the training says if it is not any more.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let log = File::create(folder.path().join(LOG))?;
        let process = Command::new(executable)
            .current_dir(folder.path())
            .args(["train", "--data", "photos", "--weights", "random", "--image-size", "64", "--epochs", "1000000"])
            .args(["--on-error", "skip", "--output", "run", "--metrics-addr", &address.to_string()])
            .env("XFER_CACHE_DIR", folder.path().join("cache"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut training = Self { process, address, folder };
        training.wait()?;
        Ok(training)
    }

    /// Where its metrics are.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its last lines.
    pub(super) fn said(&self) -> String {
        let said = fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn wait(&mut self) -> Result<()> {
        let start = time::Instant::now();
        while ureq::get(format!("http://{}/healthz", self.address)).call().is_err() {
            if let Some(status) = self.process.try_wait()? {
                bail!("the training ended ({status}):\n{}", self.said());
            }
            if start.elapsed() > PATIENCE {
                bail!("no metrics on {} after {} s:\n{}", self.address, PATIENCE.as_secs(), self.said());
            }
            thread::sleep(time::Duration::from_millis(100));
        }
        Ok(())
    }
}

impl Drop for Training {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
