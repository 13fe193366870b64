//! Who is at which file since when: a stage that hangs ends its batch with the file's name instead of for ever keeping
//! the consumer waiting.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::assembly::{FailureHandle, Slot};
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
    state: Mutex<State>,
    over: Condvar,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    activities: HashMap<u64, Activity>,
    over: bool,
}

#[derive(Debug)]
struct Activity {
    sample: usize,
    stage: Stage,
    since: Instant,
    batch: FailureHandle,
}

/// One file being worked on, until it is dropped.
#[derive(Debug)]
pub(super) struct Watched {
    shared: Option<Arc<Shared>>,
    id: u64,
}

impl Watch {
    pub(super) fn new(timeout: Option<Duration>, source: &Arc<Index>) -> Self {
        let shared = timeout.map(|timeout| {
            Arc::new(Shared { timeout, source: Arc::clone(source), state: Mutex::default(), over: Condvar::new() })
        });
        Self { shared }
    }

    /// Whether there is anything to [`run`](Self::run) for.
    pub(super) fn is_on(&self) -> bool {
        self.shared.is_some()
    }

    /// Says that `stage` begins with the file of `slot`.
    pub(super) fn begin(&self, slot: &Slot, stage: Stage) -> Watched {
        let Some(shared) = &self.shared else { return Watched { shared: None, id: 0 } };
        let activity = Activity { sample: slot.sample, stage, since: Instant::now(), batch: slot.failure_handle() };
        let mut state = shared.lock();
        let id = state.next;
        state.next += 1;
        state.activities.insert(id, activity);
        Watched { shared: Some(Arc::clone(shared)), id }
    }

    /// Looks for stages that take too long, until [`stop`](Self::stop).
    pub(super) fn run(&self) {
        let Some(shared) = &self.shared else { return };
        let mut state = shared.lock();
        while !state.over {
            let now = Instant::now();
            let mut next = shared.timeout;
            state.activities.retain(|_, activity| {
                let waited = now.duration_since(activity.since);
                if waited < shared.timeout {
                    next = next.min(shared.timeout - waited);
                    return true;
                }
                activity.batch.fail(LoaderError::Stalled {
                    path: shared.source.path(activity.sample),
                    stage: activity.stage,
                    waited,
                });
                false
            });
            let waited = shared.over.wait_timeout(state, next.max(Duration::from_millis(1)));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn stop(&self) {
        if let Some(shared) = &self.shared {
            shared.lock().over = true;
            shared.over.notify_all();
        }
    }
}

impl Watched {
    /// The same file goes on to `stage`.
    pub(super) fn enter(&self, stage: Stage) {
        if let Some(shared) = &self.shared
            && let Some(activity) = shared.lock().activities.get_mut(&self.id)
        {
            activity.stage = stage;
            activity.since = Instant::now();
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.lock().activities.remove(&self.id);
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
