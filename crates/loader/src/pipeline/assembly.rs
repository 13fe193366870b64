//! A batch in the making: one buffer, cut into slots that threads fill in any order.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use tokio::sync::oneshot;

use crate::batch::{Batch, BufferPool, PixelType, PooledBuffer};
use crate::error::LoaderError;

/// What is known of a batch before it is filled.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) epoch: u64,
    pub(super) index: usize,
    pub(super) size: (usize, usize),
    pub(super) pixel_type: PixelType,
    pub(super) sample_indices: Vec<usize>,
    pub(super) labels: Vec<u32>,
}

/// The place of one sample in its batch. Dropping it unfinished abandons the batch.
#[derive(Debug)]
pub(super) struct Slot {
    /// The sample's part of the batch, of the batch's pixel type, aligned for it.
    pub(super) bytes: BytesMut,
    place: usize,
    assembly: Arc<Assembly>,
}

#[derive(Debug)]
struct Assembly {
    pool: Arc<BufferPool>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    slots: Vec<Option<BytesMut>>,
    left: usize,
    /// The failure of the earliest place, so that the same failure is reported whoever comes first.
    failure: Option<(usize, LoaderError)>,
    /// Taken by the last slot to finish.
    finish: Option<(Plan, oneshot::Sender<Result<Batch, LoaderError>>)>,
}

/// Takes a buffer for `plan` and cuts it into slots, in the order of the samples.
pub(super) fn begin(
    plan: Plan,
    done: oneshot::Sender<Result<Batch, LoaderError>>,
    pool: &Arc<BufferPool>,
) -> Vec<Slot> {
    let samples = plan.sample_indices.len();
    let bytes_per_sample = plan.size.0 * plan.size.1 * 3 * plan.pixel_type.size();
    let mut buffer = pool.take(samples * bytes_per_sample);
    let assembly = Arc::new(Assembly {
        pool: Arc::clone(pool),
        state: Mutex::new(State {
            slots: (0..samples).map(|_| None).collect(),
            left: samples,
            failure: None,
            finish: Some((plan, done)),
        }),
    });
    (0..samples)
        .map(|place| Slot { bytes: buffer.split_to(bytes_per_sample), place, assembly: Arc::clone(&assembly) })
        .collect()
}

impl Slot {
    /// Says that the slot is filled, or why it cannot be. The last slot of a batch sends it off.
    pub(super) fn finish(self, result: Result<(), LoaderError>) {
        let Self { bytes, place, assembly } = self;
        let mut state = assembly.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.slots[place] = Some(bytes);
        if let Err(error) = result
            && state.failure.as_ref().is_none_or(|(earliest, _)| place < *earliest)
        {
            state.failure = Some((place, error));
        }
        state.left -= 1;
        if state.left == 0
            && let Some((plan, done)) = state.finish.take()
        {
            let slots = std::mem::take(&mut state.slots);
            let outcome = match state.failure.take() {
                Some((_, error)) => Err(error),
                None => Ok(collate(plan, slots, &assembly.pool)),
            };
            // Nobody waits for it where the stream has been dropped.
            let _ = done.send(outcome);
        }
    }
}

/// Joins neighbouring slots, which is free: they are parts of one buffer.
fn collate(plan: Plan, slots: Vec<Option<BytesMut>>, pool: &Arc<BufferPool>) -> Batch {
    let mut buffer = BytesMut::new();
    for slot in slots.into_iter().flatten() {
        buffer.unsplit(slot);
    }
    Batch {
        epoch: plan.epoch,
        index: plan.index,
        size: plan.size,
        pixel_type: plan.pixel_type,
        sample_indices: plan.sample_indices,
        labels: plan.labels,
        buffer: PooledBuffer::new(buffer, Arc::clone(pool)),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::*;
    use crate::error::Stage;

    fn plan(samples: usize) -> Plan {
        Plan {
            epoch: 0,
            index: 0,
            size: (1, 1),
            pixel_type: PixelType::U8,
            sample_indices: (0..samples).collect(),
            labels: vec![0; samples],
        }
    }

    fn failure(name: &str) -> LoaderError {
        LoaderError::Io { path: PathBuf::from(name), stage: Stage::Read, source: io::Error::other("test") }
    }

    #[test]
    fn slots_may_finish_in_any_order() {
        let pool = BufferPool::new(9, 1);
        let (done, mut received) = oneshot::channel();
        let mut slots = begin(plan(3), done, &pool);
        for place in [2_u8, 0, 1] {
            let position = slots.iter().position(|slot| slot.place == usize::from(place)).unwrap();
            let mut slot = slots.swap_remove(position);
            slot.bytes.fill(place);
            assert!(received.try_recv().is_err(), "not before the last");
            slot.finish(Ok(()));
        }
        let batch = received.try_recv().unwrap().unwrap();
        assert_eq!(batch.pixels(), crate::Pixels::U8(&[0, 0, 0, 1, 1, 1, 2, 2, 2]));
    }

    #[test]
    fn the_earliest_failure_is_reported() {
        let pool = BufferPool::new(9, 1);
        let (done, mut received) = oneshot::channel();
        let mut slots = begin(plan(3), done, &pool);
        slots.pop().unwrap().finish(Err(failure("third")));
        slots.remove(0).finish(Ok(()));
        slots.pop().unwrap().finish(Err(failure("second")));
        let error = received.try_recv().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "second: cannot read");
    }

    #[test]
    fn a_slot_that_is_dropped_abandons_its_batch() {
        let pool = BufferPool::new(6, 1);
        let (done, mut received) = oneshot::channel();
        let mut slots = begin(plan(2), done, &pool);
        slots.pop().unwrap().finish(Ok(()));
        drop(slots);
        assert_eq!(received.try_recv().unwrap_err(), oneshot::error::TryRecvError::Closed);
    }
}
