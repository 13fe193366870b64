//! `cargo xtask test`: every check that must hold, cheapest first, up to the first that fails.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::{cargo, observe, process, setup, tidy, units};

/// Which checks to run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Run only this step, and the set-up if it needs libtorch.
    #[arg(long, value_name = "STEP")]
    only: Option<Step>,
}

/// One check, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Formatting.
    Fmt,
    /// File length, invariants, stray paths.
    Tidy,
    /// Packages that must not link libtorch do not depend on it.
    Walls,
    /// Lints, warnings denied.
    Clippy,
    /// Unit and end-to-end tests.
    Test,
    /// The dashboard and the alert rules against a real training, where Prometheus is installed.
    Observe,
    /// Documentation, warnings denied.
    Doc,
}

/// Packages that build without libtorch.
const WITHOUT_LIBTORCH: [&str; 4] = ["xfer-loader", "xfer-hub", "xfer-telemetry", "xtask"];

pub(crate) fn run(options: &Options) -> Result<()> {
    let start = Instant::now();
    let steps: Vec<_> =
        Step::value_variants().iter().copied().filter(|step| options.only.is_none_or(|only| only == *step)).collect();
    if steps.iter().any(|step| step.needs_libtorch()) {
        setup::run(&setup::Options::default())?;
    }
    for step in steps {
        let name = step.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        println!("== {name}");
        let begin = Instant::now();
        step.run().with_context(|| {
            format!(
                "step {name} failed after {}; alone: cargo xtask test --only {name}",
                units::seconds(begin.elapsed())
            )
        })?;
        println!("== {name}: ok, {}", units::seconds(begin.elapsed()));
    }
    println!("all in order, {}", units::seconds(start.elapsed()));
    Ok(())
}

impl Step {
    fn needs_libtorch(self) -> bool {
        matches!(self, Step::Clippy | Step::Test | Step::Observe | Step::Doc)
    }

    fn run(self) -> Result<()> {
        match self {
            Step::Fmt => {
                component("fmt", "rustfmt")?;
                process::run(&mut cargo::command(&["fmt", "--all", "--check"]))
            }
            Step::Tidy => tidy::run(),
            Step::Walls => WITHOUT_LIBTORCH.iter().try_for_each(|package| wall(package)),
            Step::Clippy => {
                component("clippy", "clippy")?;
                let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
                process::run(&mut cargo::command(&arguments))
            }
            Step::Test => process::run(&mut cargo::command(&["test", "--workspace"])),
            Step::Observe => observe::check_where_possible(),
            Step::Doc => {
                process::run(cargo::command(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings"))
            }
        }
    }
}

/// A minimal toolchain has neither formatter nor linter.
fn component(subcommand: &str, component: &str) -> Result<()> {
    process::output(&mut cargo::command(&[subcommand, "--version"]))
        .map(drop)
        .with_context(|| format!("cargo {subcommand} is not installed: rustup component add {component}"))
}

/// Fails if `package` depends on libtorch's bindings, directly or through others.
fn wall(package: &str) -> Result<()> {
    let mut command = cargo::command(&["tree", "--package", package, "--edges", "normal,build", "--prefix", "none"]);
    let tree = process::output(&mut command)?;
    no_libtorch(package, &tree, &command)?;
    println!("{package} builds without libtorch");
    Ok(())
}

fn no_libtorch(package: &str, tree: &str, command: &Command) -> Result<()> {
    let mut names = tree.lines().filter_map(|line| line.split_whitespace().next());
    if let Some(name) = names.find(|name| ["tch", "torch-sys"].contains(name)) {
        let line = process::line(command);
        bail!("{package} must build without libtorch, and depends on {name} ({line} --invert {name} shows how)");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_in_the_wall_is_found() {
        let command = Command::new("cargo");
        assert!(no_libtorch("p", "p v0.1.0 (/w)\nwatch v1\ntorch-sys-like v1\n", &command).is_ok());
        let error = no_libtorch("p", "p v0.1.0\nserde v1\ntorch-sys v0.24.0\n", &command).expect_err("a hole");
        assert!(error.to_string().contains("depends on torch-sys"), "{error}");
    }

    // invariant 1: by `cargo tree` itself.
    #[test]
    fn the_walls_stand() {
        for package in WITHOUT_LIBTORCH {
            wall(package).unwrap();
        }
    }
}
