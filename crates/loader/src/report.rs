//! What a stream has seen: told at the end of a run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use xfer_telemetry::verdict::LoaderTime;

use crate::clocks::Clocks;
use crate::error::LoaderError;
use crate::failure::{ErrorBudget, Failure};

/// What a stream has seen so far. Files are counted once, whatever the number of epochs.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Samples delivered, of every epoch.
    pub samples: u64,
    /// Files that failed and were skipped or replaced, in index order.
    pub failures: Vec<Failure>,
    /// Files whose EXIF data says that they are stored rotated or mirrored, where that is ignored
    /// ([`ExifOrientation::Ignore`](crate::ExifOrientation::Ignore)); of the first epoch.
    pub rotated: u64,
    /// Files of more than 8 bits a channel with values that did not fit into 8 and were clipped; of the first epoch.
    pub clipped: u64,
    /// Where the time of its threads went.
    pub time: LoaderTime,
}

/// A stream's report, which stays readable after the stream is gone.
#[derive(Clone, Debug)]
pub struct ReportHandle {
    state: Arc<Mutex<State>>,
    clocks: Arc<Clocks>,
}

#[derive(Debug)]
struct State {
    samples: u64,
    rotated: u64,
    clipped: u64,
    failures: BTreeMap<usize, Failure>,
    budget: ErrorBudget,
    of: usize,
}

/// What a batch adds to a report.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) failures: Vec<Failure>,
    pub(crate) rotated: u64,
    pub(crate) clipped: u64,
}

impl Notes {
    pub(crate) fn is_empty(&self) -> bool {
        self.failures.is_empty() && self.rotated == 0 && self.clipped == 0
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.failures.extend(other.failures);
        self.rotated += other.rotated;
        self.clipped += other.clipped;
    }
}

impl ReportHandle {
    pub(crate) fn new(budget: ErrorBudget, samples: usize) -> Self {
        let state = State { samples: 0, rotated: 0, clipped: 0, failures: BTreeMap::new(), budget, of: samples };
        Self { state: Arc::new(Mutex::new(state)), clocks: Arc::default() }
    }

    pub(crate) fn clocks(&self) -> Arc<Clocks> {
        Arc::clone(&self.clocks)
    }

    /// The report as it is now.
    pub fn read(&self) -> Report {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Report {
            samples: state.samples,
            failures: state.failures.values().cloned().collect(),
            rotated: state.rotated,
            clipped: state.clipped,
            time: self.clocks.read(),
        }
    }

    /// Adds a delivered batch. Batches come in order, so the same failure exceeds the budget at any number of threads.
    pub(crate) fn add(&self, samples: usize, first_epoch: bool, notes: Notes) -> Result<(), LoaderError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.samples += samples as u64;
        if first_epoch {
            state.rotated += notes.rotated;
            state.clipped += notes.clipped;
        }
        let allowed = state.budget.files(state.of);
        for failure in notes.failures {
            if state.failures.contains_key(&failure.sample) {
                continue;
            }
            if state.failures.len() >= allowed {
                return Err(LoaderError::TooManyFailures {
                    path: failure.path.clone(),
                    failed: state.failures.len() + 1,
                    samples: state.of,
                    budget: state.budget,
                    source: failure.error,
                });
            }
            state.failures.insert(failure.sample, failure);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Stage;

    fn failure(sample: usize) -> Failure {
        let path = std::path::PathBuf::from(format!("{sample}.jpg"));
        let source = std::io::Error::other("broken");
        let error = Arc::new(LoaderError::Io { path: path.clone(), stage: Stage::Read, source });
        Failure { path, sample, epoch: 0, error, replacement: None }
    }

    #[test]
    fn a_file_counts_once_and_the_budget_ends_the_run() {
        let report = ReportHandle::new(ErrorBudget::Count(2), 10);
        let notes =
            |samples: &[usize]| Notes { failures: samples.iter().map(|&s| failure(s)).collect(), ..Notes::default() };
        report.add(3, true, notes(&[4])).unwrap();
        report.add(3, false, notes(&[4, 1])).unwrap();
        let error = report.add(3, false, notes(&[4, 7])).unwrap_err();
        assert_eq!(error.to_string(), "7.jpg: cannot be used; that makes 3 of 10 files, more than the budget of 2");
        let read = report.read();
        assert_eq!(read.failures.iter().map(|failure| failure.sample).collect::<Vec<_>>(), [1, 4]);
        assert_eq!(read.samples, 9);
        assert_eq!(read.failures[0].to_string(), "1.jpg: read: broken");
    }

    #[test]
    fn remarks_on_files_count_in_the_first_epoch_only() {
        let report = ReportHandle::new(ErrorBudget::default(), 10);
        for first in [true, false] {
            report.add(1, first, Notes { rotated: 2, clipped: 1, ..Notes::default() }).unwrap();
        }
        assert_eq!((report.read().rotated, report.read().clipped), (2, 1));
    }
}
