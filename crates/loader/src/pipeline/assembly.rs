//! A batch in the making: one buffer, cut into slots that threads fill in any order.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::BytesMut;
use tokio::sync::oneshot;

use super::Outcome;
use crate::batch::{Batch, BufferPool, PooledBuffer, SampleShape};
use crate::error::{LoaderError, Stage};
use crate::report::Notes;
use crate::source::Index;

/// What is known of a batch before it is filled.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) epoch: u64,
    pub(super) index: usize,
    pub(super) shape: SampleShape,
    pub(super) sample_indices: Vec<usize>,
    pub(super) source: Arc<Index>,
}

/// A batch that is done, and what there is to say about it.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) batch: Batch,
    pub(super) notes: Notes,
}

/// The place of one sample in its batch. Dropping it unfinished fails the batch.
#[derive(Debug)]
pub(super) struct Slot {
    /// The sample's part of the batch, of the batch's pixel type, aligned for it.
    pub(super) bytes: BytesMut,
    /// Which sample of the index belongs here.
    pub(super) sample: usize,
    /// What is to be done with it next.
    pub(super) stage: Stage,
    place: usize,
    assembly: Arc<Assembly>,
    finished: bool,
}

/// Fails a batch from outside, as long as it is in the making.
#[derive(Clone, Debug)]
pub(super) struct FailureHandle {
    place: usize,
    assembly: Weak<Assembly>,
}

#[derive(Debug)]
struct Assembly {
    pool: Arc<BufferPool>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    slots: Vec<Option<Filled>>,
    left: usize,
    notes: Vec<(usize, Notes)>,
    /// The failure of the earliest place, so that the same failure is reported whoever comes first.
    failure: Option<(usize, LoaderError)>,
    /// Taken by the last slot to finish.
    finish: Option<(Plan, oneshot::Sender<Outcome>)>,
}

/// A slot that came back, and the sample that is in it, if there is one.
#[derive(Debug)]
struct Filled {
    bytes: BytesMut,
    sample: Option<usize>,
}

/// Takes a buffer for `plan` and cuts it into slots, in the order of the samples.
pub(super) fn begin(plan: Plan, done: oneshot::Sender<Outcome>, pool: &Arc<BufferPool>) -> Vec<Slot> {
    let samples = plan.sample_indices.clone();
    let bytes_per_sample = plan.shape.bytes();
    let mut buffer = pool.take(samples.len() * bytes_per_sample);
    let assembly = Arc::new(Assembly {
        pool: Arc::clone(pool),
        state: Mutex::new(State {
            slots: samples.iter().map(|_| None).collect(),
            left: samples.len(),
            notes: Vec::new(),
            failure: None,
            finish: Some((plan, done)),
        }),
    });
    let slot = |(place, sample)| Slot {
        bytes: buffer.split_to(bytes_per_sample),
        sample,
        stage: Stage::Read,
        place,
        assembly: Arc::clone(&assembly),
        finished: false,
    };
    samples.into_iter().enumerate().map(slot).collect()
}

impl Slot {
    /// Says that the slot holds `sample`, or none where it is to be left out, or why the batch fails. The last slot of
    /// a batch sends it off.
    pub(super) fn finish(mut self, result: Result<Option<usize>, LoaderError>, notes: Notes) {
        self.finished = true;
        let bytes = std::mem::take(&mut self.bytes);
        let mut state = self.assembly.state.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(sample) => state.slots[self.place] = Some(Filled { bytes, sample }),
            Err(error) => {
                state.slots[self.place] = Some(Filled { bytes, sample: None });
                state.fail(self.place, error);
            }
        }
        state.notes.push((self.place, notes));
        state.left -= 1;
        if state.left == 0
            && let Some((plan, done)) = state.finish.take()
        {
            let outcome = match state.failure.take() {
                Some((_, error)) => Err(error),
                None => Ok(state.collate(plan, &self.assembly.pool)),
            };
            // Nobody waits for it where the stream has been dropped.
            let _ = done.send(outcome);
        }
    }

    /// What fails this slot's batch, should the slot never come back.
    pub(super) fn failure_handle(&self) -> FailureHandle {
        FailureHandle { place: self.place, assembly: Arc::downgrade(&self.assembly) }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.finished {
            self.failure_handle().fail_lost(self.sample, self.stage);
        }
    }
}

impl FailureHandle {
    /// Ends the batch with `error` now, whether or not its other slots are done.
    pub(super) fn fail(&self, error: LoaderError) {
        let Some(assembly) = self.assembly.upgrade() else { return };
        let mut state = assembly.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.fail(self.place, error);
        if let Some((_, done)) = state.finish.take()
            && let Some((_, error)) = state.failure.take()
        {
            let _ = done.send(Err(error));
        }
    }

    fn fail_lost(&self, sample: usize, stage: Stage) {
        let path = self.assembly.upgrade().and_then(|assembly| {
            let state = assembly.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.finish.as_ref().map(|(plan, _)| plan.source.path(sample))
        });
        if let Some(path) = path {
            self.fail(LoaderError::Lost { path, stage });
        }
    }
}

impl State {
    fn fail(&mut self, place: usize, error: LoaderError) {
        if self.failure.as_ref().is_none_or(|(earliest, _)| place < *earliest) {
            self.failure = Some((place, error));
        }
    }

    /// Joins neighbouring slots, which is free: they are parts of one buffer. Only where some are left out do the ones
    /// after them move up.
    fn collate(&mut self, plan: Plan, pool: &Arc<BufferPool>) -> Finished {
        let bytes_per_sample = plan.shape.bytes();
        let mut buffer = BytesMut::new();
        let mut sample_indices = Vec::with_capacity(self.slots.len());
        let mut kept = Vec::new();
        let slots = std::mem::take(&mut self.slots);
        for (place, slot) in slots.into_iter().flatten().enumerate() {
            buffer.unsplit(slot.bytes);
            if let Some(sample) = slot.sample {
                sample_indices.push(sample);
                kept.push(place);
            }
        }
        for (to, from) in kept.into_iter().enumerate().filter(|(to, from)| to != from) {
            buffer.copy_within(from * bytes_per_sample..(from + 1) * bytes_per_sample, to * bytes_per_sample);
        }
        buffer.truncate(sample_indices.len() * bytes_per_sample);

        self.notes.sort_by_key(|&(place, _)| place);
        let mut notes = Notes::default();
        for (_, more) in self.notes.drain(..) {
            notes.add(more);
        }
        let batch = Batch {
            epoch: plan.epoch,
            index: plan.index,
            shape: plan.shape,
            labels: plan.source.labels_of(&sample_indices),
            sample_indices,
            source: plan.source,
            buffer: PooledBuffer::new(buffer, Arc::clone(pool)),
        };
        Finished { batch, notes }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::*;
    use crate::batch::{Layout, PixelType, Pixels};

    fn plan(samples: usize) -> Plan {
        let shape = SampleShape { height: 1, width: 1, channels: 3, layout: Layout::Nhwc, pixel_type: PixelType::U8 };
        let source = Arc::new(Index::of_files("/photos", (0..samples).map(|k| format!("{k}.jpg"))));
        Plan { epoch: 2, index: 3, shape, sample_indices: (0..samples).collect(), source }
    }

    fn begun(samples: usize) -> (Vec<Slot>, oneshot::Receiver<Outcome>) {
        let (done, received) = oneshot::channel();
        (begin(plan(samples), done, &BufferPool::new(3 * samples, 1)), received)
    }

    fn failure(name: &str) -> LoaderError {
        LoaderError::Io { path: PathBuf::from(name), stage: Stage::Read, source: io::Error::other("broken") }
    }

    fn fill(mut slot: Slot) {
        let sample = slot.sample;
        slot.bytes.fill(sample as u8);
        slot.finish(Ok(Some(sample)), Notes::default());
    }

    #[test]
    fn slots_may_finish_in_any_order() {
        let (mut slots, mut received) = begun(3);
        for place in [1, 1, 0] {
            assert!(received.try_recv().is_err(), "not before the last slot");
            fill(slots.remove(place));
        }
        let Finished { batch, .. } = received.try_recv().unwrap().unwrap();
        assert_eq!((batch.epoch, batch.index, batch.shape()), (2, 3, [3, 1, 1, 3]));
        assert_eq!(batch.pixels(), Pixels::U8(&[0, 0, 0, 1, 1, 1, 2, 2, 2]));
    }

    #[test]
    fn what_is_left_out_leaves_no_gap() {
        let (slots, mut received) = begun(4);
        for slot in slots {
            match slot.sample {
                0 | 2 => slot.finish(Ok(None), Notes::default()),
                _ => fill(slot),
            }
        }
        let Finished { batch, .. } = received.try_recv().unwrap().unwrap();
        assert_eq!(batch.sample_indices(), [1, 3]);
        assert_eq!(batch.pixels(), Pixels::U8(&[1, 1, 1, 3, 3, 3]));
    }

    #[test]
    fn the_earliest_failure_is_reported() {
        let (mut slots, mut received) = begun(3);
        slots.pop().unwrap().finish(Err(failure("third")), Notes::default());
        fill(slots.remove(0));
        slots.pop().unwrap().finish(Err(failure("second")), Notes::default());
        let error = received.try_recv().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "second: cannot read");
    }

    #[test]
    fn a_slot_that_is_dropped_fails_its_batch_by_name() {
        let (mut slots, mut received) = begun(2);
        let mut lost = slots.pop().unwrap();
        lost.stage = Stage::Decode;
        drop(lost);
        let error = received.try_recv().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "/photos/1.jpg: the thread that was to decode it is gone");
        fill(slots.pop().unwrap());
    }

    #[test]
    fn a_failure_from_outside_does_not_wait_for_the_other_slots() {
        let (slots, mut received) = begun(3);
        let handle = slots[1].failure_handle();
        handle.fail(failure("stuck"));
        assert_eq!(received.try_recv().unwrap().unwrap_err().to_string(), "stuck: cannot read");
        handle.fail(failure("again"));
        drop(slots);
        handle.fail(failure("and again"));
    }
}
