//! `history.csv`, as Keras' `CSVLogger` writes it, and complete after every epoch.

use std::ops::ControlFlow;
use std::path::PathBuf;

use super::{Callback, EpochEnd, Wish};
use crate::atomic_file::{AtomicFile, Existing};
use crate::error::TrainerError;
use crate::fit::FitOptions;
use crate::history::History;
use crate::learner::Learner;
use crate::state::State;

/// Writes the history anew after every epoch, so that the file is whole at any moment.
#[derive(Debug)]
pub struct CsvLogger {
    path: PathBuf,
    history: History,
}

impl CsvLogger {
    /// Writes to `path`, over what is there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), history: History::default() }
    }
}

impl Callback for CsvLogger {
    fn on_train_begin(&mut self, options: &FitOptions, learner: &Learner) -> Result<(), TrainerError> {
        self.history = options.empty_history(&learner.metrics);
        Ok(())
    }

    fn on_epoch_end(&mut self, end: &EpochEnd<'_>, _learner: &mut Learner) -> Wish {
        self.history.push(end.epoch, end.logs);
        AtomicFile::write_all(&self.path, &self.history.to_csv(), Existing::Replace)?;
        Ok(ControlFlow::Continue(()))
    }

    fn state(&self) -> State {
        self.history.state()
    }

    fn restore(&mut self, state: &State, _learner: &Learner) -> Result<(), TrainerError> {
        self.history = History::from_state(state)?;
        Ok(())
    }
}
