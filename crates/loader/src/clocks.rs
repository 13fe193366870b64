//! Where the time of a stream's threads went, for the verdict at the end of a run; there without a recorder of metrics too.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use xfer_telemetry::verdict::LoaderTime;

use crate::error::Stage;
use crate::metrics::{Queue, Side};

/// The stages that are timed, in the order of [`xfer_telemetry::stage::LOADER`].
pub(crate) const STAGES: [Stage; 7] =
    [Stage::Read, Stage::Decode, Stage::Resize, Stage::Augment, Stage::Standardize, Stage::Save, Stage::Collate];

/// Why a thread was blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The schedule: enough is planned.
    Planned,
    /// A reader: nothing is planned.
    NoPlan,
    /// A reader: enough files are ready, or the budget has no room.
    Ahead,
    /// A compute thread: a file is being read.
    Starved,
    /// A compute thread: a file waits for room in the budget.
    NoRoom,
    /// A compute thread: nothing is planned that could be read.
    Unplanned,
    /// A compute thread: enough batches are begun.
    Begun,
    /// The consumer: its batch is not done.
    NoBatch,
    /// There is nothing left to do.
    Idle,
}

/// Nanoseconds of threads, from every stream of a report.
#[derive(Debug, Default)]
pub(crate) struct Clocks {
    stages: [AtomicU64; STAGES.len()],
    starved: AtomicU64,
    no_room: AtomicU64,
    no_plan: AtomicU64,
}

impl Wait {
    /// The queue, and its side.
    pub(crate) const fn at(self) -> Option<(Queue, Side)> {
        match self {
            Self::Planned => Some((Queue::Plans, Side::Put)),
            Self::NoPlan => Some((Queue::Plans, Side::Take)),
            Self::Ahead => Some((Queue::Compute, Side::Put)),
            Self::Starved | Self::NoRoom | Self::Unplanned => Some((Queue::Compute, Side::Take)),
            Self::Begun => Some((Queue::Batches, Side::Put)),
            Self::NoBatch => Some((Queue::Batches, Side::Take)),
            Self::Idle => None,
        }
    }
}

impl Clocks {
    /// `place` is the stage's in [`STAGES`].
    pub(crate) fn stage(&self, place: usize, took: Duration) {
        add(&self.stages[place], took);
    }

    pub(crate) fn waited(&self, wait: Wait, took: Duration) {
        match wait {
            Wait::Starved => add(&self.starved, took),
            Wait::NoRoom => add(&self.no_room, took),
            Wait::Unplanned => add(&self.no_plan, took),
            Wait::Planned | Wait::NoPlan | Wait::Ahead | Wait::Begun | Wait::NoBatch | Wait::Idle => {}
        }
    }

    pub(crate) fn read(&self) -> LoaderTime {
        let time = |nanoseconds: &AtomicU64| Duration::from_nanos(nanoseconds.load(Ordering::Relaxed));
        LoaderTime {
            stages: std::array::from_fn(|place| time(&self.stages[place])),
            starved: time(&self.starved),
            no_room: time(&self.no_room),
            no_plan: time(&self.no_plan),
        }
    }
}

fn add(total: &AtomicU64, took: Duration) {
    // 584 years of nanoseconds fit.
    total.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_have_the_names_of_the_metrics() {
        assert_eq!(STAGES.map(Stage::as_str), xfer_telemetry::stage::LOADER);
    }

    #[test]
    fn times_are_kept_by_stage_and_by_what_was_waited_for() {
        let clocks = Clocks::default();
        clocks.stage(1, Duration::from_millis(2));
        clocks.stage(1, Duration::from_millis(3));
        for wait in [Wait::Starved, Wait::NoRoom, Wait::Unplanned, Wait::Idle, Wait::NoBatch] {
            clocks.waited(wait, Duration::from_millis(1));
        }
        let read = clocks.read();
        assert_eq!(read.stages[1], Duration::from_millis(5));
        assert_eq!([read.starved, read.no_room, read.no_plan], [Duration::from_millis(1); 3]);
    }
}
