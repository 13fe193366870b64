//! A download on screen: a bar with rate and time left on a terminal, plain lines in a pipe.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use xfer_hub::Progress;

use crate::units;

/// Shows the events of one download.
#[derive(Debug)]
pub(crate) struct Transfer {
    name: String,
    bar: ProgressBar,
    plain: bool,
    /// The address in use.
    url: String,
    /// When bytes began to arrive, and how many were here then.
    start: Option<(Instant, u64)>,
    last_line: Instant,
}

/// How often a plain line is written while bytes arrive.
const LINE_EVERY: Duration = Duration::from_secs(5);

impl Transfer {
    pub(crate) fn new(name: &str) -> Transfer {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(style("{msg} {bytes}"));
        bar.set_message(name.to_owned());
        let plain = bar.is_hidden();
        Transfer { name: name.to_owned(), bar, plain, url: String::new(), start: None, last_line: Instant::now() }
    }

    pub(crate) fn show(&mut self, event: &Progress<'_>) {
        match event {
            Progress::Ignored { path, expected, got } => {
                self.line(&format!("{} is not used: expected {expected}, got {got}", path.display()));
            }
            Progress::Waiting { path } => {
                self.line(&format!("another process downloads {}, waiting for it", path.display()));
            }
            Progress::Connecting { url } if *url == self.url => {}
            Progress::Connecting { url } => {
                (*url).clone_into(&mut self.url);
                self.line(&format!("from {url}"));
            }
            Progress::Started { total, resumed_from } => self.started(*total, *resumed_from),
            Progress::Received { bytes, total } => self.received(*bytes, *total),
            Progress::Retrying { error, retry, delay } => {
                let error = self.reason(*error);
                self.line(&format!("{error}; retry {retry} in {}", units::seconds(*delay)));
            }
            Progress::StartingOver { error } => {
                let error = self.reason(*error);
                self.line(&format!("{error}; starting over"));
            }
            Progress::NextAddress { error } => {
                let error = self.reason(*error);
                self.line(&format!("{error}; trying the next address"));
            }
            // Reading a file takes a fraction of a second, and other events may come to be: neither needs a line.
            _ => {}
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn started(&mut self, total: Option<u64>, resumed_from: u64) {
        self.start = Some((Instant::now(), resumed_from));
        self.last_line = Instant::now();
        if resumed_from > 0 {
            self.line(&format!("resuming after {}", units::bytes(resumed_from)));
        }
        if let Some(total) = total {
            self.bar.set_length(total);
            self.bar.set_style(style("{msg} [{bar:30}] {bytes}/{total_bytes}, {binary_bytes_per_sec}, {eta} left"));
        }
        self.bar.set_position(resumed_from);
        self.bar.reset_eta();
    }

    fn received(&mut self, bytes: u64, total: Option<u64>) {
        self.bar.set_position(bytes);
        if self.plain && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            if let Some((start, from)) = self.start {
                self.line(&progress_line(bytes, bytes.saturating_sub(from), total, start.elapsed()));
            }
        }
    }

    /// An error and its causes in one line, without the address that a line above has named and without the
    /// instructions that follow the first line.
    fn reason(&self, error: &dyn std::error::Error) -> String {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let mut reason = first.strip_prefix(&self.url).unwrap_or(first).trim_start_matches([':', ' ']).to_owned();
        let mut source = error.source();
        while let Some(error) = source {
            reason = format!("{reason}: {error}");
            source = error.source();
        }
        reason
    }

    fn line(&self, text: &str) {
        if self.plain {
            println!("{}: {text}", self.name);
        } else {
            self.bar.println(format!("{}: {text}", self.name));
        }
    }
}

fn progress_line(bytes: u64, arrived: u64, total: Option<u64>, elapsed: Duration) -> String {
    let rate = arrived as f64 / elapsed.as_secs_f64().max(1e-3);
    let speed = format!("{}/s", units::bytes(rate as u64));
    match total {
        Some(total) if rate >= 1.0 => {
            let left = Duration::from_secs_f64(total.saturating_sub(bytes) as f64 / rate);
            format!("{} of {}, {speed}, {} left", units::bytes(bytes), units::bytes(total), units::seconds(left))
        }
        Some(total) => format!("{} of {}, {speed}", units::bytes(bytes), units::bytes(total)),
        None => format!("{}, {speed}", units::bytes(bytes)),
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_has_rate_and_time_left() {
        // 20 MiB were here before; 20 MiB came in 4 s; 60 MiB are to come.
        let line = progress_line(40 << 20, 20 << 20, Some(100 << 20), Duration::from_secs(4));
        assert_eq!(line, "40.0 MiB of 100.0 MiB, 5.0 MiB/s, 12 s left");
        assert_eq!(progress_line(1024, 1024, None, Duration::from_secs(1)), "1.0 KiB, 1.0 KiB/s");
        assert_eq!(progress_line(0, 0, Some(1024), Duration::from_secs(1)), "0 B of 1.0 KiB, 0 B/s");
    }

    #[test]
    fn templates_are_valid() {
        for template in ["{msg} {bytes}", "{msg} [{bar:30}] {bytes}/{total_bytes}, {binary_bytes_per_sec}, {eta} left"]
        {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
