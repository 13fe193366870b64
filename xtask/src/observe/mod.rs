//! `cargo xtask observe`: the dashboard, and the proof that it and the alert rules show a real training.

mod check;
mod dashboard;
mod prometheus;
mod soak;
mod training;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use crate::workspace;

/// What to do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the Grafana dashboard from the definitions of the metrics.
    Dashboard {
        /// Write nothing, but fail where the file is not what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Scrape a real training each second for a long time, and watch its memory and descriptors.
    Soak(soak::Options),
    /// Let Prometheus scrape a real training, and ask it every question of the dashboard and of the rules.
    Check(check::Options),
}

pub(crate) fn run(options: &Options) -> Result<()> {
    match &options.command {
        Command::Dashboard { check: false } => write(),
        Command::Dashboard { check: true } => check_dashboard(),
        Command::Soak(options) => soak::run(options),
        Command::Check(options) => check::run(options),
    }
}

fn dashboard_file() -> PathBuf {
    workspace::root().join("deploy/grafana/dashboards/xfer.json")
}

fn rendered() -> Result<String> {
    Ok(serde_json::to_string_pretty(&dashboard::document())? + "\n")
}

fn write() -> Result<()> {
    let path = dashboard_file();
    fs::write(&path, rendered()?).with_context(|| format!("{}: cannot write", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

pub(crate) fn check_dashboard() -> Result<()> {
    let path = dashboard_file();
    let found = fs::read_to_string(&path).with_context(|| format!("{}: cannot read", path.display()))?;
    if found != rendered()? {
        bail!("{} is not what its definitions say; run: cargo xtask observe dashboard", path.display());
    }
    Ok(())
}

/// The check of everything that is at hand: said where it is not.
pub(crate) fn check_where_possible() -> Result<()> {
    check_dashboard()?;
    match prometheus::missing() {
        Some(program) => {
            println!("{program} is not installed: dashboard and rules were not tried on a training");
            Ok(())
        }
        None => check::run(&check::Options::default()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_dashboard_is_what_its_definitions_say() {
        super::check_dashboard().unwrap();
    }
}
