//! What is told at the end.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json};
use xfer_telemetry::verdict::{Bound, Verdict};
use xfer_trainer::{Fitted, History, Model, Outcome, WeightsDescription};

use super::manifest::Manifest;
use super::output::HISTORY_FILE;
use super::verdict;
use crate::backbone::UNTRAINED;
use crate::cache;
use crate::log::tell;
use crate::terminal::Terminal;

/// The document of `train --json`.
#[derive(Debug, Serialize)]
pub(super) struct TrainReport {
    output: PathBuf,
    model: PathBuf,
    history_file: PathBuf,
    model_digest: String,
    history: Value,
    interrupted: bool,
    backbone: &'static str,
    precision: &'static str,
    weights: WeightsDescription,
    untrained: bool,
    classes: Vec<String>,
    images: u64,
    validation_images: u64,
    batch_size: usize,
    steps_per_epoch: u64,
    validation_steps: Option<u64>,
    metrics_address: Option<String>,
    /// Vectors from the cache and computed ones, of trainings and validations that use the cache.
    features: Option<Value>,
    /// Files that were skipped or replaced.
    failures: Vec<Value>,
    /// The whole command.
    seconds: f64,
    /// Training and validation.
    fit_seconds: f64,
    /// Of them, waiting for the loader.
    wait_seconds: f64,
    images_per_second: f64,
    /// Of a run that repeats another: whether data, weights and model agree, and what else differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeated: Option<Value>,
    /// What it waited for.
    verdict: Value,
    #[serde(skip)]
    told_verdict: Verdict,
    #[serde(skip)]
    advice: Option<&'static str>,
    #[serde(skip)]
    told_features: Option<String>,
}

/// What the report adds to the model and the training.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) digest: String,
    pub(super) batch_size: usize,
    pub(super) steps_per_epoch: u64,
    pub(super) validation_steps: Option<u64>,
    pub(super) metrics_address: Option<String>,
    /// From the cache, and computed.
    pub(super) features: Option<(u64, u64)>,
    pub(super) failures: Vec<Value>,
    pub(super) verdict: Verdict,
    pub(super) advice: Option<&'static str>,
    pub(super) seconds: f64,
    /// Images of a training that goes on from before, which took no time now.
    pub(super) images_before: u64,
    pub(super) repeated: Option<Value>,
}

impl TrainReport {
    pub(super) fn new(output: &Path, model: Model, fitted: &Fitted, facts: Facts) -> Self {
        let description = model.description;
        let fit_seconds = fitted.took.as_secs_f64();
        Self {
            output: output.to_owned(),
            model: output.join(Model::DESCRIPTION_FILE),
            history_file: output.join(HISTORY_FILE),
            model_digest: facts.digest,
            history: history(&fitted.history),
            interrupted: fitted.outcome == Outcome::Interrupted,
            backbone: description.backbone.name(),
            precision: description.precision.name(),
            untrained: description.weights.untrained,
            weights: description.weights,
            classes: description.classes,
            images: fitted.images,
            validation_images: fitted.validation_images,
            batch_size: facts.batch_size,
            steps_per_epoch: facts.steps_per_epoch,
            validation_steps: facts.validation_steps,
            metrics_address: facts.metrics_address,
            features: facts.features.map(|(cached, computed)| json!({ "cached": cached, "computed": computed })),
            told_features: facts.features.map(|(cached, computed)| cache::tally(cached, computed)),
            failures: facts.failures,
            verdict: verdict::document(&facts.verdict, &fitted.time, facts.advice),
            told_verdict: facts.verdict,
            advice: facts.advice,
            seconds: facts.seconds,
            fit_seconds,
            wait_seconds: fitted.waited.as_secs_f64(),
            images_per_second: (fitted.images + fitted.validation_images).saturating_sub(facts.images_before) as f64
                / fit_seconds.max(1e-9),
            repeated: facts.repeated,
        }
    }

    /// What the manifest says it came to.
    pub(super) fn result(&self, fitted: &Fitted) -> Value {
        let last = fitted.history.columns().filter_map(|(name, values)| {
            let value = values.last().copied().flatten()?;
            Some((name.to_owned(), json!(value)))
        });
        let outcome = match fitted.outcome {
            Outcome::Finished => "finished",
            Outcome::Stopped => "stopped",
            Outcome::Interrupted => "interrupted",
        };
        json!({
            "outcome": outcome,
            "epochs": fitted.history.epochs().len(),
            "model_digest": self.model_digest,
            "seconds": self.seconds,
            "fit_seconds": self.fit_seconds,
            "wait_seconds": self.wait_seconds,
            "images": self.images,
            "validation_images": self.validation_images,
            "images_per_second": self.images_per_second,
            "features": self.features,
            "failures": self.failures,
            "verdict": self.verdict,
            "last": Map::from_iter(last),
        })
    }

    /// Adds whether the model is that of the run that was repeated.
    pub(super) fn compare_model(&mut self, earlier: &Manifest) {
        let before = earlier.result.as_ref().and_then(|result| result["model_digest"].as_str());
        if let Some(repeated) = &mut self.repeated {
            repeated["model"] = json!(before.map(|before| before == self.model_digest));
        }
    }

    fn tell_repeated(&self, terminal: &Terminal) {
        let Some(repeated) = &self.repeated else { return };
        let word = |part: &str| match repeated[part].as_bool() {
            Some(true) => "the same",
            Some(false) => "other",
            None => "not known, because the run did not end",
        };
        let (data, weights, model) = (word("data"), word("weights"), word("model"));
        terminal.line(format_args!("Beside the run that was repeated: data {data}, weights {weights}, model {model}."));
        for difference in repeated["differences"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            terminal.line(format_args!("  {difference}"));
        }
    }

    /// The lines after the last epoch.
    pub(super) fn tell(&self, terminal: &Terminal) {
        if self.interrupted {
            terminal.line("Stopped before the end; the last epoch has what was seen of it.");
        }
        let output = self.output.display();
        tell!(terminal, "saved", { %output }, "Model and {HISTORY_FILE} saved to {output}.");
        let (seconds, images_per_second) = (self.seconds, self.images_per_second);
        tell!(
            terminal, "trained", { seconds, images_per_second, interrupted = self.interrupted },
            "{:.1} s in all, {:.1} s of it training and validation: {} images, {:.1} images/s.",
            self.seconds,
            self.fit_seconds,
            self.images + self.validation_images,
            self.images_per_second
        );
        let advice = self.advice.map_or_else(String::new, |advice| format!(": {advice}"));
        tell!(
            terminal, "verdict", { bound = self.told_verdict.bound.map(Bound::as_str), share = self.told_verdict.share },
            "Verdict: {}{advice}.", self.told_verdict
        );
        if let Some(features) = &self.told_features {
            terminal.line(features);
        }
        self.tell_repeated(terminal);
        if self.untrained {
            terminal.line(format_args!("Note: {UNTRAINED}."));
        }
    }
}

/// `{"epoch": [0], "accuracy": [0.5], ...}`, with the digits of the CSV; null where an epoch has no value.
fn history(history: &History) -> Value {
    let mut columns = Map::from_iter([("epoch".to_owned(), json!(history.epochs()))]);
    columns.extend(history.columns().map(|(name, values)| {
        let values: Vec<_> = values.iter().map(|value| value.map(f64::from)).collect();
        (name.to_owned(), json!(values))
    }));
    Value::Object(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xfer_trainer::{LOSS, Logs, VALIDATION_LOSS};

    #[test]
    fn the_history_has_a_list_a_metric() {
        let mut epochs = History::with_columns([LOSS, VALIDATION_LOSS]);
        epochs.push(0, &Logs::from([(LOSS.into(), 0.1), (VALIDATION_LOSS.into(), 0.25)]));
        epochs.push(1, &Logs::from([(LOSS.into(), 0.5)]));
        let json = history(&epochs);
        assert_eq!(json["epoch"], json!([0, 1]));
        assert_eq!(json["loss"], json!([0.10000000149011612, 0.5]));
        assert_eq!(json["val_loss"], json!([0.25, null]));
    }
}
