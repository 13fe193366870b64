//! The side of the readers: which file is next, and room for its bytes.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use super::buffers::Buffers;
use super::{Content, InFlight, Key, State};
use crate::clocks::Wait;
use crate::error::{LoaderError, Stage};
use crate::metrics::Queue;

/// A file to read. Dropping it unread fails its batch.
#[derive(Debug)]
pub(in crate::pipeline) struct ToRead {
    pub(in crate::pipeline) key: Key,
    /// Which sample of the index it is.
    pub(in crate::pipeline) sample: usize,
    /// Whether another thread that reads is to be started.
    pub(in crate::pipeline) more_readers: bool,
    in_flight: Arc<InFlight>,
    done: bool,
}

impl InFlight {
    /// Waits for a file to read: the earliest that nobody has taken. `None` when the stream ends.
    pub(in crate::pipeline) fn next_read(self: &Arc<Self>) -> Option<ToRead> {
        let mut state = self.lock();
        loop {
            if self.is_closed() {
                return None;
            }
            if state.may_read()
                && let Some((key, sample)) = state.take_unread()
            {
                self.meters.queue_depth(Queue::Plans, state.unread);
                self.wake_schedule(&state);
                let more = state.may_read();
                let more_readers = more && state.sleeping.readers == 0 && state.readers < state.pace.reads();
                if more_readers {
                    state.readers += 1;
                } else if more && state.sleeping.readers > 0 {
                    self.readers.notify_one();
                }
                return Some(ToRead { key, sample, more_readers, in_flight: Arc::clone(self), done: false });
            }
            state.sleeping.readers += 1;
            let why = match state.unread {
                0 if state.ended => Wait::Idle,
                0 => Wait::NoPlan,
                _ => Wait::Ahead,
            };
            state = self.sleep(&self.readers, state, why);
            state.sleeping.readers -= 1;
        }
    }

    /// A thread that reads was not to be had.
    pub(in crate::pipeline) fn no_more_readers(&self) {
        self.lock().readers -= 1;
    }

    /// A buffer of at least `bytes`, as soon as there is room. `None` when the stream ends.
    pub(in crate::pipeline) fn buffer(&self, key: Key, bytes: usize) -> Option<Vec<u8>> {
        let size = Buffers::size_for(bytes);
        let mut state = self.lock();
        loop {
            if self.is_closed() {
                return None;
            }
            if let Some(buffer) = state.buffers.take(bytes) {
                return Some(buffer);
            }
            while !state.budget.has_room_for_file(size as u64)
                && let Some(evicted) = state.buffers.evict()
            {
                state.budget.remove_file(evicted.len());
            }
            if state.budget.has_room_for_file(size as u64) || state.is_alone(key) {
                state.budget.add_file(size);
                self.meters.bytes_in_flight(state.budget.used());
                drop(state);
                return Some(vec![0; size]);
            }
            state.sleeping.room += 1;
            state = self.sleep(&self.room, state, Wait::Ahead);
            state.sleeping.room -= 1;
        }
    }

    /// Takes back a buffer that is not needed any more, or gives it to the caller to free.
    pub(super) fn give_back(&self, state: &mut State, content: Content) -> Option<Vec<u8>> {
        let used = content.bytes().len();
        let buffer = content.into_buffer();
        if buffer.is_empty() {
            return None;
        }
        let most = state.pace.most_files();
        let freed = state.buffers.put(buffer, used, most);
        if let Some(freed) = &freed {
            state.budget.remove_file(freed.len());
            self.meters.bytes_in_flight(state.budget.used());
        }
        freed
    }

    /// Wakes readers that wait for room, and one that waits for something to read.
    pub(super) fn wake_for_room(&self, state: &State) {
        if state.sleeping.room > 0 {
            self.room.notify_all();
        }
        self.wake_reader(state);
    }

    /// Wakes a reader when it pays: when a quarter of what may be ahead has been taken.
    pub(super) fn wake_reader(&self, state: &State) {
        if state.sleeping.readers > 0 && 4 * state.ahead() <= 3 * state.pace.ahead() && state.may_read() {
            self.readers.notify_one();
        }
    }
}

impl State {
    fn may_read(&self) -> bool {
        self.unread > 0
            && self.reading.len() < self.pace.reads()
            && self.ahead() < self.pace.ahead()
            && (self.ahead() == 0 || self.sleeping.room == 0)
    }

    fn take_unread(&mut self) -> Option<(Key, usize)> {
        loop {
            // The last batch that was read from may have been delivered.
            let key = self.next_read.max((self.first, 0));
            let making = self.making(key.0)?;
            let Some(&sample) = making.plan.sample_indices.get(key.1) else {
                self.next_read = (key.0 + 1, 0);
                continue;
            };
            self.next_read = (key.0, key.1 + 1);
            self.unread -= 1;
            self.reading.push(key);
            return Some((key, sample));
        }
    }

    /// Whether nothing goes on but the reads of `key` and of later files: waiting for room would be for ever.
    fn is_alone(&self, key: Key) -> bool {
        self.working == 0
            && self.reading.iter().all(|&other| other >= key)
            && self.ready.peek().is_none_or(|&Reverse(other)| other >= key)
    }
}

impl ToRead {
    /// The file as it was read, or why it could not be.
    pub(in crate::pipeline) fn finish(mut self, content: Result<Content, LoaderError>, took: Duration) {
        self.done = true;
        let in_flight = &*self.in_flight;
        let mut state = in_flight.lock();
        if content.is_ok() {
            state.pace.read(took);
        }
        state.end_read(self.key);
        let Some(place) = state.making(self.key.0).and_then(|making| making.places.get_mut(self.key.1)) else { return };
        place.content = Some(content);
        state.ready.push(Reverse(self.key));
        in_flight.meters.queue_depth(Queue::Compute, state.ready.len());
        in_flight.meters.queue_capacity(Queue::Plans, state.most_unread());
        in_flight.meters.queue_capacity(Queue::Compute, state.pace.ahead());
        if state.sleeping.workers > 0 && self.key.0 < state.begun {
            in_flight.workers.notify_one();
        }
        if state.sleeping.room > 0 {
            in_flight.room.notify_all();
        }
    }

    /// Takes back the buffer of a file that could not be read.
    pub(in crate::pipeline) fn give_back(&self, buffer: Vec<u8>) {
        let mut state = self.in_flight.lock();
        let freed = self.in_flight.give_back(&mut state, Content::new(buffer, 0));
        drop(state);
        drop(freed);
    }
}

impl State {
    fn end_read(&mut self, key: Key) {
        if let Some(place) = self.reading.iter().position(|&other| other == key) {
            self.reading.swap_remove(place);
        }
    }
}

impl Drop for ToRead {
    fn drop(&mut self) {
        if !self.done && !self.in_flight.is_closed() {
            self.in_flight.lock().end_read(self.key);
            self.in_flight.lose(self.key, self.sample, Stage::Read);
        }
    }
}
