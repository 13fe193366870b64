//! The threads of one stream, and how they end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::limits::Limits;
use super::watch::Watch;
use super::worker::Job;
use crate::error::{LoaderError, Stage};

/// How long a drop waits for threads that are at a file. A thread that the system or a user's function holds up for
/// longer ends by itself as soon as it is let go.
const PATIENCE: Duration = Duration::from_secs(2);

/// The threads of one stream.
#[derive(Debug)]
pub(super) struct Running {
    cancelled: Arc<AtomicBool>,
    jobs: async_channel::WeakReceiver<Job>,
    limits: Limits,
    watch: Watch,
    threads: Vec<JoinHandle<()>>,
    /// Every thread holds a clone of the sender; nothing is ever sent.
    alive: mpsc::Sender<()>,
    ended: mpsc::Receiver<()>,
}

impl Running {
    pub(super) fn new(jobs: async_channel::WeakReceiver<Job>, limits: Limits, watch: Watch) -> Self {
        let (alive, ended) = mpsc::channel();
        Self { cancelled: Arc::default(), jobs, limits, watch, threads: Vec::new(), alive, ended }
    }

    /// The flag that [`cancel`](Self::cancel) sets.
    pub(super) fn cancelled(&self) -> &Arc<AtomicBool> {
        &self.cancelled
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    pub(super) fn spawn(
        &mut self,
        stage: Stage,
        name: String,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<(), LoaderError> {
        let alive = self.alive.clone();
        let run = move || {
            let _alive = alive;
            run();
        };
        match thread::Builder::new().name(format!("xfer-{name}")).spawn(run) {
            Ok(thread) => {
                self.threads.push(thread);
                Ok(())
            }
            Err(error) => Err(LoaderError::Thread { stage, source: Some(error) }),
        }
    }

    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        self.limits.close();
        self.watch.stop();
        if let Some(jobs) = self.jobs.upgrade() {
            jobs.close();
        }
    }

    fn stop(&mut self) {
        self.cancel();
        // Once the last thread has let go of its sender, receiving fails at once.
        self.alive = mpsc::channel().0;
        let deadline = Instant::now() + PATIENCE;
        while self.ended.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok() {}
        for thread in self.threads.drain(..) {
            if thread.is_finished() || Instant::now() < deadline {
                // A thread that panicked has nothing left to clean up; its batches have ended in an error.
                let _ = thread.join();
            }
        }
    }

    #[cfg(test)]
    pub(super) fn threads(&self) -> &[JoinHandle<()>] {
        &self.threads
    }
}

/// Where the stream failed to start, the threads that did start end here.
impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}
