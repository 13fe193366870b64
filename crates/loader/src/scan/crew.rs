//! Threads that look at files. One that hangs at a file is left behind, and another takes its place.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::ScanOptions;
use super::inspect::{Inspected, inspect, stalled};
use crate::decode::Decoder;
use crate::error::{LoaderError, Stage};

/// Yields every file once, as it is done.
#[derive(Debug)]
pub(super) struct Crew {
    shared: Arc<Shared>,
    sender: Sender<(usize, Inspected)>,
    results: Receiver<(usize, Inspected)>,
    timeout: Duration,
    left: usize,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What has not been begun, last first.
    files: Vec<PathBuf>,
    /// What each worker is at, since when; `None` between two files.
    at: Vec<Option<(PathBuf, Instant)>>,
    /// Workers that were left behind: what they may still say has been said.
    left_behind: Vec<bool>,
}

impl Crew {
    pub(super) fn new(root: &Path, mut files: Vec<PathBuf>, options: &ScanOptions) -> Result<Self, LoaderError> {
        let left = files.len();
        files.reverse();
        let state = State { files, at: Vec::new(), left_behind: Vec::new() };
        let shared = Arc::new(Shared { root: root.to_owned(), state: Mutex::new(state) });
        let (sender, results) = mpsc::channel();
        let mut crew = Self { shared, sender, results, timeout: options.stall_timeout, left };
        let threads = match options.threads {
            0 => thread::available_parallelism().map_or(1, NonZero::get),
            threads => threads,
        };
        for _ in 0..threads.min(left) {
            crew.hire()?;
        }
        Ok(crew)
    }

    /// Starts a thread that takes files until there are none.
    fn hire(&mut self) -> Result<(), LoaderError> {
        let worker = {
            let mut state = self.shared.lock();
            state.at.push(None);
            state.left_behind.push(false);
            state.at.len() - 1
        };
        let (shared, sender) = (Arc::clone(&self.shared), self.sender.clone());
        let work = move || {
            let mut decoder = Decoder::new();
            while let Some(path) = shared.next(worker) {
                let inspected = inspect(&shared.root, path, &mut decoder);
                if !shared.done(worker) || sender.send((worker, inspected)).is_err() {
                    return;
                }
            }
        };
        let started = thread::Builder::new().name(format!("xfer-scan-{worker}")).spawn(work);
        started.map(drop).map_err(|source| LoaderError::Thread { stage: Stage::Decode, source: Some(source) })
    }

    /// A file that has been worked on for too long, and the worker that is left behind with it.
    fn find_stalled(&mut self) -> Option<Inspected> {
        let mut state = self.shared.lock();
        let stuck = (0..state.at.len()).find(|&worker| {
            let late = |(_, since): &(PathBuf, Instant)| since.elapsed() >= self.timeout;
            !state.left_behind[worker] && state.at[worker].as_ref().is_some_and(late)
        })?;
        state.left_behind[stuck] = true;
        state.at[stuck].take().map(|(path, since)| stalled(path, since.elapsed()))
    }
}

impl Iterator for Crew {
    type Item = Result<Inspected, LoaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let often = (self.timeout / 4).clamp(Duration::from_millis(5), Duration::from_secs(1));
        loop {
            match self.results.recv_timeout(often) {
                Ok((_, inspected)) => return Some(Ok(inspected)),
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(inspected) = self.find_stalled() {
                        return Some(self.hire().map(|()| inspected));
                    }
                }
                // The crew holds a sender itself.
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }
}

/// Nothing more is begun once nobody waits for it.
impl Drop for Crew {
    fn drop(&mut self) {
        self.shared.lock().files.clear();
    }
}

impl Shared {
    fn next(&self, worker: usize) -> Option<PathBuf> {
        let mut state = self.lock();
        let path = state.files.pop()?;
        state.at[worker] = Some((path.clone(), Instant::now()));
        Some(path)
    }

    /// Whether the file is still this worker's to report.
    fn done(&self, worker: usize) -> bool {
        let mut state = self.lock();
        state.at[worker] = None;
        !state.left_behind[worker]
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
