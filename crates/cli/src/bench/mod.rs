//! `bench`: how fast parts of xfer are on this machine and these photos.

mod backbone;
mod clock;
mod latency;
mod loader;
mod report;
mod usage;

use clap::Subcommand;

use crate::Ending;

/// Measure how fast photos are loaded and features computed on this machine
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    Loader(Box<loader::LoaderArgs>),
    Backbone(backbone::BackboneArgs),
}

impl BenchArgs {
    /// What clap cannot see in one argument alone.
    pub(crate) fn check(self) -> Result<Self, clap::Error> {
        let part = match self.part {
            Part::Backbone(args) => Part::Backbone(args.check()?),
            Part::Loader(args) => Part::Loader(args),
        };
        Ok(Self { part })
    }
}

pub(crate) fn run(args: BenchArgs) -> anyhow::Result<Ending> {
    match args.part {
        Part::Loader(args) => loader::run(&args),
        Part::Backbone(args) => backbone::run(&args),
    }
}
