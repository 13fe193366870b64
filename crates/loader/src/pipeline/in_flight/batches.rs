//! The sides of the schedule and of the consumer: batches that are planned, begun, delivered and dropped.

use std::sync::PoisonError;
use std::task::{Poll, Waker};
use std::time::Instant;

use super::{InFlight, Making, Outcome, Plan, State};
use crate::batch::{BatchParts, Home};
use crate::clocks::Wait;
use crate::error::LoaderError;
use crate::metrics::Queue;

impl InFlight {
    /// Waits until another batch is to be planned. What the plan holds is of an earlier one. `None` when the stream
    /// ends.
    pub(in crate::pipeline) fn next_plan(&self) -> Option<Plan> {
        let mut state = self.lock();
        while !self.is_closed() && state.is_planned_far_enough() {
            state.sleeping.schedule = true;
            state = self.sleep(&self.schedule, state, Wait::Planned);
            state.sleeping.schedule = false;
        }
        if self.is_closed() {
            return None;
        }
        Some(state.spare_plans.pop().unwrap_or_default())
    }

    /// Adds the next batch.
    pub(in crate::pipeline) fn push(&self, plan: Plan) {
        let mut state = self.lock();
        let mut making = state.spare_making.pop().unwrap_or_default();
        making.plan = plan;
        making.plan();
        state.unread += making.left;
        state.making.push_back(making);
        self.meters.queue_depth(Queue::Plans, state.unread);
        self.begin_more(&mut state);
        self.wake_reader(&state);
    }

    /// Adds a batch that fails, after which nothing is planned.
    pub(in crate::pipeline) fn push_failed(&self, error: LoaderError) {
        let mut state = self.lock();
        let number = state.first + state.making.len() as u64;
        state.making.push_back(Making::failed(error));
        self.tell_consumer(state, number);
    }

    /// Says that every batch is planned.
    pub(in crate::pipeline) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        let next = state.first;
        if state.making.is_empty() {
            self.tell_consumer(state, next);
        }
    }

    /// The next batch, or `None` after the last; wakes `waker` when there is one.
    pub(in crate::pipeline) fn poll_batch(&self, waker: &Waker) -> Poll<Option<Outcome>> {
        let mut state = self.lock();
        let outcome = self.take_batch(&mut state);
        if outcome.is_pending() {
            state.consumer.blocks = false;
            match &mut state.consumer.waker {
                Some(known) => known.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
        outcome
    }

    /// The next batch, or `None` after the last. Blocks until there is one.
    pub(in crate::pipeline) fn wait_for_batch(&self) -> Option<Outcome> {
        let mut state = self.lock();
        loop {
            if let Poll::Ready(outcome) = self.take_batch(&mut state) {
                return outcome;
            }
            if self.is_closed() {
                return None;
            }
            state.consumer.blocks = true;
            state = self.consumer.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn take_batch(&self, state: &mut State) -> Poll<Option<Outcome>> {
        let outcome = match state.making.front_mut() {
            None if state.ended => return Poll::Ready(None),
            None => None,
            Some(making) => making.outcome.take(),
        };
        state.consumer.waits = outcome.is_none();
        if outcome.is_none() {
            state.consumer.since.get_or_insert_with(Instant::now);
        } else if let Some(since) = state.consumer.since.take() {
            self.meters.waited(Wait::NoBatch, since.elapsed());
        }
        if outcome.is_some() {
            // The schedule is never more than a few batches ahead, so that few are spare.
            if let Some(mut making) = state.making.pop_front() {
                state.spare_plans.push(std::mem::take(&mut making.plan));
                state.spare_making.push(making);
            }
            state.first += 1;
            state.begun = state.begun.max(state.first);
            self.meters.queue_depth(Queue::Batches, state.undelivered() as usize);
        }
        self.begin_more(state);
        self.wake_schedule(state);
        outcome.map_or(Poll::Pending, |outcome| Poll::Ready(Some(outcome)))
    }

    /// Gives batches their buffers as far ahead as they may be.
    fn begin_more(&self, state: &mut State) {
        let begun = state.begun;
        while state.may_begin() {
            let parts = state.take_parts(self.kind.shape.bytes());
            let number = state.begun;
            state.begun += 1;
            if let Some(making) = state.making(number) {
                making.begin(parts, self.kind.shape.bytes());
            }
        }
        if state.begun > begun {
            self.meters.queue_depth(Queue::Batches, state.undelivered() as usize);
            self.meters.bytes_in_flight(state.budget.used());
            self.wake_workers(state);
        }
    }

    /// Wakes the schedule when it pays: when half of what may be planned has been read.
    pub(super) fn wake_schedule(&self, state: &State) {
        let is_due = 2 * state.unread <= state.pace.ahead() || state.has_too_few_batches();
        if state.sleeping.schedule && is_due {
            self.schedule.notify_one();
        }
    }

    #[cfg(test)]
    pub(in crate::pipeline) fn undelivered(&self) -> usize {
        self.lock().undelivered() as usize
    }

    /// Bytes of all buffers.
    #[cfg(test)]
    pub(in crate::pipeline) fn bytes(&self) -> u64 {
        self.lock().budget.used()
    }
}

impl Home for InFlight {
    fn take_back(&self, parts: BatchParts) {
        let mut state = self.lock();
        let keep = state.prefetch as usize + 1;
        let kept = !self.is_closed() && state.spare_parts.len() < keep;
        let freed = if kept {
            state.spare_parts.push(parts);
            None
        } else {
            state.budget.remove_batch();
            Some(parts)
        };
        self.begin_more(&mut state);
        self.wake_for_room(&state);
        drop(state);
        drop(freed);
    }
}

impl State {
    pub(super) fn undelivered(&self) -> u64 {
        self.begun - self.first
    }

    /// Whether the next batch may be begun. One that the consumer waits for may be in any case: it cannot drop one that
    /// it keeps, and would wait for ever.
    fn may_begin(&mut self) -> bool {
        if self.undelivered() >= self.making.len() as u64 {
            return false;
        }
        let waits = self.consumer.waits;
        if self.undelivered() >= self.prefetch + u64::from(waits) {
            return false;
        }
        if !self.spare_parts.is_empty() || (waits && self.undelivered() == 0) {
            return true;
        }
        while !self.budget.has_room_for_batch()
            && let Some(evicted) = self.buffers.evict()
        {
            self.budget.remove_file(evicted.len());
        }
        self.budget.has_room_for_batch()
    }

    fn take_parts(&mut self, bytes_per_sample: usize) -> BatchParts {
        self.spare_parts.pop().unwrap_or_else(|| {
            self.budget.add_batch();
            BatchParts::new(self.batch_size, self.batch_size * bytes_per_sample)
        })
    }

    fn is_planned_far_enough(&self) -> bool {
        self.unread >= self.pace.ahead() && !self.has_too_few_batches()
    }

    /// Files that may be planned and not read: plans come a batch at a time.
    pub(super) fn most_unread(&self) -> usize {
        let by_pace = self.pace.ahead() + self.batch_size - 1;
        by_pace.max((self.prefetch as usize + 2) * self.batch_size)
    }

    /// Whether more could be begun than are planned.
    fn has_too_few_batches(&self) -> bool {
        self.making.len() as u64 <= self.prefetch + 1
    }
}
