//! The side of the compute threads: files to decode, and slots that are filled.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;

use super::{Content, InFlight, Key, State};
use crate::error::{LoaderError, Stage};
use crate::metrics::Queue;
use crate::pipeline::draws::Draw;
use crate::report::Notes;

/// A file that has been read, or could not be, and its slot in a batch. Dropping it unfinished fails the batch.
#[derive(Debug)]
pub(in crate::pipeline) struct Job {
    /// The sample's part of the batch, of the batch's pixel type, aligned for it.
    pub(in crate::pipeline) bytes: BytesMut,
    /// The file; taken out if it could not be read.
    pub(in crate::pipeline) content: Result<Content, Option<LoaderError>>,
    /// Which sample of the index belongs here.
    pub(in crate::pipeline) sample: usize,
    pub(in crate::pipeline) epoch: u64,
    pub(in crate::pipeline) draw: Draw,
    /// What is being done with it.
    pub(in crate::pipeline) stage: Stage,
    pub(in crate::pipeline) key: Key,
    in_flight: Arc<InFlight>,
    finished: bool,
}

impl InFlight {
    /// Waits for a file to decode: the earliest whose batch has a buffer. `None` when the stream ends.
    pub(in crate::pipeline) fn next_job(self: &Arc<Self>) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if self.is_closed() {
                return None;
            }
            let Some(key) = state.take_ready() else {
                state.sleeping.workers += 1;
                let why = state.why_no_job();
                state = self.sleep(&self.workers, state, why);
                state.sleeping.workers -= 1;
                continue;
            };
            let Some(job) = state.job(key, self) else { continue };
            state.working += 1;
            state.pace.take(Instant::now());
            self.meters.queue_depth(Queue::Compute, state.ready.len());
            self.wake_reader(&state);
            return Some(job);
        }
    }

    /// Wakes a compute thread for each file that is ready.
    pub(super) fn wake_workers(&self, state: &State) {
        if state.sleeping.workers > 0 && state.ready.peek().is_some_and(|key| key.0.0 < state.begun) {
            for _ in 0..state.ready.len().min(state.sleeping.workers) {
                self.workers.notify_one();
            }
        }
    }
}

impl State {
    fn take_ready(&mut self) -> Option<Key> {
        let &Reverse(key) = self.ready.peek()?;
        if key.0 >= self.begun {
            return None;
        }
        self.ready.pop();
        Some(key)
    }

    fn job(&mut self, key: Key, in_flight: &Arc<InFlight>) -> Option<Job> {
        let making = self.making(key.0)?;
        let place = making.places.get_mut(key.1)?;
        Some(Job {
            bytes: std::mem::take(&mut place.bytes),
            content: place.content.take()?.map_err(Some),
            sample: *making.plan.sample_indices.get(key.1)?,
            epoch: making.plan.epoch,
            draw: *making.plan.draws.get(key.1)?,
            stage: Stage::Decode,
            key,
            in_flight: Arc::clone(in_flight),
            finished: false,
        })
    }
}

impl Job {
    /// Says that the slot holds `sample`, or none where it is to be left out, or why the batch fails. The last slot of
    /// a batch sends it off.
    pub(in crate::pipeline) fn finish(mut self, result: Result<Option<usize>, LoaderError>, notes: Notes) {
        self.finished = true;
        let (number, place) = self.key;
        let bytes = std::mem::take(&mut self.bytes);
        let content = std::mem::replace(&mut self.content, Err(None)).ok();
        let in_flight = &*self.in_flight;
        let mut state = in_flight.lock();
        state.working -= 1;
        let freed = content.and_then(|content| in_flight.give_back(&mut state, content));
        in_flight.wake_for_room(&state);
        let Some(making) = state.making(number) else { return };
        making.finish(place, bytes, result, notes);
        if making.left > 0 {
            return;
        }
        // Not under the lock: closing gaps takes time.
        let mut done = std::mem::take(making);
        drop(state);
        drop(freed);
        let start = Instant::now();
        let outcome = done.collate(&in_flight.kind);
        in_flight.meters.stage(Stage::Collate, start.elapsed());
        let mut state = in_flight.lock();
        if let Some(making) = state.making(number) {
            // It may have been ended from outside, before or meanwhile.
            let ended = making.outcome.take().or(done.outcome.take());
            let (told, untold) = if ended.is_some() { (ended, Some(outcome)) } else { (Some(outcome), None) };
            done.outcome = told;
            *making = done;
            in_flight.tell_consumer(state, number);
            // A batch takes the lock when it is dropped.
            drop(untold);
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.finished {
            self.in_flight.lock().working -= 1;
            self.in_flight.lose(self.key, self.sample, self.stage);
        }
    }
}
