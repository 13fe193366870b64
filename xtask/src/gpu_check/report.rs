//! What was checked: a table for people, a document for programs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Options;
use super::command::Cli;
use crate::setup::TORCH_VERSION;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Passed,
    Failed,
    /// A figure that nothing is asked of.
    Measured,
    Skipped,
}

impl Standing {
    pub(super) fn of(holds: bool) -> Self {
        if holds { Self::Passed } else { Self::Failed }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Passed => "pass",
            Self::Failed => "FAIL",
            Self::Measured => "-",
            Self::Skipped => "skipped",
        }
    }
}

#[derive(Debug)]
struct Check {
    name: String,
    standing: Standing,
    text: String,
    value: Option<f64>,
    limit: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Report {
    checks: Vec<Check>,
    setting: Value,
    doctor: Value,
}

impl Report {
    pub(super) fn new(options: &Options, cli: &Cli) -> Self {
        let setting = json!({
            "device": options.device,
            "xfer_cli": cli.executable(),
            "libtorch": cli.libtorch(),
            "torch_release": TORCH_VERSION,
            "image_size": options.image_size,
            "batch_size": options.batch_size,
            "images": options.images,
        });
        Self { checks: Vec::new(), setting, doctor: Value::Null }
    }

    pub(super) fn doctor(&mut self, document: &Value) {
        self.doctor = document.clone();
    }

    pub(super) fn add(&mut self, name: &str, standing: Standing, text: impl Into<String>) {
        let (name, text) = (name.to_owned(), text.into());
        self.checks.push(Check { name, standing, text, value: None, limit: None });
    }

    pub(super) fn measured(&mut self, name: &str, standing: Standing, text: String, value: f64, limit: Option<f64>) {
        self.checks.push(Check { name: name.to_owned(), standing, text, value: Some(value), limit });
    }

    /// Images per second.
    pub(super) fn rate(&mut self, name: &str, rate: f64) {
        self.measured(name, Standing::Measured, format!("{rate:.0} images/s"), rate, None);
    }

    pub(super) fn failures(&self) -> usize {
        self.checks.iter().filter(|check| check.standing == Standing::Failed).count()
    }

    pub(super) fn table(&self) -> String {
        let width = self.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
        let line = |check: &Check| format!("{:<width$}  {:<7}  {}", check.name, check.standing.name(), check.text);
        self.checks.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn document(&self) -> Value {
        let check = |check: &Check| {
            json!({
                "name": check.name,
                "standing": check.standing.name().to_lowercase(),
                "text": check.text,
                "value": check.value,
                "limit": check.limit,
            })
        };
        json!({
            "ok": self.failures() == 0,
            "setting": self.setting,
            "checks": self.checks.iter().map(check).collect::<Vec<_>>(),
            "doctor": self.doctor,
        })
    }

    /// The file appears whole.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let failed = || format!("cannot write {}", path.display());
        let temporary = path.with_extension("json.part");
        fs::write(&temporary, serde_json::to_string_pretty(&self.document())?).with_context(failed)?;
        fs::rename(&temporary, path).with_context(failed)
    }
}
