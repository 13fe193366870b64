//! `cache prune`.

use std::time::Duration;

use clap::ArgGroup;
use serde_json::json;
use xfer_trainer::features::cache;

use super::{WhichArgs, converted, folder, quantity};
use crate::Ending;
use crate::terminal::{Terminal, print_json};

/// Remove features, calibrations and copies of weights from the cache, those that were not used for longest first
///
/// Features that were made in the same way go or stay together; what a running program uses stays. What is removed is
/// computed again when it is needed.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true))]
pub(super) struct PruneArgs {
    /// What was not used for so long: 30d, 12h, 45m
    #[arg(long, value_name = "TIME", value_parser = quantity::parse_age, group = "what")]
    older_than: Option<Duration>,

    /// As much as it takes to leave no more than this: 500MB, 20GB
    #[arg(long, value_name = "SIZE", value_parser = quantity::parse_bytes, group = "what")]
    max_size: Option<u64>,

    /// Everything
    #[arg(long, group = "what")]
    all: bool,

    /// Only tell what would be removed
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    which: WhichArgs,
}

pub(super) fn run(args: &PruneArgs) -> anyhow::Result<Ending> {
    let folder = folder(args.which.cache_dir.as_deref())?;
    let terminal = Terminal::new(args.which.json, 1);
    let older_than = if args.all { Some(Duration::ZERO) } else { args.older_than };
    let most = if args.all { Some(0) } else { args.max_size };
    let pruned =
        cache::prune(&folder, converted(args.which.cache_dir.as_deref()).as_deref(), older_than, most, args.dry_run)?;
    let removed = if args.dry_run { "would be removed" } else { "removed" };
    for name in &pruned.removed {
        terminal.line(format_args!("{}: {removed}", folder.join(name).display()));
    }
    for path in &pruned.removed_copies {
        terminal.line(format_args!("{}: {removed}", path.display()));
    }
    for name in &pruned.in_use {
        terminal.warn(format_args!("{}: in use, and left", folder.join(name).display()));
    }
    let (freed, left) = (quantity::bytes(pruned.freed), quantity::bytes(pruned.left));
    terminal.line(format_args!("{freed} {removed}, {left} left."));
    if args.which.json {
        print_json(&json!({
            "folder": folder,
            "dry_run": args.dry_run,
            "removed": pruned.removed,
            "removed_copies": pruned.removed_copies,
            "in_use": pruned.in_use,
            "freed": pruned.freed,
            "left": pruned.left,
        }))?;
    }
    Ok(Ending::Done)
}
