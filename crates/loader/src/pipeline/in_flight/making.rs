//! A batch in the making: one buffer, cut into slots that threads fill in any order.

use std::sync::{Arc, Weak};

use bytes::BytesMut;

use super::{Content, Outcome};
use crate::batch::{Batch, BatchParts, Home, SampleShape};
use crate::error::LoaderError;
use crate::pipeline::draws::Draw;
use crate::report::Notes;
use crate::source::Index;

/// What is known of a batch before any of its files is read.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Plan {
    pub(in crate::pipeline) epoch: u64,
    pub(in crate::pipeline) index: usize,
    pub(in crate::pipeline) sample_indices: Vec<usize>,
    /// What is drawn for each sample.
    pub(in crate::pipeline) draws: Vec<Draw>,
}

/// A batch that is done, and what there is to say about it.
#[derive(Debug)]
pub(in crate::pipeline) struct Finished {
    pub(in crate::pipeline) batch: Batch,
    pub(in crate::pipeline) notes: Notes,
}

/// What all batches of a stream have in common.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) shape: SampleShape,
    pub(super) source: Arc<Index>,
    pub(super) home: Weak<dyn Home>,
}

/// A batch from its plan to its delivery. Its vectors are used again.
#[derive(Debug, Default)]
pub(super) struct Making {
    pub(super) plan: Plan,
    /// One for each sample, in order.
    pub(super) places: Vec<Place>,
    /// Places that are not done.
    pub(super) left: usize,
    notes: Vec<(usize, Notes)>,
    /// The failure of the earliest place, so that the same failure is reported whoever comes first.
    failure: Option<(usize, LoaderError)>,
    /// What is not in the places of the batch's memory.
    parts: BatchParts,
    /// What the consumer gets, once that is known.
    pub(super) outcome: Option<Outcome>,
}

/// One sample of a batch in the making.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// Its file, from when it is read until a compute thread takes it.
    pub(super) content: Option<Result<Content, LoaderError>>,
    /// Its part of the batch's buffer, unless a compute thread has it.
    pub(super) bytes: BytesMut,
    /// The sample that is in it, once there is one.
    sample: Option<usize>,
}

impl Making {
    /// A batch that cannot be planned.
    pub(super) fn failed(error: LoaderError) -> Self {
        Self { outcome: Some(Err(error)), ..Self::default() }
    }

    /// Takes the plan of a batch.
    pub(super) fn plan(&mut self) {
        let samples = self.plan.sample_indices.len();
        self.places.clear();
        self.places.resize_with(samples, Place::default);
        self.left = samples;
        self.notes.clear();
        (self.failure, self.outcome) = (None, None);
    }

    /// Cuts a buffer into slots, in the order of the samples.
    pub(super) fn begin(&mut self, mut parts: BatchParts, bytes_per_sample: usize) {
        parts.bytes.resize(self.places.len() * bytes_per_sample, 0);
        for place in &mut self.places {
            place.bytes = parts.bytes.split_to(bytes_per_sample);
        }
        self.parts = parts;
    }

    /// Puts a slot back, with the sample that is in it, if there is one, or why the batch fails.
    pub(super) fn finish(
        &mut self,
        at: usize,
        bytes: BytesMut,
        result: Result<Option<usize>, LoaderError>,
        notes: Notes,
    ) {
        let Some(place) = self.places.get_mut(at) else { return };
        place.bytes = bytes;
        match result {
            Ok(sample) => place.sample = sample,
            Err(error) => self.fail(at, error),
        }
        if !notes.is_empty() {
            self.notes.push((at, notes));
        }
        self.left -= 1;
    }

    fn fail(&mut self, place: usize, error: LoaderError) {
        if self.failure.as_ref().is_none_or(|(earliest, _)| place < *earliest) {
            self.failure = Some((place, error));
        }
    }

    /// Ends the batch with `error` now, whether or not its other places are done.
    pub(super) fn end(&mut self, place: usize, error: LoaderError) {
        self.fail(place, error);
        if self.outcome.is_none() {
            self.outcome = self.failure.take().map(|(_, error)| Err(error));
        }
    }

    /// The batch, of places that are all done. Joining neighbouring slots is free: they are parts of one buffer. Only
    /// where some are left out do the ones after them move up.
    pub(super) fn collate(&mut self, kind: &Kind) -> Outcome {
        if let Some((_, error)) = self.failure.take() {
            return Err(error);
        }
        let BatchParts { mut bytes, mut sample_indices, mut labels } = std::mem::take(&mut self.parts);
        let bytes_per_sample = kind.shape.bytes();
        bytes.clear();
        sample_indices.clear();
        labels.clear();
        let mut whole = BytesMut::new();
        for place in &mut self.places {
            whole.unsplit(std::mem::take(&mut place.bytes));
        }
        whole.unsplit(bytes);
        for (from, place) in self.places.iter().enumerate() {
            let Some(sample) = place.sample else { continue };
            let to = sample_indices.len();
            if to != from {
                whole.copy_within(from * bytes_per_sample..(from + 1) * bytes_per_sample, to * bytes_per_sample);
            }
            sample_indices.push(sample);
        }
        whole.truncate(sample_indices.len() * bytes_per_sample);
        if let Some(all) = kind.source.labels() {
            labels.extend(sample_indices.iter().map(|&sample| all[sample]));
        }

        self.notes.sort_by_key(|&(place, _)| place);
        let mut notes = Notes::default();
        for (_, more) in self.notes.drain(..) {
            notes.add(more);
        }
        let batch = Batch {
            epoch: self.plan.epoch,
            index: self.plan.index,
            shape: kind.shape,
            source: Arc::clone(&kind.source),
            parts: BatchParts { bytes: whole, sample_indices, labels },
            home: Weak::clone(&kind.home),
        };
        Ok(Finished { batch, notes })
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::*;
    use crate::batch::{Layout, PixelType, Pixels};
    use crate::error::Stage;
    use crate::pipeline::in_flight::InFlight;

    fn kind() -> Kind {
        let shape = SampleShape { height: 1, width: 1, channels: 3, layout: Layout::Nhwc, pixel_type: PixelType::U8 };
        let source = Arc::new(Index::of_files("/photos", (0..4).map(|k| format!("{k}.jpg"))));
        Kind { shape, source, home: Weak::<InFlight>::new() }
    }

    fn begun(samples: usize) -> Making {
        let plan = Plan { epoch: 2, index: 3, sample_indices: (0..samples).collect(), draws: Vec::new() };
        let mut making = Making { plan, ..Making::default() };
        making.plan();
        making.begin(BatchParts::new(samples, 3 * samples), 3);
        making
    }

    fn failure(name: &str) -> LoaderError {
        LoaderError::Io { path: PathBuf::from(name), stage: Stage::Read, source: io::Error::other("broken") }
    }

    fn finish(making: &mut Making, place: usize, result: Result<Option<usize>, LoaderError>) {
        let mut bytes = std::mem::take(&mut making.places[place].bytes);
        bytes.fill(place as u8);
        making.finish(place, bytes, result, Notes::default());
    }

    #[test]
    fn slots_may_finish_in_any_order() {
        let mut making = begun(3);
        let address = making.places[0].bytes.as_ptr();
        for place in [1, 2, 0] {
            assert!(making.left > 0);
            finish(&mut making, place, Ok(Some(place)));
        }
        assert_eq!(making.left, 0);
        let Finished { batch, .. } = making.collate(&kind()).unwrap();
        assert_eq!((batch.epoch, batch.index, batch.shape()), (2, 3, [3, 1, 1, 3]));
        assert_eq!(batch.pixels(), Pixels::U8(&[0, 0, 0, 1, 1, 1, 2, 2, 2]));
        assert_eq!(batch.parts.bytes.as_ptr(), address, "no copy");
    }

    #[test]
    fn what_is_left_out_leaves_no_gap() {
        let mut making = begun(4);
        for place in 0..4 {
            finish(&mut making, place, Ok((place % 2 == 1).then_some(place)));
        }
        let Finished { batch, .. } = making.collate(&kind()).unwrap();
        assert_eq!(batch.sample_indices(), [1, 3]);
        assert_eq!(batch.pixels(), Pixels::U8(&[1, 1, 1, 3, 3, 3]));
    }

    #[test]
    fn the_earliest_failure_is_reported() {
        let mut making = begun(3);
        finish(&mut making, 2, Err(failure("third")));
        finish(&mut making, 0, Ok(Some(0)));
        finish(&mut making, 1, Err(failure("second")));
        assert_eq!(making.collate(&kind()).unwrap_err().to_string(), "second: cannot read");
    }

    #[test]
    fn a_failure_from_outside_does_not_wait_for_the_other_slots() {
        let mut making = begun(3);
        making.end(1, failure("stuck"));
        making.end(0, failure("again"));
        assert_eq!(making.outcome.unwrap().unwrap_err().to_string(), "stuck: cannot read");
    }
}
