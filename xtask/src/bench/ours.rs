//! Our loader: `xfer-cli bench loader`, as anyone would call it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::row::Row;
use crate::process;

/// The executable that is measured.
#[derive(Debug)]
pub(super) struct Ours {
    executable: PathBuf,
}

/// What it says of its passes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub(super) struct Told {
    pub(super) images: usize,
    pub(super) images_per_second: f64,
    pub(super) peak_resident_bytes: Option<u64>,
    pub(super) resident_before_bytes: Option<u64>,
}

/// Keras' names; the peers' script has the same amounts.
const AUGMENTED: [&str; 14] = [
    "--rotation-range",
    "20",
    "--width-shift-range",
    "0.1",
    "--height-shift-range",
    "0.1",
    "--shear-range",
    "10",
    "--zoom-range",
    "0.2",
    "--channel-shift-range",
    "20",
    "--brightness-range",
    "0.8,1.2",
];

impl Ours {
    pub(super) fn new(executable: &Path) -> Ours {
        Ours { executable: executable.to_owned() }
    }

    /// A pass that warms up, and a measured one.
    pub(super) fn pass(&self, row: &Row, threads: u16) -> Result<Told> {
        told(&process::output(&mut self.command(row, threads))?)
    }

    fn command(&self, row: &Row, threads: u16) -> Command {
        let mut command = Command::new(&self.executable);
        command.args(["bench", "loader", "--json", "--passes", "1", "--latency", "0", "--data"]);
        command.arg(&row.corpus.folder).args(["--interpolation", row.interpolation.name()]);
        command.args(["--image-size", &super::SIZE.to_string(), "--batch-size", &super::BATCH.to_string()]);
        command.args(["--threads", &threads.to_string()]);
        if row.augmented {
            command.args(AUGMENTED);
        }
        command
    }
}

/// The document is all that there is on standard output.
fn told(output: &str) -> Result<Told> {
    serde_json::from_str(output).context("xfer-cli said something else")
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::row;
    use super::*;

    #[test]
    fn the_document_is_understood() {
        let text = r#"{"images": 800, "images_per_second": 512.5, "best": 600, "peak_resident_bytes": 1048576,
            "resident_before_bytes": null, "stages": {"decode": 0.9}}"#;
        let expected = Told {
            images: 800,
            images_per_second: 512.5,
            peak_resident_bytes: Some(1 << 20),
            resident_before_bytes: None,
        };
        assert_eq!(told(text).unwrap(), expected);
        assert!(told("Found 2 images").is_err());
    }

    #[test]
    fn only_augmented_rows_are_augmented() {
        let ours = Ours::new(Path::new("xfer-cli"));
        let line = process::line(&ours.command(&row("web", false), 2));
        assert!(line.starts_with("xfer-cli bench loader") && line.ends_with("--threads 2"), "{line}");
        let line = process::line(&ours.command(&row("web", true), 2));
        assert!(line.ends_with("--brightness-range 0.8,1.2"), "{line}");
    }
}
