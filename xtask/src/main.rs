//! The workspace's own commands: `cargo xtask <command>`.
//!
//! This file only dispatches; each command is a module. Nothing here links libtorch, so every command works before
//! libtorch is in place.

#![expect(clippy::print_stdout, reason = "commands speak to whoever typed them")]
#![expect(clippy::print_stderr, reason = "errors go to standard error")]

mod archive;
mod bench;
mod bench_backbone;
mod cargo;
mod check_exports;
mod fetch_weights;
mod gpu_check;
mod observe;
mod parity;
mod photos;
mod plots;
mod process;
mod quickstart;
mod setup;
mod test;
mod tidy;
mod transfer;
mod units;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Set-up, first run and tests of this workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Put libtorch in place, so that plain `cargo build` works.
    Setup(setup::Options),
    /// Download the published weights, verified.
    FetchWeights(fetch_weights::Options),
    /// Everything from nothing: libtorch, weights, photos, build, train.
    Quickstart(quickstart::Options),
    /// Every check that must hold: format, layout, lints, tests, docs.
    Test(test::Options),
    /// Check what no compiler checks: file length, invariants and their tests, stray paths.
    Tidy,
    /// Prove on random configurations that the loader gives Keras' numbers; needs a Python with Keras.
    Parity(parity::Options),
    /// Prove that PyTorch and Keras read what `xfer-cli export` writes; needs a Python that has them.
    CheckExports(check_exports::Options),
    /// Measure the loader beside other loaders, and how it scales.
    Bench(bench::Options),
    /// Check on a machine with a GPU what only a GPU can show: features, speed, idleness.
    GpuCheck(gpu_check::Options),
    /// The Grafana dashboard, and whether it and the alert rules show a real training.
    Observe(observe::Options),
    /// Draw what `bench --save` measured.
    Plots(plots::Options),
    /// Measure the frozen networks beside TensorFlow and PyTorch.
    BenchBackbone(bench_backbone::Options),
    /// Draw photos of city and countryside to try things on.
    DrawPhotos(photos::Options),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Setup(options) => setup::run(&options),
        Command::FetchWeights(options) => fetch_weights::run(&options),
        Command::Quickstart(options) => quickstart::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Tidy => tidy::run(),
        Command::Parity(options) => parity::run(&options),
        Command::CheckExports(options) => check_exports::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::GpuCheck(options) => gpu_check::run(&options),
        Command::Observe(options) => observe::run(&options),
        Command::Plots(options) => plots::run(&options),
        Command::BenchBackbone(options) => bench_backbone::run(&options),
        Command::DrawPhotos(options) => photos::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Arguments::command().debug_assert();
    }
}
