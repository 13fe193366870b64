//! Event files that TensorBoard shows, laid out as those of Keras' `TensorBoard` callback.

mod event;

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Callback, EpochEnd, StepEnd, Wish};
use crate::atomic_file::write_error;
use crate::error::TrainerError;
use crate::fit::{FitOptions, Fitted};
use crate::history::LEARNING_RATE;
use crate::learner::Learner;

/// Writes `train/` and `validation/` below a folder: `epoch_loss`, `epoch_accuracy` and so on at each epoch, counted
/// from 0, `epoch_learning_rate` with them in `train/`, and `batch_loss` at every so many steps. Each training has
/// files of its own, beside those of earlier ones; they are whole up to the last epoch at any moment.
#[derive(Debug)]
pub struct TensorBoard {
    folder: PathBuf,
    every: Option<u64>,
    steps: u64,
    training: Option<EventFile>,
    validation: Option<EventFile>,
}

impl TensorBoard {
    /// Writes below `folder`, which is made where there is none; with the loss of the batch after every `every` steps,
    /// where that is asked for.
    ///
    /// # Errors
    ///
    /// `every` is 0.
    pub fn new(folder: impl Into<PathBuf>, every: Option<u64>) -> Result<Self, TrainerError> {
        if every == Some(0) {
            return Err(TrainerError::ZeroOption { option: "steps between events" });
        }
        Ok(Self { folder: folder.into(), every, steps: 0, training: None, validation: None })
    }
}

impl Callback for TensorBoard {
    fn on_train_begin(&mut self, options: &FitOptions, _learner: &Learner) -> Result<(), TrainerError> {
        self.steps = 0;
        self.training = Some(EventFile::create(&self.folder.join("train"))?);
        let validated = options.validation_steps.is_some();
        self.validation = validated.then(|| EventFile::create(&self.folder.join("validation"))).transpose()?;
        Ok(())
    }

    fn on_step_end(&mut self, step: &StepEnd<'_>) -> Wish {
        self.steps += 1;
        if let (Some(every), Some(file)) = (self.every, &mut self.training)
            && self.steps.is_multiple_of(every)
        {
            file.scalars(self.steps - 1, &[("batch_loss".to_owned(), step.loss)])?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn on_epoch_end(&mut self, end: &EpochEnd<'_>, learner: &mut Learner) -> Wish {
        let (validation, mut training): (Vec<_>, Vec<_>) = end
            .logs
            .iter()
            .map(|(name, &value)| (name.as_ref(), value))
            .partition(|(name, _)| name.starts_with("val_"));
        if !end.logs.contains_key(LEARNING_RATE) {
            training.push((LEARNING_RATE, learner.optimizer.learning_rate()));
        }
        for (file, logs) in [(&mut self.training, training), (&mut self.validation, validation)] {
            let tag = |(name, value): &(&str, f32)| (format!("epoch_{}", name.trim_start_matches("val_")), *value);
            if let (Some(file), false) = (file, logs.is_empty()) {
                file.scalars(end.epoch, &logs.iter().map(tag).collect::<Vec<_>>())?;
                file.flush()?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn on_train_end(&mut self, _fitted: &Fitted, _learner: &mut Learner) -> Result<(), TrainerError> {
        for mut file in self.training.take().into_iter().chain(self.validation.take()) {
            file.flush()?;
        }
        Ok(())
    }
}

/// A file of events that is being written.
#[derive(Debug)]
struct EventFile {
    path: PathBuf,
    writer: BufWriter<File>,
}

impl EventFile {
    /// A new file in `folder`; TensorBoard reads all of them, in the order of their names.
    fn create(folder: &Path) -> Result<Self, TrainerError> {
        fs::create_dir_all(folder).map_err(|error| write_error(folder, error))?;
        let now = now();
        let name =
            format!("events.out.tfevents.{:010}.{:06}.{}", now.as_secs(), now.subsec_micros(), std::process::id());
        let path = folder.join(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let writer = BufWriter::new(file.map_err(|error| write_error(&path, error))?);
        let mut file = Self { path, writer };
        file.record(&event::version(now))?;
        file.flush()?;
        Ok(file)
    }

    fn scalars(&mut self, step: u64, scalars: &[(String, f32)]) -> Result<(), TrainerError> {
        self.record(&event::scalars(now(), step, scalars))
    }

    fn record(&mut self, event: &[u8]) -> Result<(), TrainerError> {
        self.writer.write_all(&event::record(event)).map_err(|error| write_error(&self.path, error))
    }

    fn flush(&mut self) -> Result<(), TrainerError> {
        self.writer.flush().map_err(|error| write_error(&self.path, error))
    }
}

/// Time since 1970.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
