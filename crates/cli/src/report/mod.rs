//! `report`: a run as one page, `report.html`, which needs no other file and no network.

mod chart;
mod matrix;
mod page;
mod problems;
mod thumbnails;
mod time;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use askama::Template;
use serde_json::Value;
use xfer_trainer::{AtomicFile, Evaluation, Existing};

use crate::Ending;
use crate::output_file;
use crate::runs::{Run, State};
use crate::terminal::Terminal;
use page::Page;

/// The page in a run's folder.
pub(crate) const REPORT_FILE: &str = "report.html";
/// What the model made of the validation photos, so that the page can be made again.
pub(crate) const EVALUATION_FILE: &str = "evaluation.json";

/// Make the report of a run again: curves, confusions, photos, data, time and origin in one HTML file
///
/// The file needs nothing else: no script, no network. What the model made of its validation photos is taken from
/// evaluation.json in the run's folder; their thumbnails from the photos where they are now.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// Folder of the run
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// File to write [default: report.html in the run's folder]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace the file if it is there
    #[arg(long)]
    overwrite: bool,

    /// What `xfer-cli evaluate --json` printed, to be shown instead of evaluation.json
    #[arg(long, value_name = "FILE")]
    evaluation: Option<PathBuf>,
}

pub(crate) fn run(args: &ReportArgs) -> anyhow::Result<Ending> {
    let terminal = Terminal::new(false, 1);
    let run = Run::read(&args.run)?;
    if run.state() == State::Unfinished {
        bail!("{}: the run has not come to its end; `xfer-cli train --resume {0}` goes on with it", args.run.display());
    }
    let output = args.output.clone().unwrap_or_else(|| args.run.join(REPORT_FILE));
    output_file::check_vacant(&output, args.overwrite)?;
    let evaluation = match &args.evaluation {
        Some(path) => Some(read(path).with_context(|| format!("{}: no evaluation", path.display()))?),
        None => earlier(&args.run, &terminal),
    };
    let existing = if args.overwrite { Existing::Replace } else { Existing::Keep };
    write(&run, evaluation.as_ref(), &output, existing)?;
    terminal.line(format_args!("Report written to {}.", output.display()));
    Ok(Ending::Done)
}

/// Makes the report of a run that has just ended, beside its model; `evaluation` is what the model made of the validation
/// photos, which is kept beside it.
///
/// # Errors
///
/// A file cannot be read or written.
pub(crate) fn make(folder: &Path, evaluation: Option<&Evaluation>) -> anyhow::Result<()> {
    let kept = folder.join(EVALUATION_FILE);
    match evaluation {
        Some(evaluation) => {
            AtomicFile::write_all(&kept, &serde_json::to_vec_pretty(evaluation)?, Existing::Replace)?;
        }
        // One of an earlier model would be told as this one's.
        None => match fs::remove_file(&kept) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("{}: cannot be removed", kept.display()));
            }
            _ => {}
        },
    }
    write(&Run::read(folder)?, evaluation, &folder.join(REPORT_FILE), Existing::Replace)
}

fn write(run: &Run, evaluation: Option<&Evaluation>, output: &Path, existing: Existing) -> anyhow::Result<()> {
    let html = Page::of(run, evaluation).render().context("the report cannot be put together")?;
    Ok(AtomicFile::write_all(output, html.as_bytes(), existing)?)
}

/// The evaluation beside the run; where it cannot be used, the page does without.
fn earlier(folder: &Path, terminal: &Terminal) -> Option<Evaluation> {
    let path = folder.join(EVALUATION_FILE);
    if !path.exists() {
        terminal.warn(format_args!("{}: not there, so that the report has no confusions and photos", path.display()));
        return None;
    }
    match read(&path) {
        Ok(evaluation) => Some(evaluation),
        Err(error) => {
            terminal.warn(format_args!("{}: {error:#}; the report has no confusions and photos", path.display()));
            None
        }
    }
}

/// An evaluation, or a document that has one in it.
fn read(path: &Path) -> anyhow::Result<Evaluation> {
    let mut document: Value = serde_json::from_slice(&fs::read(path)?)?;
    let evaluation = document.get_mut("evaluation").map(Value::take).unwrap_or(document);
    Ok(serde_json::from_value(evaluation)?)
}

#[cfg(test)]
mod tests;
