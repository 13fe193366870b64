//! A log of one JSON object a line, for other programs to follow.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::{Callback, EpochEnd, StepEnd, Wish};
use crate::atomic_file::write_error;
use crate::error::TrainerError;
use crate::fit::{FitOptions, Fitted};
use crate::history::Logs;
use crate::learner::Learner;

/// Appends a line for every event: `begin`, `step`, `epoch`, `end`. Every line is written at once and whole, so that
/// the file may be followed; a metric that is no number is `null`.
#[derive(Debug)]
pub struct JsonLogger {
    path: PathBuf,
    steps: bool,
    file: Option<File>,
}

impl JsonLogger {
    /// Writes to the end of `path`; with a line for every training step, if `steps`.
    pub fn new(path: impl Into<PathBuf>, steps: bool) -> Self {
        Self { path: path.into(), steps, file: None }
    }

    fn line(&mut self, event: &str, fields: Value, logs: Option<&Logs>) -> Result<(), TrainerError> {
        let mut object = Map::from_iter([("event".to_owned(), event.into())]);
        if let Value::Object(fields) = fields {
            object.extend(fields);
        }
        let metrics = logs.into_iter().flatten().map(|(name, &value)| (name.clone().into_owned(), json!(value)));
        object.extend(metrics);
        let line = format!("{}\n", Value::Object(object));
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(line.as_bytes()).map_err(|error| write_error(&self.path, error))
    }
}

impl Callback for JsonLogger {
    fn on_train_begin(&mut self, options: &FitOptions, _learner: &Learner) -> Result<(), TrainerError> {
        let file = OpenOptions::new().create(true).append(true).open(&self.path);
        self.file = Some(file.map_err(|error| write_error(&self.path, error))?);
        let (epochs, steps) = (options.epochs, options.steps_per_epoch);
        let fields = json!({"epochs": epochs, "steps_per_epoch": steps, "validation_steps": options.validation_steps});
        self.line("begin", fields, None)
    }

    fn on_step_end(&mut self, step: &StepEnd<'_>) -> Wish {
        if self.steps {
            let fields = json!({
                "epoch": step.epoch,
                "step": step.step,
                "images": step.images,
                "batch_loss": step.loss,
                "learning_rate": step.learning_rate,
                "waited_seconds": step.waited.as_secs_f64(),
                "took_seconds": step.took.as_secs_f64(),
            });
            self.line("step", fields, Some(step.logs))?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn on_epoch_end(&mut self, end: &EpochEnd<'_>, learner: &mut Learner) -> Wish {
        let fields = json!({
            "epoch": end.epoch,
            "steps": end.steps,
            "images": end.images,
            "interrupted": end.interrupted,
            "learning_rate": learner.optimizer.learning_rate(),
        });
        self.line("epoch", fields, Some(end.logs))?;
        Ok(ControlFlow::Continue(()))
    }

    fn on_train_end(&mut self, fitted: &Fitted, _learner: &mut Learner) -> Result<(), TrainerError> {
        let fields = json!({
            "outcome": format!("{:?}", fitted.outcome).to_lowercase(),
            "images": fitted.images,
            "validation_images": fitted.validation_images,
            "took_seconds": fitted.took.as_secs_f64(),
            "waited_seconds": fitted.waited.as_secs_f64(),
        });
        self.line("end", fields, None)?;
        self.file = None;
        Ok(())
    }
}
