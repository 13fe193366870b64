//! `cache list`.

use std::time::UNIX_EPOCH;

use serde_json::json;
use xfer_trainer::features::cache::{self, CopyEntry, SpaceEntry};

use super::{WhichArgs, converted, folder, quantity};
use crate::Ending;
use crate::terminal::{Terminal, print_json};

/// List what is in the cache: one line for features that were made in the same way
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    which: WhichArgs,
}

pub(super) fn run(args: &ListArgs) -> anyhow::Result<Ending> {
    let folder = folder(args.which.cache_dir.as_deref())?;
    let entries = cache::list(&folder);
    let copies = cache::copies(&folder, converted(args.which.cache_dir.as_deref()).as_deref());
    if args.which.json {
        let entries: Vec<_> = entries
            .iter()
            .map(|entry| {
                json!({
                    "name": entry.name,
                    "rows": entry.rows,
                    "bytes": entry.bytes,
                    "used": entry.used.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
                    "damaged_files": entry.damaged,
                    "description": entry.description,
                })
            })
            .collect();
        let copies: Vec<_> = copies
            .iter()
            .map(|copy| {
                json!({
                    "kind": copy.kind.name(),
                    "path": copy.path,
                    "bytes": copy.bytes,
                    "used": copy.used.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
                })
            })
            .collect();
        print_json(&json!({ "folder": folder, "spaces": entries, "copies": copies }))?;
        return Ok(Ending::Done);
    }
    let terminal = Terminal::new(false, 1);
    let total = entries.iter().map(|entry| entry.bytes).chain(copies.iter().map(|copy| copy.bytes)).sum();
    terminal.line(format_args!("{}: {}", folder.display(), quantity::bytes(total)));
    let header = ["name", "backbone", "weights", "image size", "as", "rows", "size", "last used"].map(str::to_owned);
    let lines: Vec<[String; 8]> = std::iter::once(header).chain(entries.iter().map(columns)).collect();
    if entries.is_empty() {
        tell(&copies, &terminal);
        return Ok(Ending::Done);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..8).map(width).collect();
    for line in &lines {
        let padded: Vec<String> = line.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}")).collect();
        terminal.line(padded.join("  ").trim_end());
    }
    tell(&copies, &terminal);
    Ok(Ending::Done)
}

fn tell(copies: &[CopyEntry], terminal: &Terminal) {
    for copy in copies {
        let (size, used) = (quantity::bytes(copy.bytes), quantity::time(copy.used));
        terminal.line(format_args!("{}: {}, {size}, last used {used}", copy.kind.name(), copy.path.display()));
    }
}

fn columns(entry: &SpaceEntry) -> [String; 8] {
    let about = |name: &str| entry.description.get(name).map_or("-", String::as_str).to_owned();
    let weights = about("weights");
    let weights = weights.strip_prefix("sha256:").unwrap_or(&weights).chars().take(8).collect();
    let stored = format!("{} {}", about("precision"), about("stored"));
    [
        entry.name.clone(),
        about("backbone"),
        weights,
        about("image_size"),
        stored,
        entry.rows.to_string(),
        quantity::bytes(entry.bytes),
        quantity::time(entry.used),
    ]
}
