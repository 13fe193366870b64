//! What the loader found wrong with photos, told once: at the end of a run.

use serde_json::{Value, json};
use xfer_loader::{Failure, Flow, Report};

use crate::log;
use crate::terminal::Terminal;

/// Failures that are listed in full; the rest is counted.
const LISTED: usize = 20;

/// What was left out of the index, and why.
pub(crate) fn tell_index(flow: &Flow, terminal: &Terminal) {
    for folder in flow.hidden_folders() {
        terminal.warn(format_args!("{}: left out, because its name begins with a dot", folder.display()));
    }
    for link in flow.link_loops() {
        terminal.warn(format_args!("{}: left out, because it leads back to where it hangs", link.display()));
    }
    if flow.invalid_files().count > 0 {
        terminal.warn(flow.invalid_files());
    }
}

/// How many photos of each class a split gave to either side.
pub(crate) fn tell_split(flow: &Flow, terminal: &Terminal) {
    let Some(report) = flow.split_report() else { return };
    let classes = report.classes.iter().map(|(name, training, validation)| format!("{name} {training} + {validation}"));
    terminal.line(format_args!(
        "Split into {} for training and {} for validation: {}.",
        report.training,
        report.validation,
        classes.collect::<Vec<_>>().join(", ")
    ));
}

/// The files that failed, and what else is worth knowing about the photos.
pub(crate) fn tell(report: &Report, terminal: &Terminal) {
    if report.rotated > 0 {
        terminal.warn(format_args!(
            "{} are stored rotated or mirrored (EXIF orientation), and were taken as they are stored, as Keras does; \
             --exif apply turns them upright",
            files(report.rotated)
        ));
    }
    if report.clipped > 0 {
        terminal.warn(format_args!(
            "{} have 16 bits a channel and were clipped at 255, as Pillow does; --depth16 scale keeps their range",
            files(report.clipped)
        ));
    }
    if report.failures.is_empty() {
        return;
    }
    let failed = report.failures.len();
    terminal.warn(format_args!(
        "{} failed and {} left out or replaced:",
        files(failed as u64),
        if failed == 1 { "was" } else { "were" }
    ));
    for failure in report.failures.iter().take(LISTED) {
        let done = if failure.replacement.is_some() { "replaced" } else { "skipped" };
        if log::is_json() {
            let (path, stage) = (failure.path.display(), failure.stage().as_str());
            tracing::warn!(event = "file_failed", done, %path, stage, reason = failure.reason(), "{done}: {failure}");
            continue;
        }
        terminal.note(format_args!("  {done}: {failure}"));
    }
    if failed > LISTED {
        terminal.note(format_args!("  and {} more; --json lists them all", failed - LISTED));
    }
}

/// The failures for a JSON document.
pub(crate) fn list(report: &Report) -> Vec<Value> {
    let failures = report.failures.iter().map(|failure| {
        json!({
            "path": failure.path,
            "stage": failure.stage().as_str(),
            "offset": failure.offset(),
            "reason": failure.reason(),
            "replacement": failure.replacement,
        })
    });
    failures.collect()
}

/// What is wrong with a file, without its name: `decode: the JPEG data is cut short after 3000 bytes`.
pub(crate) fn why(failure: &Failure) -> String {
    format!("{}: {}", failure.stage(), failure.reason())
}

/// `1 file`, `2 files`.
fn files(count: u64) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}
