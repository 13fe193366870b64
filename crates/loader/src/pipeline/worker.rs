//! Compute threads: one image at a time from a file's bytes to its slot, and what becomes of a file that fails.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use super::draws::Draw;
use super::in_flight::{InFlight, Job, Key};
use super::process::{Processor, Remarks};
use super::watch::{Seat, Watch};
use crate::error::{LoaderError, Stage};
use crate::failure::{Failure, OnError};
use crate::file_reader::{FileRead, panic_message};
use crate::flow::Flow;
use crate::metrics::ImageResult;
use crate::report::Notes;

/// Replacements that are tried for one sample.
const ATTEMPTS: usize = 16;

#[derive(Debug)]
pub(super) struct Worker {
    flow: Flow,
    in_flight: Arc<InFlight>,
    seat: Seat,
    processor: Processor,
}

/// A slot that is being filled.
struct Target<'a> {
    bytes: &'a mut [u8],
    stage: &'a mut Stage,
    key: Key,
    epoch: u64,
    draw: Draw,
}

impl Worker {
    pub(super) fn new(flow: &Flow, in_flight: &Arc<InFlight>, watch: &Watch) -> Self {
        Self {
            processor: Processor::new(flow, &in_flight.meters),
            flow: flow.clone(),
            in_flight: Arc::clone(in_flight),
            seat: watch.seat(),
        }
    }

    /// Works until the stream ends.
    pub(super) fn run(mut self) {
        while let Some(job) = self.in_flight.next_job() {
            self.work(job);
        }
    }

    fn work(&mut self, mut job: Job) {
        let mut notes = Notes::default();
        let sample = job.sample;
        self.seat.enter(job.key, sample, Stage::Decode);
        let mut target =
            Target { bytes: &mut job.bytes, stage: &mut job.stage, key: job.key, epoch: job.epoch, draw: job.draw };
        let attempt = match &mut job.content {
            Ok(content) => self.process(content.bytes(), sample, &mut target),
            Err(error) => Err(error.take().unwrap_or(LoaderError::Thread { stage: Stage::Read, source: None })),
        };
        let result = match attempt {
            Ok(remarks) => {
                remarks.add_to(&mut notes);
                self.in_flight.meters.image(ImageResult::Ok);
                Ok(Some(sample))
            }
            Err(error) => self.handle(error, sample, &mut target, &mut notes),
        };
        self.seat.leave();
        job.finish(result, notes);
    }

    /// What becomes of a slot whose file failed: the sample that is in it, if any, or the error that ends the batch.
    fn handle(
        &mut self,
        error: LoaderError,
        sample: usize,
        target: &mut Target<'_>,
        notes: &mut Notes,
    ) -> Result<Option<usize>, LoaderError> {
        self.in_flight.meters.error(&error);
        match self.flow.options().on_error {
            OnError::Fail => {
                self.in_flight.meters.image(ImageResult::Error);
                Err(error)
            }
            OnError::Skip => {
                self.in_flight.meters.image(ImageResult::Skipped);
                notes.failures.push(self.failure(sample, error, target.epoch, None));
                Ok(None)
            }
            OnError::Replace => self.replace(error, sample, target, notes).map(Some),
        }
    }

    /// Fills the slot with another sample, the first that works.
    fn replace(
        &mut self,
        error: LoaderError,
        sample: usize,
        target: &mut Target<'_>,
        notes: &mut Notes,
    ) -> Result<usize, LoaderError> {
        let epoch = target.epoch;
        let candidates = self.flow.sampler().replacements(epoch, sample, self.flow.labels());
        let mut failed = vec![(sample, error)];
        for sample in candidates.take(ATTEMPTS) {
            self.seat.enter(target.key, sample, Stage::Read);
            match self.read(sample).and_then(|file| self.process(&file, sample, target)) {
                Ok(remarks) => {
                    remarks.add_to(notes);
                    self.in_flight.meters.image(ImageResult::Replaced);
                    let failure = |(failed, error)| self.failure(failed, error, epoch, Some(sample));
                    notes.failures.extend(failed.into_iter().map(failure));
                    return Ok(sample);
                }
                Err(error) => {
                    self.in_flight.meters.error(&error);
                    failed.push((sample, error));
                }
            }
        }
        // Nothing to put in its place: the first error is the one to tell.
        self.in_flight.meters.image(ImageResult::Error);
        Err(failed.swap_remove(0).1)
    }

    fn failure(&self, sample: usize, error: LoaderError, epoch: u64, replacement: Option<usize>) -> Failure {
        Failure { path: self.flow.source().path(sample), sample, epoch, error: Arc::new(error), replacement }
    }

    /// Reads a replacement here and now. Its bytes are not of the budget: waiting for room could wait for this thread.
    fn read(&self, sample: usize) -> Result<Vec<u8>, LoaderError> {
        let path = self.flow.source().path(sample);
        let mut take = |bytes| Some(vec![0; bytes]);
        match self.flow.reader().read_with(&path, self.in_flight.max_bytes(), &mut take) {
            FileRead::Done(mut bytes, len) => {
                bytes.truncate(len);
                Ok(bytes)
            }
            FileRead::Failed(error, _) => Err(error),
            FileRead::GivenUp => Err(LoaderError::Thread { stage: Stage::Read, source: None }),
        }
    }

    /// Fills the slot with `sample`. A decoder's panic is an error of its file.
    fn process(&mut self, file: &[u8], sample: usize, target: &mut Target<'_>) -> Result<Remarks, LoaderError> {
        *target.stage = Stage::Decode;
        let attempt = panic::catch_unwind(AssertUnwindSafe(|| {
            let enter = |stage| {
                *target.stage = stage;
                self.seat.enter(target.key, sample, stage);
            };
            self.processor.process(file, sample, target.draw, target.bytes, enter)
        }));
        attempt.unwrap_or_else(|panic| {
            self.processor = Processor::new(&self.flow, &self.in_flight.meters);
            let path = self.flow.source().path(sample);
            Err(LoaderError::Panicked { path, stage: *target.stage, message: panic_message(panic.as_ref()) })
        })
    }
}
