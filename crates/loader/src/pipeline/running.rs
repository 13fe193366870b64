//! The threads of one stream, and how they end.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::in_flight::InFlight;
use super::watch::Watch;
use crate::error::{LoaderError, Stage};

/// How long a drop waits for threads that are at a file. A thread that the system or a user's function holds up for
/// longer ends by itself as soon as it is let go.
const PATIENCE: Duration = Duration::from_secs(2);

/// One stream at work.
#[derive(Debug)]
pub(super) struct Running {
    in_flight: Arc<InFlight>,
    watch: Watch,
    threads: Arc<Threads>,
}

/// The threads of one stream. Threads may start others.
#[derive(Debug, Default)]
pub(super) struct Threads {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Those that have not ended.
    running: usize,
    handles: Vec<JoinHandle<()>>,
    /// Whether no more may start.
    closed: bool,
}

impl Running {
    pub(super) fn new(in_flight: Arc<InFlight>, watch: Watch) -> Self {
        Self { in_flight, watch, threads: Arc::default() }
    }

    pub(super) fn threads(&self) -> &Arc<Threads> {
        &self.threads
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.in_flight.is_closed()
    }

    pub(super) fn cancel(&self) {
        self.in_flight.close();
        self.watch.stop();
    }
}

/// Where the stream failed to start, the threads that did start end here.
impl Drop for Running {
    fn drop(&mut self) {
        self.cancel();
        self.threads.join();
    }
}

impl Threads {
    /// Starts a thread.
    pub(super) fn spawn(
        self: &Arc<Self>,
        stage: Stage,
        name: &str,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<(), LoaderError> {
        let mut state = self.lock();
        if state.closed {
            return Err(LoaderError::Thread { stage, source: None });
        }
        // Before it starts: it may end at once.
        state.running += 1;
        drop(state);
        let alive = Alive(Arc::clone(self));
        let run = move || {
            let _alive = alive;
            run();
        };
        match thread::Builder::new().name(format!("xfer-{name}")).spawn(run) {
            Ok(thread) => {
                self.lock().handles.push(thread);
                Ok(())
            }
            Err(error) => Err(LoaderError::Thread { stage, source: Some(error) }),
        }
    }

    /// Waits for every thread to end, for as long as there is patience.
    fn join(&self) {
        let mut state = self.lock();
        state.closed = true;
        let (mut state, timeout) = self
            .ended
            .wait_timeout_while(state, PATIENCE, |state| state.running > 0)
            .unwrap_or_else(PoisonError::into_inner);
        let handles = std::mem::take(&mut state.handles);
        drop(state);
        for thread in handles {
            if thread.is_finished() || !timeout.timed_out() {
                // A thread that panicked has nothing left to clean up; its batches have ended in an error.
                let _ = thread.join();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn names(&self) -> Vec<String> {
        self.lock().handles.iter().filter_map(|thread| thread.thread().name().map(str::to_owned)).collect()
    }
}

/// Counts a thread as running as long as it lives.
struct Alive(Arc<Threads>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
        self.0.ended.notify_all();
    }
}
