//! `runs`: what trainings left behind. Other verbs read runs from here.

mod exposition;
mod history;
mod list;
mod manifest;
mod run;

use clap::Subcommand;

use crate::Ending;

pub(crate) use history::{Curves, Point};
pub(crate) use list::document;
pub(crate) use manifest::{FailedFile, Photos, Plan, RunResult};
pub(crate) use run::{HISTORY_FILE, METRICS_FILE, Run, State};

/// Look at the trainings that were run before
#[derive(Debug, clap::Args)]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    verb: RunsVerb,
}

#[derive(Debug, Subcommand)]
enum RunsVerb {
    List(list::ListArgs),
}

pub(crate) fn run(args: &RunsArgs) -> anyhow::Result<Ending> {
    match &args.verb {
        RunsVerb::List(args) => list::run(args),
    }
}
