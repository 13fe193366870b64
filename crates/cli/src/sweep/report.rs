//! What a sweep found, and how much of it is chance.

use std::fmt::Write as _;

use serde_json::{Value, json};
use xfer_loader::Flow;
use xfer_trainer::sweep::{Spread, Trial};

use super::SweepArgs;
use super::grid::Candidate;
use crate::terminal::Terminal;

/// All candidates, the best first.
pub(super) struct Report {
    rows: Vec<Row>,
    folds: usize,
    repeats: usize,
    epochs: usize,
    photos: usize,
}

struct Row {
    candidate: Candidate,
    trials: Vec<Trial>,
    /// Of the trainings that did not diverge.
    accuracy: Option<Spread>,
    loss: Option<Spread>,
}

impl Row {
    fn new(candidate: Candidate, trials: Vec<Trial>) -> Self {
        let scores = trials.iter().filter_map(|trial| match *trial {
            Trial::Scored { accuracy, loss } => Some((accuracy, loss)),
            Trial::Diverged => None,
        });
        let (accuracies, losses): (Vec<f64>, Vec<f64>) = scores.unzip();
        Self { candidate, accuracy: Spread::of(&accuracies), loss: Spread::of(&losses), trials }
    }

    fn diverged(&self) -> usize {
        self.trials.iter().filter(|trial| **trial == Trial::Diverged).count()
    }

    /// By what is best: nothing diverged, then a high accuracy, then a low loss.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let mean = |spread: Option<Spread>, none: f64| spread.map_or(none, |spread| spread.mean);
        let accuracy = |row: &Self| mean(row.accuracy, f64::NEG_INFINITY);
        let loss = |row: &Self| mean(row.loss, f64::INFINITY);
        self.diverged()
            .cmp(&other.diverged())
            .then(accuracy(other).total_cmp(&accuracy(self)))
            .then(loss(self).total_cmp(&loss(other)))
    }
}

impl Report {
    pub(super) fn new(args: &SweepArgs, photos: &Flow, candidates: Vec<Candidate>, trials: Vec<Vec<Trial>>) -> Self {
        let mut rows: Vec<Row> = candidates.into_iter().zip(trials).map(|(c, trials)| Row::new(c, trials)).collect();
        rows.sort_by(Row::order);
        let (folds, repeats) = (usize::from(args.folds), usize::from(args.repeats));
        Self { rows, folds, repeats, epochs: args.epochs, photos: photos.samples() }
    }

    pub(super) fn trainings(&self) -> usize {
        self.rows.iter().map(|row| row.trials.len()).sum()
    }

    /// A table, and what it does not say.
    pub(super) fn tell(&self, terminal: &Terminal) {
        terminal.line("");
        terminal.line(terminal.bold(format_args!(
            "{:<9} {:>8} {:>8} {:>8} | {:>12} {:>7} {:>13} | {:>8} {:>7} {:>15}",
            "optimizer", "rate", "decay", "momentum", "val_accuracy", "std", "range", "val_loss", "std", "range"
        )));
        for row in &self.rows {
            terminal.line(row.line());
        }
        terminal.line("");
        terminal.line(self.caution());
    }

    /// How much a single split could have misled.
    fn caution(&self) -> String {
        let Some((best, accuracy)) = self.rows.first().and_then(|row| Some((row, row.accuracy?))) else {
            return "Every training diverged: the loss became infinite. Try smaller learning rates.".to_owned();
        };
        let Candidate { name, learning_rate, .. } = best.candidate;
        let error = accuracy.deviation / (accuracy.count as f64).sqrt();
        let within = |row: &&Row| row.diverged() == 0 && row.accuracy.is_some_and(|a| a.mean >= accuracy.mean - error);
        let alike = self.rows.iter().filter(within).count();
        format!(
            "One split is one draw: of {} photos, {} at a time, the same settings ({name}, {learning_rate}) came to \
             val_accuracy from {:.4} to {:.4}, with a standard deviation of {:.4}. Differences between settings that are \
             not larger than that say little about them on a single split. Of {} settings, {alike} lie within one \
             standard error ({error:.4}) of the best mean.",
            self.photos,
            self.photos / self.folds,
            accuracy.least,
            accuracy.most,
            accuracy.deviation,
            self.rows.len(),
        )
    }

    /// A row a training: settings, repetition and fold from 1, what it came to; nothing where it diverged.
    pub(super) fn to_csv(&self) -> String {
        let mut csv = "optimizer,learning_rate,weight_decay,momentum,repeat,fold,val_accuracy,val_loss\n".to_owned();
        for row in &self.rows {
            let Candidate { name, learning_rate, weight_decay, momentum, .. } = row.candidate;
            for (number, trial) in row.trials.iter().enumerate() {
                let (repeat, fold) = (number / self.folds + 1, number % self.folds + 1);
                let scores = match trial {
                    Trial::Scored { accuracy, loss } => format!("{accuracy},{loss}"),
                    Trial::Diverged => ",".to_owned(),
                };
                // Writing to a String does not fail.
                let _ = writeln!(csv, "{name},{learning_rate},{weight_decay},{momentum},{repeat},{fold},{scores}");
            }
        }
        csv
    }

    pub(super) fn to_json(&self) -> Value {
        let spread = |spread: Option<Spread>| {
            spread.map(|s| json!({ "mean": s.mean, "std": s.deviation, "min": s.least, "max": s.most }))
        };
        let trial = |trial: &Trial| match trial {
            Trial::Scored { accuracy, loss } => json!({ "val_accuracy": accuracy, "val_loss": loss }),
            Trial::Diverged => Value::Null,
        };
        let row = |row: &Row| {
            json!({
                "optimizer": row.candidate.name,
                "learning_rate": row.candidate.learning_rate,
                "weight_decay": row.candidate.weight_decay,
                "momentum": row.candidate.momentum,
                "val_accuracy": spread(row.accuracy),
                "val_loss": spread(row.loss),
                "diverged": row.diverged(),
                "trials": row.trials.iter().map(trial).collect::<Vec<_>>(),
            })
        };
        json!({
            "photos": self.photos,
            "folds": self.folds,
            "repeats": self.repeats,
            "epochs": self.epochs,
            "settings": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

impl Row {
    fn line(&self) -> String {
        let Candidate { name, learning_rate, weight_decay, momentum, .. } = self.candidate;
        let settings = format!("{name:<9} {learning_rate:>8} {weight_decay:>8} {momentum:>8}");
        let mut line = match (self.accuracy, self.loss) {
            (Some(a), Some(l)) => format!(
                "{settings} | {:>12.4} {:>7.4} {:>13} | {:>8.4} {:>7.4} {:>15}",
                a.mean,
                a.deviation,
                format!("{:.4}-{:.4}", a.least, a.most),
                l.mean,
                l.deviation,
                format!("{:.4}-{:.4}", l.least, l.most),
            ),
            _ => settings,
        };
        if self.diverged() > 0 {
            let _ = write!(line, " | {} of {} diverged", self.diverged(), self.trials.len());
        }
        line
    }
}
