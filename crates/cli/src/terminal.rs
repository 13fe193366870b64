//! What is written for people: where it goes, and whether it may move and have colours.

use std::fmt::Display;
use std::io::{self, Write};

use clap::ColorChoice;
use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::log;

/// Where a verb's text goes: standard output, or standard error where standard output is a program's.
#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    term: Term,
    /// 0: nothing but warnings; 1: everything; 2: no line that is redrawn.
    verbose: u8,
}

impl Terminal {
    /// Text beside a JSON document goes to standard error.
    pub(crate) fn new(json: bool, verbose: u8) -> Self {
        Self { term: if json { Term::stderr() } else { Term::stdout() }, verbose }
    }

    /// Writes a line, unless nothing is to be written.
    pub(crate) fn line(&self, text: impl Display) {
        if log::is_json() {
            if self.is_talkative() {
                tracing::info!(event = "message", "{text}");
            }
        } else if self.is_talkative() {
            // A reader that went away (`| head`) is no failure.
            let _ = if self.is_stdout() {
                writeln!(io::stdout().lock(), "{text}")
            } else {
                writeln!(io::stderr().lock(), "{text}")
            };
        }
    }

    /// Writes a line that is told whatever is to be written.
    pub(crate) fn warn(&self, text: impl Display) {
        if log::is_json() {
            tracing::warn!(event = "warning", "{text}");
            return;
        }
        let _ = writeln!(io::stderr().lock(), "{} {text}", console::style("warning:").for_stderr().yellow().bold());
    }

    /// Writes a further line of a warning.
    pub(crate) fn note(&self, text: impl Display) {
        if log::is_json() {
            tracing::warn!(event = "note", "{text}");
            return;
        }
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Whether more than warnings is to be written.
    pub(crate) fn is_talkative(&self) -> bool {
        self.verbose > 0
    }

    /// Whether lines may be redrawn.
    pub(crate) fn is_interactive(&self) -> bool {
        self.verbose == 1 && !log::is_json() && self.term.features().is_attended()
    }

    /// Where such lines are drawn.
    pub(crate) fn draw_target(&self) -> ProgressDrawTarget {
        if self.is_interactive() {
            ProgressDrawTarget::term(self.term.clone(), 20)
        } else {
            ProgressDrawTarget::hidden()
        }
    }

    /// A bar of images done, with their rate and the time left.
    pub(crate) fn images_bar(&self, images: Option<u64>) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(images, self.draw_target());
        let template =
            if images.is_some() { "{pos}/{len} {bar:20.green/dim} {eta} left, {per_sec}" } else { "{pos} {per_sec}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            let per_second = |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                // Writing to a bar's line does not fail.
                let _ = write!(out, "{:.1} images/s", state.per_sec());
            };
            bar.set_style(style.progress_chars("━━─").with_key("per_sec", per_second));
        }
        bar
    }

    /// `text` in bold, where there are colours.
    pub(crate) fn bold(&self, text: impl Display) -> String {
        let style = console::Style::new().bold();
        self.styled(style).apply_to(text).to_string()
    }

    /// `text` in green, where there are colours.
    pub(crate) fn green(&self, text: impl Display) -> String {
        let style = console::Style::new().green();
        self.styled(style).apply_to(text).to_string()
    }

    /// `text` in yellow, where there are colours.
    pub(crate) fn yellow(&self, text: impl Display) -> String {
        let style = console::Style::new().yellow();
        self.styled(style).apply_to(text).to_string()
    }

    /// `text` in red, where there are colours.
    pub(crate) fn red(&self, text: impl Display) -> String {
        let style = console::Style::new().red();
        self.styled(style).apply_to(text).to_string()
    }

    /// `text` fainter than the rest, where there are colours.
    pub(crate) fn dim(&self, text: impl Display) -> String {
        let style = console::Style::new().dim();
        self.styled(style).apply_to(text).to_string()
    }

    fn styled(&self, style: console::Style) -> console::Style {
        if self.is_stdout() { style.for_stdout() } else { style.for_stderr() }
    }

    fn is_stdout(&self) -> bool {
        matches!(self.term.target(), console::TermTarget::Stdout)
    }
}

/// Writes the JSON document of a verb to standard output.
pub(crate) fn print_json(document: &impl serde::Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(document)?;
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write to standard output"))
        }
        _ => Ok(()),
    }
}

/// `--color`; by default a terminal has colours unless NO_COLOR is set.
pub(crate) fn set_colors(choice: ColorChoice) {
    let asked = match choice {
        ColorChoice::Always => Some(true),
        ColorChoice::Never => Some(false),
        ColorChoice::Auto if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) => Some(false),
        ColorChoice::Auto => None,
    };
    if let Some(colors) = asked {
        console::set_colors_enabled(colors);
        console::set_colors_enabled_stderr(colors);
    }
}
