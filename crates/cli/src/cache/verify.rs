//! `cache verify`.

use serde_json::json;
use xfer_trainer::features::cache;

use super::{WhichArgs, converted, folder, quantity};
use crate::Ending;
use crate::terminal::{Terminal, print_json};

/// Read everything in the cache and every photo that it knows, and remove what is damaged or no longer true
///
/// A training verifies each vector that it uses, and reads photos again whose size, times or inode have changed. This finds
/// what leaves no such trace. Exits with 1 where something was found.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    which: WhichArgs,
}

/// Photos listed; JSON has them all.
const LISTED: usize = 20;

pub(super) fn run(args: &VerifyArgs) -> anyhow::Result<Ending> {
    let folder = folder(args.which.cache_dir.as_deref())?;
    let terminal = Terminal::new(args.which.json, 1);
    let mut read = 0;
    let verified =
        cache::verify(&folder, converted(args.which.cache_dir.as_deref()).as_deref(), |bytes| read += bytes)?;
    terminal.line(format_args!(
        "{} vectors, {} photos and {} calibrations and copies of weights are as they should be ({} read).",
        verified.rows,
        verified.photos,
        verified.copies,
        quantity::bytes(read)
    ));
    if verified.outdated > 0 {
        let photos = verified.outdated;
        terminal.line(format_args!("{photos} photos have changed or gone since they were last used."));
    }
    if verified.damaged_rows > 0 {
        terminal.warn(format_args!("{} vectors were damaged, and are removed", verified.damaged_rows));
    }
    for path in &verified.damaged_files {
        terminal.warn(format_args!("{}: damaged, and removed", path.display()));
    }
    for path in verified.changed.iter().take(LISTED) {
        terminal.warn(format_args!("{}: changed without a trace; its features will be computed anew", path.display()));
    }
    if verified.changed.len() > LISTED {
        terminal.note(format_args!("  and {} more", verified.changed.len() - LISTED));
    }
    if args.which.json {
        print_json(&json!({
            "folder": folder,
            "sound": verified.is_sound(),
            "rows": verified.rows,
            "copies": verified.copies,
            "damaged_rows": verified.damaged_rows,
            "damaged_files": verified.damaged_files,
            "photos": verified.photos,
            "changed": verified.changed,
            "outdated": verified.outdated,
        }))?;
    }
    Ok(if verified.is_sound() { Ending::Done } else { Ending::Unusable })
}
