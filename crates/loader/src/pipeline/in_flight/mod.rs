//! Everything that a stream has in flight, from the plan of a batch to its delivery: what its threads share, behind one
//! lock.
//!
//! Batches are numbered in the order of their delivery; a file is (number, place). Files are read and decoded in that
//! order as far as possible, and batches get their buffers in it. A thread is woken only if it sleeps and has something
//! to do: reads go on until enough files are ready and begin again when a quarter of them has been taken.
//!
//! Nothing waits for ever: the batch that the consumer waits for gets a buffer whatever the budget, and so does the
//! earliest file when nothing else can go on.

mod batches;
mod buffers;
mod jobs;
mod making;
mod reads;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::Instant;

use super::LoaderOptions;
use super::budget::Budget;
use super::pace::Pace;
use crate::batch::{BatchParts, Home};
use crate::clocks::{Clocks, Wait};
use crate::error::{LoaderError, Stage};
use crate::flow::Flow;
use crate::metrics::{Meters, Queue};
use buffers::Buffers;
use making::{Kind, Making};

pub(super) use buffers::Content;
pub(super) use jobs::Job;
pub(super) use making::{Finished, Plan};
pub(super) use reads::ToRead;

/// What the consumer gets.
pub(super) type Outcome = Result<Finished, LoaderError>;

/// A file's place: the number of its batch, and the place in that.
pub(super) type Key = (u64, usize);

/// What the threads of one stream share.
#[derive(Debug)]
pub(super) struct InFlight {
    /// Set once, when the stream ends.
    closed: AtomicBool,
    state: Mutex<State>,
    /// Readers wait for something to read; for room; compute threads for a file; the schedule for the next plan to be
    /// due; the consumer for a batch.
    readers: Condvar,
    room: Condvar,
    workers: Condvar,
    schedule: Condvar,
    consumer: Condvar,
    kind: Kind,
    max_bytes: u64,
    pub(super) meters: Arc<Meters>,
}

#[derive(Debug)]
struct State {
    /// Batches that are planned and not delivered, oldest first.
    making: VecDeque<Making>,
    /// The number of the first of them: so many have been delivered.
    first: u64,
    /// Batches before this number have a buffer.
    begun: u64,
    /// Batches begun or finished ahead of the consumer, at most.
    prefetch: u64,
    batch_size: usize,
    /// Whether everything is planned.
    ended: bool,
    next_read: Key,
    /// Samples that are planned and that no reader has taken.
    unread: usize,
    /// Files being read.
    reading: Vec<Key>,
    /// Files read, waiting for a compute thread.
    ready: BinaryHeap<Reverse<Key>>,
    /// Files being decoded.
    working: usize,
    spare_making: Vec<Making>,
    spare_plans: Vec<Plan>,
    spare_parts: Vec<BatchParts>,
    buffers: Buffers,
    budget: Budget,
    pace: Pace,
    /// Threads that read.
    readers: usize,
    sleeping: Sleeping,
    consumer: Consumer,
}

/// Who sleeps: nobody else needs to be woken, and waking is a system call.
#[derive(Debug, Default)]
struct Sleeping {
    readers: usize,
    room: usize,
    workers: usize,
    schedule: bool,
}

#[derive(Debug, Default)]
struct Consumer {
    waits: bool,
    blocks: bool,
    /// Since when it has been waiting.
    since: Option<Instant>,
    waker: Option<Waker>,
}

impl InFlight {
    /// For so many threads that compute.
    pub(super) fn new(flow: &Flow, options: &LoaderOptions, threads: usize, clocks: Arc<Clocks>) -> Arc<Self> {
        let batch_size = flow.options().batch_size.min(flow.samples());
        let shape = flow.options().sample_shape();
        let prefetch = options.prefetch_batches;
        let pace = Pace::new(threads, options.concurrent_reads());
        let state = State {
            making: VecDeque::new(),
            first: 0,
            begun: 0,
            prefetch: prefetch as u64,
            batch_size,
            ended: false,
            next_read: (0, 0),
            unread: 0,
            reading: Vec::with_capacity(pace.most_reads()),
            ready: BinaryHeap::with_capacity(threads + 4 * pace.most_reads()),
            working: 0,
            spare_making: Vec::new(),
            spare_plans: Vec::new(),
            spare_parts: Vec::new(),
            buffers: Buffers::default(),
            budget: Budget::new(options.max_bytes_in_flight, batch_size * shape.bytes(), prefetch),
            pace,
            readers: 1,
            sleeping: Sleeping::default(),
            consumer: Consumer::default(),
        };
        let meters = Arc::new(Meters::new(options.name, options.max_bytes_in_flight, clocks));
        meters.queue_capacity(Queue::Batches, prefetch);
        Arc::new_cyclic(|home: &Weak<Self>| Self {
            closed: AtomicBool::new(false),
            state: Mutex::new(state),
            readers: Condvar::new(),
            room: Condvar::new(),
            workers: Condvar::new(),
            schedule: Condvar::new(),
            consumer: Condvar::new(),
            kind: Kind { shape, source: Arc::clone(flow.source()), home: Weak::clone(home) as Weak<dyn Home> },
            max_bytes: options.max_bytes_in_flight,
            meters,
        })
    }

    /// The largest file that is read, in bytes.
    pub(super) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Ends every thread's work, and lets go of what memory there is.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let mut state = self.lock();
        let memory = (
            std::mem::take(&mut state.making),
            std::mem::take(&mut state.spare_making),
            std::mem::take(&mut state.spare_parts),
            std::mem::take(&mut state.buffers),
        );
        drop(state);
        for threads in [&self.readers, &self.room, &self.workers, &self.schedule, &self.consumer] {
            threads.notify_all();
        }
        drop(memory);
    }

    /// Ends the batch of `key` with `error` now, whether or not its other files are done.
    pub(super) fn fail(&self, key: Key, error: LoaderError) {
        let mut state = self.lock();
        if let Some(making) = state.making(key.0) {
            making.end(key.1, error);
            self.tell_consumer(state, key.0);
        }
    }

    /// Ends the batch of `key`, whose thread is gone.
    pub(super) fn lose(&self, key: Key, sample: usize, stage: Stage) {
        self.fail(key, LoaderError::Lost { path: self.kind.source.path(sample), stage });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until `threads` are woken, for the reason given.
    fn sleep<'a>(&self, threads: &Condvar, state: MutexGuard<'a, State>, wait: Wait) -> MutexGuard<'a, State> {
        let start = Instant::now();
        let state = threads.wait(state).unwrap_or_else(PoisonError::into_inner);
        self.meters.waited(wait, start.elapsed());
        state
    }

    /// Wakes the consumer if it waits for batch `number`.
    fn tell_consumer(&self, mut state: MutexGuard<'_, State>, number: u64) {
        if number != state.first || !state.consumer.waits {
            return;
        }
        let (blocks, waker) = (state.consumer.blocks, state.consumer.waker.take());
        drop(state);
        if blocks {
            self.consumer.notify_one();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl State {
    /// The batch of this number, if it is in the making.
    fn making(&mut self, number: u64) -> Option<&mut Making> {
        self.making.get_mut(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// Why a compute thread finds nothing to do.
    fn why_no_job(&self) -> Wait {
        // The consumer waits for a file that is being read: that there are others for later batches is no help.
        let is_late = self.consumer.waits && self.reading.iter().any(|key| key.0 < self.begun);
        if !self.ready.is_empty() && !is_late {
            Wait::Begun
        } else if self.sleeping.room > 0 {
            Wait::NoRoom
        } else if !self.reading.is_empty() || self.unread > 0 {
            Wait::Starved
        } else if !self.ended {
            Wait::Unplanned
        } else {
            Wait::Idle
        }
    }

    /// Files being read or ready.
    fn ahead(&self) -> usize {
        self.reading.len() + self.ready.len()
    }
}
