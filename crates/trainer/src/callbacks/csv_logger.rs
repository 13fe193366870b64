//! `history.csv`, as Keras' `CSVLogger` writes it, and whole at any time.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use super::{Callback, EpochEnd, Wish};
use crate::atomic_file::{AtomicFile, Existing};
use crate::error::TrainerError;
use crate::fit::{FitOptions, Fitted};
use crate::history::History;
use crate::learner::Learner;
use crate::state::State;

/// Writes the history anew after an epoch, so that the file is whole at any moment: after every one, unless it would spend more
/// than a fiftieth of the time on that; and when the training ends, however it does.
#[derive(Debug)]
pub struct CsvLogger {
    path: PathBuf,
    history: History,
    /// Whether the file lacks something.
    is_behind: bool,
    /// Not to be written again before that.
    rests_until: Option<Instant>,
}

/// Writing a long history after each of many short epochs would be most of the work: after each time it rests for so many
/// times as long as it took.
const REST: u32 = 50;

impl CsvLogger {
    /// Writes to `path`, over what is there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), history: History::default(), is_behind: false, rests_until: None }
    }

    fn write(&mut self) -> Result<(), TrainerError> {
        let start = Instant::now();
        AtomicFile::write_all(&self.path, &self.history.to_csv(), Existing::Replace)?;
        let end = Instant::now();
        (self.is_behind, self.rests_until) = (false, end.checked_add((end - start) * REST));
        Ok(())
    }
}

impl Drop for CsvLogger {
    /// For trainings that end by an error, which is what there is to tell then.
    fn drop(&mut self) {
        if self.is_behind {
            let _ = self.write();
        }
    }
}

impl Callback for CsvLogger {
    fn on_train_begin(&mut self, options: &FitOptions, learner: &Learner) -> Result<(), TrainerError> {
        self.history = options.empty_history(&learner.metrics);
        Ok(())
    }

    fn on_epoch_end(&mut self, end: &EpochEnd<'_>, _learner: &mut Learner) -> Wish {
        self.history.push(end.epoch, end.logs);
        self.is_behind = true;
        if self.rests_until.is_none_or(|end| Instant::now() >= end) {
            self.write()?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn on_train_end(&mut self, _fitted: &Fitted, _learner: &mut Learner) -> Result<(), TrainerError> {
        if self.is_behind { self.write() } else { Ok(()) }
    }

    fn state(&self) -> State {
        self.history.state()
    }

    fn restore(&mut self, state: &State, _learner: &Learner) -> Result<(), TrainerError> {
        self.history = History::from_state(state)?;
        // The file may be older, or younger.
        self.is_behind = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::head::Head;
    use crate::history::{LOSS, Logs};
    use crate::optimizer::Sgd;

    #[test]
    fn the_file_is_whole_at_any_time_and_complete_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.csv");
        let mut learner = Learner::new(Head::glorot_uniform(1, 2, 1).unwrap(), Box::new(Sgd::new(0.1)));
        let mut csv = CsvLogger::new(&path);
        let mut expected = String::from("epoch,loss\r\n");
        csv.history = History::with_columns([LOSS]);
        let mut writes = 0;
        for epoch in 0..3_000 {
            let logs = Logs::from([(Cow::Borrowed(LOSS), epoch as f32)]);
            let end = EpochEnd { epoch, steps: 1, images: 1, logs: &logs, interrupted: false };
            let _ = csv.on_epoch_end(&end, &mut learner).unwrap();
            expected += &format!("{epoch},{epoch}.0\r\n");
            writes += usize::from(!csv.is_behind);
            if epoch % 100 == 0 {
                let found = std::fs::read_to_string(&path).unwrap();
                assert!(expected.starts_with(&found) && found.ends_with('\n'), "{epoch}");
            }
        }
        assert!((1..3_000).contains(&writes), "{writes}");
        drop(csv);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    }
}
