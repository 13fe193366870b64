//! A fixed number of slots through which jobs pass, in order.

use std::collections::VecDeque;

use tch::Kind;

use crate::backbone::{Backbone, Features, ImageBatch, PixelData};
use crate::error::BackboneError;

/// A batch, checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) bytes: &'a [u8],
    /// NHWC.
    pub(super) size: [i64; 4],
    /// `Uint8`: RGB to be preprocessed. `Float`: preprocessed.
    pub(super) kind: Kind,
    pub(super) rows: usize,
}

impl<'a> Job<'a> {
    pub(super) fn new(backbone: &Backbone, batch: ImageBatch<'a>) -> Result<Self, BackboneError> {
        let size = backbone.size(batch)?;
        let (bytes, kind) = match batch.pixels {
            PixelData::U8(pixels) => (pixels, Kind::Uint8),
            PixelData::F32(pixels) => (bytemuck::cast_slice(pixels), Kind::Float),
        };
        Ok(Self { bytes, size, kind, rows: batch.shape[0] })
    }
}

/// A device that is told what to do and does it in its own time, in order.
pub(super) trait Queue {
    /// Memory of one job on both sides.
    type Slot;

    /// Memory for jobs of up to `bytes` and `rows`.
    fn allocate(&mut self, bytes: usize, rows: usize) -> Result<Self::Slot, BackboneError>;

    /// Whether a job fits.
    fn fits(&self, slot: &Self::Slot, bytes: usize, rows: usize) -> bool;

    /// Copies the job into the slot, of which nothing is under way, and queues everything up to its features. Where this
    /// fails, nothing of the slot is under way afterwards.
    fn start(&mut self, slot: &mut Self::Slot, job: &Job<'_>) -> Result<(), BackboneError>;

    /// Waits for what `start` queued: the features of `rows` images. Nothing of the slot is under way afterwards, whether
    /// it succeeds or not.
    fn finish(&mut self, slot: &mut Self::Slot, rows: usize) -> Result<Vec<f32>, BackboneError>;
}

/// The slots of a queue.
#[derive(Debug)]
pub(super) struct Ring<Q: Queue> {
    queue: Q,
    slots: usize,
    free: Vec<Q::Slot>,
    /// In order of submission.
    entries: VecDeque<Entry<Q::Slot>>,
}

#[derive(Debug)]
enum Entry<S> {
    UnderWay { slot: S, rows: usize },
    Done(Result<Features, BackboneError>),
}

impl<Q: Queue> Ring<Q> {
    /// A ring of `slots` slots, which are allocated when they are first needed.
    pub(super) fn new(queue: Q, slots: usize) -> Self {
        Self { queue, slots: slots.max(1), free: Vec::new(), entries: VecDeque::new() }
    }

    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn submit(&mut self, job: &Job<'_>) {
        let entry = match self.slot(job).and_then(|mut slot| self.queue.start(&mut slot, job).map(|()| slot)) {
            Ok(slot) => Entry::UnderWay { slot, rows: job.rows },
            Err(error) => Entry::Done(Err(error)),
        };
        self.entries.push_back(entry);
    }

    /// A place in the order with nothing to compute.
    pub(super) fn skip(&mut self, features: Features) {
        self.entries.push_back(Entry::Done(Ok(features)));
    }

    pub(super) fn collect(&mut self) -> Option<Result<Features, BackboneError>> {
        match self.entries.pop_front()? {
            Entry::Done(result) => Some(result),
            Entry::UnderWay { mut slot, rows } => {
                let values = self.queue.finish(&mut slot, rows);
                self.free.push(slot);
                Some(values.map(|values| Features { values, rows }))
            }
        }
    }

    /// A slot that the job fits in and nothing uses.
    fn slot(&mut self, job: &Job<'_>) -> Result<Q::Slot, BackboneError> {
        let under_way = self.entries.iter().filter(|entry| matches!(entry, Entry::UnderWay { .. })).count();
        if under_way >= self.slots {
            self.finish_oldest();
        }
        match self.free.pop() {
            Some(slot) if self.queue.fits(&slot, job.bytes.len(), job.rows) => Ok(slot),
            too_small => {
                // Two would be more than the ring was given.
                drop(too_small);
                self.queue.allocate(job.bytes.len(), job.rows)
            }
        }
    }

    /// Waits for the oldest batch under way; its features stay in their place.
    fn finish_oldest(&mut self) {
        for entry in &mut self.entries {
            if let Entry::UnderWay { slot, rows } = entry {
                let rows = *rows;
                let values = self.queue.finish(slot, rows);
                let done = Entry::Done(values.map(|values| Features { values, rows }));
                if let Entry::UnderWay { slot, .. } = std::mem::replace(entry, done) {
                    self.free.push(slot);
                }
                return;
            }
        }
    }
}

impl<Q: Queue> Drop for Ring<Q> {
    fn drop(&mut self) {
        // The device must be done with memory before it is given back.
        for entry in &mut self.entries {
            if let Entry::UnderWay { slot, rows } = entry {
                let _ = self.queue.finish(slot, *rows);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// A device that does everything as late as it may: when it is waited for. Then it looks at the slots, so that bytes
    /// which were overwritten meanwhile give other features.
    #[derive(Default)]
    struct Lazy {
        state: Rc<RefCell<State>>,
    }

    #[derive(Default)]
    struct State {
        allocated: usize,
        alive: usize,
        most_under_way: usize,
        under_way: Vec<usize>,
        fail_start: Option<u8>,
        fail_finish: Option<u8>,
        freed_under_way: bool,
    }

    struct Slot {
        number: usize,
        bytes: Vec<u8>,
        filled: usize,
        state: Rc<RefCell<State>>,
    }

    impl Drop for Slot {
        fn drop(&mut self) {
            let mut state = self.state.borrow_mut();
            state.alive -= 1;
            state.freed_under_way |= state.under_way.contains(&self.number);
        }
    }

    fn broken(function: &'static str) -> BackboneError {
        BackboneError::Cuda { function, reason: "broken".to_owned() }
    }

    impl Queue for Lazy {
        type Slot = Slot;

        fn allocate(&mut self, bytes: usize, _: usize) -> Result<Slot, BackboneError> {
            let mut state = self.state.borrow_mut();
            state.allocated += 1;
            state.alive += 1;
            Ok(Slot { number: state.allocated, bytes: vec![0; bytes], filled: 0, state: Rc::clone(&self.state) })
        }

        fn fits(&self, slot: &Slot, bytes: usize, _: usize) -> bool {
            bytes <= slot.bytes.len()
        }

        fn start(&mut self, slot: &mut Slot, job: &Job<'_>) -> Result<(), BackboneError> {
            let mut state = self.state.borrow_mut();
            assert!(!state.under_way.contains(&slot.number), "overwritten before it was read");
            if state.fail_start == Some(job.bytes[0]) {
                return Err(broken("start"));
            }
            slot.bytes[..job.bytes.len()].copy_from_slice(job.bytes);
            slot.filled = job.bytes.len();
            state.under_way.push(slot.number);
            state.most_under_way = state.most_under_way.max(state.under_way.len());
            Ok(())
        }

        fn finish(&mut self, slot: &mut Slot, rows: usize) -> Result<Vec<f32>, BackboneError> {
            let mut state = self.state.borrow_mut();
            assert_eq!(state.under_way.first(), Some(&slot.number), "a device works in order");
            state.under_way.remove(0);
            if state.fail_finish == Some(slot.bytes[0]) {
                return Err(broken("finish"));
            }
            let images = slot.bytes[..slot.filled].chunks(slot.filled / rows);
            Ok(images.map(|image| image.iter().map(|&byte| f32::from(byte)).sum()).collect())
        }
    }

    fn ring() -> (Ring<Lazy>, Rc<RefCell<State>>) {
        let queue = Lazy::default();
        let state = Rc::clone(&queue.state);
        (Ring::new(queue, 3), state)
    }

    /// Two images of a byte each.
    fn submit(ring: &mut Ring<Lazy>, first: u8) {
        let bytes = [first, 2 * first];
        ring.submit(&Job { bytes: &bytes, size: [2, 1, 1, 1], kind: Kind::Uint8, rows: 2 });
    }

    fn collected(ring: &mut Ring<Lazy>) -> Vec<f32> {
        ring.collect().unwrap().unwrap().values
    }

    #[test]
    fn features_come_in_order_and_slots_are_used_again() {
        let (mut ring, state) = ring();
        let (mut sent, mut got) = (0_u8, 0_u8);
        while got < 100 {
            while ring.len() < ring.slots() && sent < 100 {
                submit(&mut ring, sent);
                sent += 1;
            }
            assert_eq!(collected(&mut ring), [f32::from(got), 2.0 * f32::from(got)]);
            got += 1;
        }
        assert!(ring.collect().is_none());
        let state = state.borrow();
        assert_eq!((state.allocated, state.most_under_way), (3, 3));
    }

    #[test]
    fn whoever_never_collects_loses_nothing_and_overwrites_nothing() {
        let (mut ring, state) = ring();
        for first in 0..20 {
            submit(&mut ring, first);
        }
        assert_eq!(ring.len(), 20);
        assert_eq!((state.borrow().allocated, state.borrow().most_under_way), (3, 3));
        for first in 0..20_u8 {
            assert_eq!(collected(&mut ring), [f32::from(first), 2.0 * f32::from(first)]);
        }
    }

    #[test]
    fn an_error_stands_in_its_batchs_place() {
        for late in [false, true] {
            let (mut ring, state) = ring();
            if late {
                state.borrow_mut().fail_finish = Some(2);
            } else {
                state.borrow_mut().fail_start = Some(2);
            }
            for first in 1..=5 {
                submit(&mut ring, first);
            }
            ring.skip(Features { values: Vec::new(), rows: 0 });
            for first in 1..=5_u8 {
                let features = ring.collect().unwrap();
                if first == 2 {
                    assert!(matches!(features, Err(BackboneError::Cuda { .. })), "{features:?}");
                } else {
                    assert_eq!(features.unwrap().values, [f32::from(first), 2.0 * f32::from(first)]);
                }
            }
            assert_eq!(ring.collect().unwrap().unwrap().rows, 0);
            assert!(ring.collect().is_none());
            assert!(state.borrow().under_way.is_empty());
        }
    }

    #[test]
    fn a_larger_batch_gets_a_larger_slot_in_place_of_one_too_small() {
        let (mut ring, state) = ring();
        for round in 0..3 {
            for images in [1, 4, 2] {
                let bytes = vec![3_u8; images];
                let size = [images as i64, 1, 1, 1];
                ring.submit(&Job { bytes: &bytes, size, kind: Kind::Uint8, rows: images });
                assert_eq!(collected(&mut ring), vec![3.0; images], "{round}");
            }
        }
        assert_eq!((state.borrow().allocated, state.borrow().alive), (2, 1));
    }

    #[test]
    fn dropping_waits_for_what_is_under_way() {
        let (mut ring, state) = ring();
        for first in 0..5 {
            submit(&mut ring, first);
        }
        drop(ring);
        let state = state.borrow();
        assert!(!state.freed_under_way && state.under_way.is_empty());
        assert_eq!(state.alive, 0);
    }
}
