//! What else happens during a training: when it ends early, what is kept of it, what is written about it.

use std::str::FromStr;

use xfer_trainer::Direction;
use xfer_trainer::callbacks::{EarlyStoppingOptions, Monitor, ReduceLearningRateOptions, Save};

use super::values;

/// Callbacks, with Keras' names and rules.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Callbacks")]
pub(crate) struct CallbackArgs {
    /// The metric that early stopping, the reduction of the learning rate and the best checkpoint watch
    /// [default: val_loss, or loss where there is no validation]
    #[arg(long, value_name = "METRIC")]
    monitor: Option<String>,

    /// Whether more or less of it is better [default: what its name says]
    #[arg(long, value_name = "min|max", value_parser = direction, requires = "monitor")]
    mode: Option<Direction>,

    /// End the training after so many epochs without an improvement
    #[arg(long, value_name = "EPOCHS")]
    early_stopping: Option<u64>,

    /// What early stopping takes for an improvement: more than so much [default: 0]
    #[arg(long, value_name = "NUMBER", value_parser = values::not_negative, requires = "early_stopping")]
    min_delta: Option<f64>,

    /// Only what is better than this ends the waiting of early stopping
    #[arg(long, value_name = "NUMBER", requires = "early_stopping", allow_hyphen_values = true)]
    baseline: Option<f32>,

    /// The first epoch that early stopping looks at, from 0
    #[arg(long, value_name = "EPOCH", requires = "early_stopping")]
    start_from_epoch: Option<u64>,

    /// Keep the head of the best epoch instead of the last one
    #[arg(long, requires = "early_stopping")]
    restore_best: bool,

    /// Lower the learning rate after so many epochs without an improvement by more than 1e-4
    #[arg(long, value_name = "EPOCHS", conflicts_with = "schedule")]
    reduce_on_plateau: Option<u64>,

    /// What the learning rate is multiplied by then
    #[arg(long, value_name = "FACTOR", default_value_t = 0.1, value_parser = values::below_one)]
    factor: f64,

    /// Epochs after that in which nothing is waited for
    #[arg(long, value_name = "EPOCHS", default_value_t = 0, requires = "reduce_on_plateau")]
    cooldown: u64,

    /// The least learning rate that it is lowered to
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = values::not_negative, requires = "reduce_on_plateau")]
    min_learning_rate: f64,

    /// End the training where the loss is no number, and keep its history; otherwise that is an error
    #[arg(long)]
    pub(crate) terminate_on_nan: bool,

    /// Keep models in OUTPUT/checkpoints: `best`, or `epochs:N` or `steps:N` for one after every so many. May be repeated
    #[arg(long, value_name = "WHEN")]
    checkpoint: Vec<When>,

    /// Seconds between states in OUTPUT/checkpoints that --resume goes on from
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = values::seconds)]
    pub(crate) resume_every: std::time::Duration,

    /// Write events for TensorBoard to OUTPUT/tensorboard
    #[arg(long)]
    pub(crate) tensorboard: bool,

    /// With the loss of every so many steps in them
    #[arg(long, value_name = "STEPS", value_parser = values::count, requires = "tensorboard")]
    pub(crate) tensorboard_every: Option<usize>,

    /// Write an event a line to OUTPUT/log.jsonl
    #[arg(long)]
    pub(crate) json_log: bool,

    /// With a line for every step
    #[arg(long, requires = "json_log")]
    pub(crate) json_log_steps: bool,
}

/// When a model is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Best,
    Epochs(u64),
    Steps(u64),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let count = |text: &str| text.parse().ok().filter(|&count: &u64| count > 0);
        let when = match text.split_once(':') {
            None => (text == "best").then_some(Self::Best),
            Some(("epochs", every)) => count(every).map(Self::Epochs),
            Some(("steps", every)) => count(every).map(Self::Steps),
            Some(_) => None,
        };
        when.ok_or_else(|| "expected best, epochs:N or steps:N".to_owned())
    }
}

fn direction(text: &str) -> Result<Direction, String> {
    match text {
        "min" => Ok(Direction::Min),
        "max" => Ok(Direction::Max),
        _ => Err("expected min or max".to_owned()),
    }
}

impl CallbackArgs {
    /// What can be told without the photos.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.monitor(true).map(|_| ())
    }

    fn monitor(&self, validated: bool) -> Result<Monitor, String> {
        let metric = self.monitor.clone().unwrap_or_else(|| if validated { "val_loss" } else { "loss" }.to_owned());
        Monitor::new(metric, self.mode).map_err(|error| format!("--monitor: {error} (--mode)"))
    }

    /// When the training ends early, if it may.
    pub(crate) fn early_stopping(&self, validated: bool) -> Result<Option<EarlyStoppingOptions>, String> {
        let Some(patience) = self.early_stopping else { return Ok(None) };
        Ok(Some(EarlyStoppingOptions {
            monitor: self.monitor(validated)?.with_min_delta(self.min_delta.unwrap_or(0.0)),
            patience,
            baseline: self.baseline,
            restore_best: self.restore_best,
            start_from_epoch: self.start_from_epoch.unwrap_or(0),
        }))
    }

    /// When the learning rate is lowered, if it may be.
    pub(crate) fn reduce_on_plateau(&self, validated: bool) -> Result<Option<ReduceLearningRateOptions>, String> {
        let Some(patience) = self.reduce_on_plateau else { return Ok(None) };
        let defaults = ReduceLearningRateOptions::default();
        let monitor = match &self.monitor {
            None if validated => defaults.monitor,
            _ => self.monitor(validated)?.with_min_delta(1e-4),
        };
        let &Self { factor, cooldown, min_learning_rate, .. } = self;
        Ok(Some(ReduceLearningRateOptions { monitor, factor, patience, cooldown, min_learning_rate }))
    }

    /// When models are kept.
    pub(crate) fn checkpoints(&self, validated: bool) -> Result<Vec<Save>, String> {
        let save = |when: &When| {
            Ok(match *when {
                When::Best => Save::Best { monitor: self.monitor(validated)?, threshold: None },
                When::Epochs(every) => Save::Epochs(every),
                When::Steps(every) => Save::Steps(every),
            })
        };
        self.checkpoint.iter().map(save).collect()
    }

    /// What decides when the training ends and how fast it learns, for the record.
    pub(crate) fn settings(&self) -> serde_json::Value {
        let Self { monitor, mode, early_stopping, min_delta, baseline, start_from_epoch, restore_best, .. } = self;
        let Self { reduce_on_plateau, factor, cooldown, min_learning_rate, terminate_on_nan, .. } = self;
        let mut settings = serde_json::Map::new();
        if early_stopping.is_some() || reduce_on_plateau.is_some() || self.checkpoint.contains(&When::Best) {
            settings.insert("monitor".into(), serde_json::json!([monitor, mode]));
        }
        if early_stopping.is_some() {
            let options = serde_json::json!([early_stopping, min_delta, baseline, start_from_epoch, restore_best]);
            settings.insert("early_stopping".into(), options);
        }
        if reduce_on_plateau.is_some() {
            let options = serde_json::json!([reduce_on_plateau, factor, cooldown, min_learning_rate]);
            settings.insert("reduce_on_plateau".into(), options);
        }
        settings.insert("terminate_on_nan".into(), serde_json::json!(terminate_on_nan));
        let checkpoints: Vec<_> = self.checkpoint.iter().map(|when| format!("{when:?}")).collect();
        settings.insert("checkpoints".into(), serde_json::json!(checkpoints));
        settings.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Verb, parse};

    fn callbacks(words: &str) -> Result<CallbackArgs, String> {
        let Verb::Train(args) = parse(&format!("train {words}")).map_err(|error| error.to_string())? else {
            panic!("not a training")
        };
        args.callbacks.check()?;
        Ok(args.callbacks.clone())
    }

    #[test]
    fn nothing_happens_unless_it_is_asked_for() {
        let none = callbacks("").unwrap();
        assert_eq!(none.early_stopping(true), Ok(None));
        assert_eq!(none.reduce_on_plateau(true), Ok(None));
        assert_eq!(none.checkpoints(true), Ok(Vec::new()));
    }

    #[test]
    fn the_validations_loss_is_watched_where_there_is_one() {
        let stopping = callbacks("--early-stopping 3 --restore-best --min-delta 0.5 --start-from-epoch 2").unwrap();
        let options = stopping.early_stopping(true).unwrap().unwrap();
        assert_eq!(options.monitor, Monitor::validation_loss().with_min_delta(0.5));
        assert_eq!((options.patience, options.restore_best, options.start_from_epoch), (3, true, 2));
        assert_eq!(stopping.early_stopping(false).unwrap().unwrap().monitor.metric(), "loss");
        let reduce = callbacks("--reduce-on-plateau 10").unwrap().reduce_on_plateau(true).unwrap().unwrap();
        assert_eq!(reduce, ReduceLearningRateOptions::default());
    }

    #[test]
    fn checkpoints_are_many() {
        let saves = callbacks("--checkpoint best --checkpoint epochs:2 --checkpoint steps:5 --monitor val_accuracy");
        let saves = saves.unwrap().checkpoints(true).unwrap();
        let monitor = Monitor::new("val_accuracy", None).unwrap();
        assert_eq!(saves, [Save::Best { monitor, threshold: None }, Save::Epochs(2), Save::Steps(5)]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (words, message) in [
            ("--restore-best", "--early-stopping"),
            ("--monitor f1 --early-stopping 1", "say min or max (--mode)"),
            ("--checkpoint epochs:0", "expected best, epochs:N or steps:N"),
            ("--reduce-on-plateau 2 --schedule cosine", "cannot be used with"),
            ("--reduce-on-plateau 2 --factor 1", "below 1"),
        ] {
            let error = callbacks(words).unwrap_err();
            assert!(error.contains(message), "{words}: {error}");
        }
    }
}
