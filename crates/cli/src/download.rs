//! Published weights on this machine, with the progress of their download.

use std::path::PathBuf;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use xfer_hub::{FetchOptions, Progress, WeightFile};

use crate::terminal::Terminal;

/// The verified file of the published weights called `name`, downloaded if it is not here.
pub(crate) fn published_weights(name: &str, terminal: &Terminal) -> anyhow::Result<PathBuf> {
    let file = WeightFile::by_name(name)?;
    let mut shown = Shown { terminal, bar: None };
    let fetched = xfer_hub::fetch(file, &FetchOptions::from_env()?, &mut |progress| shown.tell(&progress));
    shown.clear();
    fetched.with_context(|| format!("the published weights of {name} cannot be had"))
}

struct Shown<'a> {
    terminal: &'a Terminal,
    bar: Option<ProgressBar>,
}

impl Shown<'_> {
    fn tell(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Ignored { path, expected, got } => self.note(format!(
                "{} is not the published file (expected {expected}, got {got}) and is not used",
                path.display()
            )),
            Progress::Waiting { path } => {
                self.note(format!("another process downloads {}; waiting for it", path.display()));
            }
            Progress::Connecting { url } => self.note(format!("Downloading data from {url}")),
            Progress::Started { total, resumed_from } => self.start(*total, *resumed_from),
            Progress::Received { bytes, .. } => {
                if let Some(bar) = &self.bar {
                    bar.set_position(*bytes);
                }
            }
            Progress::Retrying { error, retry, delay } => {
                self.note(format!("{error}; retry {retry} in {:.1} s", delay.as_secs_f32()));
            }
            Progress::StartingOver { error } => self.note(format!("{error}; starting over")),
            Progress::NextAddress { error } => self.note(format!("{error}; trying the next address")),
            _ => {}
        }
    }

    fn start(&mut self, total: Option<u64>, resumed_from: u64) {
        self.clear();
        if !self.terminal.is_interactive() {
            return;
        }
        let bar = ProgressBar::with_draw_target(total, self.terminal.draw_target());
        let template = if total.is_some() {
            "{bytes}/{total_bytes} {bar:20.green/dim} {eta} left, {bytes_per_sec}"
        } else {
            "{bytes} {bytes_per_sec}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━─"));
        }
        bar.set_position(resumed_from);
        bar.reset_eta(); // what was here already says nothing about the rate
        self.bar = Some(bar);
    }

    fn note(&mut self, text: String) {
        self.clear();
        self.terminal.line(text);
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
