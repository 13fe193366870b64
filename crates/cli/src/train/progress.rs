//! Keras' progress line: a bar that moves on a terminal, one line an epoch elsewhere.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use xfer_telemetry::verdict::{LoaderTime, TrainingTime, Verdict};
use xfer_trainer::callbacks::{Callback, EpochEnd, StepEnd, Wish};
use xfer_trainer::{ACCURACY, FitOptions, LOSS, Learner, Logs, TrainerError, VALIDATION_ACCURACY, VALIDATION_LOSS};

use crate::log;
use crate::terminal::Terminal;

/// Cells of the bar, as in Keras 3.
const WIDTH: usize = 20;

/// Shows a training to people.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    terminal: &'a Terminal,
    options: FitOptions,
    bar: ProgressBar,
    clock: Clock,
    /// Steps of the epoch that are done, those before a training went on included.
    done: u64,
    /// What the time of all steps so far went to.
    time: TrainingTime,
}

/// When an epoch did what.
#[derive(Debug)]
struct Clock {
    start: Instant,
    first_step: Option<Instant>,
    last_step: Instant,
    steps: u64,
    images: u64,
}

impl Clock {
    fn start() -> Self {
        let now = Instant::now();
        Self { start: now, first_step: None, last_step: now, steps: 0, images: 0 }
    }

    fn step(&mut self, images: usize) {
        self.last_step = Instant::now();
        self.first_step.get_or_insert(self.last_step);
        self.steps += 1;
        self.images += images as u64;
    }

    /// Time of a step; the first one, which waits for the first photos, does not count unless it is all there is.
    fn per_step(&self) -> Duration {
        let divided = |time: Duration, steps: u64| time.div_f64(steps.max(1) as f64);
        match self.first_step {
            Some(first) if self.steps > 1 => divided(self.last_step - first, self.steps - 1),
            _ => divided(self.last_step - self.start, self.steps),
        }
    }

    fn images_per_second(&self) -> f64 {
        self.images as f64 / (self.last_step - self.start).as_secs_f64().max(1e-9)
    }
}

impl<'a> Progress<'a> {
    pub(super) fn new(terminal: &'a Terminal, options: FitOptions) -> Self {
        Self {
            terminal,
            options,
            bar: ProgressBar::hidden(),
            clock: Clock::start(),
            done: 0,
            time: TrainingTime::default(),
        }
    }

    /// `3/6 ━━━━━━━━━━──────────`, as far as `steps` of the epoch go.
    fn position(&self, steps: u64, with_bar: bool) -> String {
        let (all, counter) = counter(steps, self.options.steps_per_epoch);
        let counter = self.terminal.bold(counter);
        if !with_bar {
            return counter;
        }
        let filled = (WIDTH as u64 * steps / all.max(1)) as usize;
        format!("{counter} {}{}", self.terminal.green("━".repeat(filled)), "─".repeat(WIDTH - filled))
    }

    /// The end of an epoch for programs; metrics that it has not are left out.
    fn log_epoch(&self, end: &EpochEnd<'_>) {
        if !self.terminal.is_talkative() {
            return;
        }
        let metric = |name: &str| end.logs.get(name).map(|&value| f64::from(value));
        tracing::info!(
            event = "epoch_end",
            epoch = end.epoch + 1,
            epochs = self.options.epochs,
            steps = end.steps,
            images = end.images,
            seconds = self.clock.start.elapsed().as_secs_f64(),
            images_per_second = self.clock.images_per_second(),
            loss = metric(LOSS),
            accuracy = metric(ACCURACY),
            val_loss = metric(VALIDATION_LOSS),
            val_accuracy = metric(VALIDATION_ACCURACY),
            "epoch {}/{}{}",
            end.epoch + 1,
            self.options.epochs,
            metrics(end.logs)
        );
    }

    fn draw(&self, seconds: &str, logs: &str) {
        let position = self.position(self.done, true);
        let rate = self.clock.images_per_second();
        let step = per_step(self.clock.per_step());
        let bound = bound(&self.time);
        self.bar.set_message(format!("{position} {seconds} {step}{logs} - {rate:.0} images/s{bound}"));
    }
}

impl Callback for Progress<'_> {
    fn on_epoch_begin(&mut self, epoch: u64) -> Result<(), TrainerError> {
        if self.options.epochs > 1 && !log::is_json() {
            self.terminal.line(format_args!("Epoch {}/{}", epoch + 1, self.options.epochs));
        }
        (self.clock, self.done) = (Clock::start(), 0);
        self.bar = ProgressBar::with_draw_target(None, self.terminal.draw_target());
        if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
            self.bar.set_style(style);
        }
        self.bar.set_message(self.position(0, true));
        Ok(())
    }

    fn on_step_end(&mut self, step: &StepEnd<'_>) -> Wish {
        self.clock.step(step.images);
        self.time += step.time;
        self.done = step.step + 1;
        let left = self.options.steps_per_epoch.saturating_sub(self.done);
        self.draw(&eta(self.clock.per_step().mul_f64(left as f64)), &metrics(step.logs));
        Ok(ControlFlow::Continue(()))
    }

    fn on_validation_step_end(&mut self, step: &StepEnd<'_>) -> Result<(), TrainerError> {
        self.time += step.time;
        let of = self.options.validation_steps.unwrap_or_default();
        self.draw(&eta(Duration::ZERO), &format!(" - validation {}/{of}", step.step + 1));
        Ok(())
    }

    fn on_epoch_end(&mut self, end: &EpochEnd<'_>, _: &mut Learner) -> Wish {
        self.bar.finish_and_clear();
        if log::is_json() {
            self.log_epoch(end);
            return Ok(ControlFlow::Continue(()));
        }
        let interactive = self.terminal.is_interactive();
        let position = self.position(end.steps, interactive);
        let seconds = format!("{:.0}s", self.clock.start.elapsed().as_secs_f64());
        let step = per_step(self.clock.per_step());
        let (logs, rate) = (metrics(end.logs), self.clock.images_per_second());
        let separator = if interactive { " " } else { " - " };
        let line = [position, seconds, format!("{step}{logs} - {rate:.0} images/s")].join(separator);
        self.terminal.line(line);
        Ok(ControlFlow::Continue(()))
    }
}

/// Steps of the epoch, and ` 3/12`.
fn counter(steps: u64, all: u64) -> (u64, String) {
    let digits = all.to_string().len();
    (all, format!("{steps:>digits$}/{all}"))
}

/// ` - loader-bound 63%`, once that can be told.
fn bound(time: &TrainingTime) -> String {
    let verdict = Verdict::new(time, &LoaderTime::default(), None);
    verdict.bound.map_or_else(String::new, |_| format!(" - {verdict}"))
}

/// ` - accuracy: 0.5278 - loss: 0.8312`, with the digits that Keras shows.
fn metrics(logs: &Logs) -> String {
    logs.iter().map(|(name, &value)| format!(" - {name}: {}", digits(value))).collect()
}

/// Python's `%.4f`, or `%.4e` of what would show as nearly nothing.
fn digits(value: f32) -> String {
    if value.abs() > 1e-3 || value == 0.0 {
        return format!("{value:.4}");
    }
    let text = format!("{value:.4e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{mantissa}e{sign}{exponent:0>2}")
}

/// `3s/step`, `310ms/step` or `57us/step`.
fn per_step(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds >= 1.0 || seconds == 0.0 {
        format!("{seconds:.0}s/step")
    } else if seconds >= 1e-3 {
        format!("{:.0}ms/step", seconds * 1e3)
    } else {
        format!("{:.0}us/step", seconds * 1e6)
    }
}

/// Time left: `42s`, `2:05` or `1:02:05`.
fn eta(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{rest:02}")
    } else if seconds > 60 {
        format!("{minutes}:{rest:02}")
    } else {
        format!("{seconds}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_keras_digits() {
        for (value, text) in [
            (0.527_777_8, "0.5278"),
            (12.345_678, "12.3457"),
            (0.0, "0.0000"),
            (0.000_123_456, "1.2346e-04"),
            (-0.5, "-0.5000"),
        ] {
            assert_eq!(digits(value), text);
        }
    }

    #[test]
    fn times_are_written_as_keras_writes_them() {
        assert_eq!(per_step(Duration::from_millis(3_400)), "3s/step");
        assert_eq!(per_step(Duration::from_micros(309_600)), "310ms/step");
        assert_eq!(per_step(Duration::from_micros(57)), "57us/step");
        assert_eq!(eta(Duration::from_secs(42)), "42s");
        assert_eq!(eta(Duration::from_secs(125)), "2:05");
        assert_eq!(eta(Duration::from_secs(3_725)), "1:02:05");
    }

    #[test]
    fn what_steps_wait_for_is_told_once_there_is_enough_of_it() {
        let second = Duration::from_secs(1);
        let mut time = TrainingTime { loader: 3 * second, forward: second, steps: 1, ..TrainingTime::default() };
        assert_eq!(bound(&time), "");
        time += time;
        assert_eq!(bound(&time), " - loader-bound 75%");
    }

    #[test]
    fn the_counter_is_as_wide_as_its_end() {
        assert_eq!(counter(3, 6).1, "3/6");
        assert_eq!(counter(3, 120).1, "  3/120");
    }

    #[test]
    fn a_step_takes_what_the_steps_after_the_first_take() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let clock = Clock { start, first_step: Some(at(10)), last_step: at(14), steps: 3, images: 28 };
        assert_eq!(clock.per_step(), Duration::from_secs(2));
        assert_eq!(clock.images_per_second(), 2.0);
        let first = Clock { steps: 1, last_step: at(10), ..clock };
        assert_eq!(first.per_step(), Duration::from_secs(10));
    }
}
