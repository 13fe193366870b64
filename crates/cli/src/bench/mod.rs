//! `bench`: how fast parts of xfer are on this machine and these photos.

mod clock;
mod latency;
mod loader;
mod memory;
mod report;

use clap::Subcommand;

use crate::Ending;

/// Measure how fast photos are loaded on this machine
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    Loader(Box<loader::LoaderArgs>),
}

pub(crate) fn run(args: BenchArgs) -> anyhow::Result<Ending> {
    match args.part {
        Part::Loader(args) => loader::run(&args),
    }
}
