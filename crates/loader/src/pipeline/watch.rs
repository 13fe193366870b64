//! Who is at which file since when: a stage that hangs ends its batch with the file's name instead of for ever keeping
//! the consumer waiting.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::in_flight::{InFlight, Key};
use crate::error::{LoaderError, Stage};
use crate::source::Index;

/// Watches the threads of one stream. Without a time-out it keeps no books.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    shared: Option<Arc<Shared>>,
}

#[derive(Debug)]
struct Shared {
    timeout: Duration,
    source: Arc<Index>,
    in_flight: Arc<InFlight>,
    state: Mutex<State>,
    over: Condvar,
}

#[derive(Debug, Default)]
struct State {
    seats: Vec<Arc<Mutex<Option<Activity>>>>,
    over: bool,
}

#[derive(Clone, Copy, Debug)]
struct Activity {
    key: Key,
    sample: usize,
    stage: Stage,
    since: Instant,
}

/// Where one thread says what it is at. Nobody else writes there, so that threads do not wait for each other.
#[derive(Debug)]
pub(super) struct Seat(Option<Arc<Mutex<Option<Activity>>>>);

impl Watch {
    pub(super) fn new(timeout: Option<Duration>, source: &Arc<Index>, in_flight: &Arc<InFlight>) -> Self {
        let shared = timeout.map(|timeout| {
            let (source, in_flight) = (Arc::clone(source), Arc::clone(in_flight));
            Arc::new(Shared { timeout, source, in_flight, state: Mutex::default(), over: Condvar::new() })
        });
        Self { shared }
    }

    /// Whether there is anything to [`run`](Self::run) for.
    pub(super) fn is_on(&self) -> bool {
        self.shared.is_some()
    }

    /// A seat for another thread.
    pub(super) fn seat(&self) -> Seat {
        Seat(self.shared.as_ref().map(|shared| {
            let seat = Arc::default();
            lock(&shared.state).seats.push(Arc::clone(&seat));
            seat
        }))
    }

    /// Looks for stages that take too long, until [`stop`](Self::stop).
    pub(super) fn run(&self) {
        let Some(shared) = &self.shared else { return };
        let mut state = lock(&shared.state);
        while !state.over {
            let now = Instant::now();
            let mut next = shared.timeout;
            for seat in &state.seats {
                let Some(activity) = *lock(seat) else { continue };
                let waited = now.saturating_duration_since(activity.since);
                match shared.timeout.checked_sub(waited) {
                    Some(left) if !left.is_zero() => next = next.min(left),
                    // A batch that has ended stays as it is: the thread may have gone on just now.
                    _ => shared.in_flight.fail(
                        activity.key,
                        LoaderError::Stalled {
                            path: shared.source.path(activity.sample),
                            stage: activity.stage,
                            waited,
                        },
                    ),
                }
            }
            let waited = shared.over.wait_timeout(state, next.max(Duration::from_millis(1)));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn stop(&self) {
        if let Some(shared) = &self.shared {
            lock(&shared.state).over = true;
            shared.over.notify_all();
        }
    }
}

impl Seat {
    /// Says that `stage` begins with a file.
    pub(super) fn enter(&self, key: Key, sample: usize, stage: Stage) {
        if let Some(seat) = &self.0 {
            *lock(seat) = Some(Activity { key, sample, stage, since: Instant::now() });
        }
    }

    /// Says that the thread is at no file.
    pub(super) fn leave(&self) {
        if let Some(seat) = &self.0 {
            *lock(seat) = None;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
