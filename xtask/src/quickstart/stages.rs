//! The stages of a long command, timed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::units;

/// What has run, and how long it took.
#[derive(Debug, Default)]
pub(super) struct Stages {
    done: Vec<(&'static str, Duration)>,
}

impl Stages {
    /// Runs one stage under a heading; its error says which stage it was.
    pub(super) fn run<T>(&mut self, name: &'static str, stage: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("== {name}");
        let start = Instant::now();
        let value = stage().with_context(|| format!("quickstart stopped at: {name}"))?;
        self.done.push((name, start.elapsed()));
        Ok(value)
    }

    pub(super) fn table(&self) -> String {
        let total = ("in all", self.done.iter().map(|(_, took)| *took).sum());
        let rows = self.done.iter().chain([&total]);
        rows.map(|(name, took)| format!("{name:10} {:>13}\n", units::seconds(*took))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_stage_and_the_table_has_the_others() {
        let mut stages = Stages::default();
        assert_eq!(stages.run("one", || Ok(1)).unwrap(), 1);
        let error = stages.run("two", || -> Result<()> { anyhow::bail!("reason") }).expect_err("fails");
        assert_eq!(format!("{error:#}"), "quickstart stopped at: two: reason");
        let table = stages.table();
        assert_eq!(table.lines().count(), 2, "{table}");
        assert!(table.starts_with("one                0.0 s\nin all "), "{table}");
    }
}
