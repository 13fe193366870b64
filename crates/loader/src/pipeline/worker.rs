//! Compute threads: one image at a time from a file's bytes to its slot, and what becomes of a file that fails.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_channel::Receiver;

use super::LoaderOptions;
use super::assembly::Slot;
use super::draws::Draw;
use super::limits::Reservation;
use super::process::{Processor, Remarks};
use super::read;
use super::watch::{Watch, Watched};
use crate::error::{LoaderError, Stage};
use crate::failure::{Failure, OnError};
use crate::flow::Flow;
use crate::metrics::{self, ImageResult, Queue};
use crate::report::Notes;

/// A file that has been read, or could not be.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) content: Result<Content, LoaderError>,
    pub(super) slot: Slot,
    pub(super) epoch: u64,
    pub(super) draw: Draw,
}

/// A file's bytes.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    /// Given back when the bytes are dropped.
    pub(super) _reserved: Option<Reservation>,
}

/// Replacements that are tried for one sample.
const ATTEMPTS: usize = 16;

#[derive(Debug)]
pub(super) struct Worker {
    flow: Flow,
    name: &'static str,
    max_bytes: u64,
    jobs: Receiver<Job>,
    cancelled: Arc<AtomicBool>,
    watch: Watch,
    processor: Processor,
}

impl Worker {
    pub(super) fn new(
        flow: &Flow,
        options: &LoaderOptions,
        jobs: Receiver<Job>,
        cancelled: Arc<AtomicBool>,
        watch: Watch,
    ) -> Self {
        Self {
            processor: Processor::new(flow, options.name),
            flow: flow.clone(),
            name: options.name,
            max_bytes: options.max_bytes_in_flight,
            jobs,
            cancelled,
            watch,
        }
    }

    /// Works until the channel of jobs is closed and empty, or the stream is cancelled.
    pub(super) fn run(mut self) {
        while let Ok(job) = self.jobs.recv_blocking() {
            metrics::queue_depth(Queue::Compute, self.name, self.jobs.len());
            if self.cancelled.load(Ordering::Relaxed) {
                return;
            }
            self.work(job);
        }
    }

    fn work(&mut self, job: Job) {
        let Job { content, mut slot, epoch, draw } = job;
        slot.stage = Stage::Decode;
        let watched = self.watch.begin(&slot, Stage::Decode);
        let mut notes = Notes::default();
        let sample = slot.sample;
        let attempt = content.and_then(|content| self.process(content, sample, draw, &mut slot, &watched));
        let result = match attempt {
            Ok(remarks) => {
                remarks.add_to(&mut notes);
                metrics::image(self.name, ImageResult::Ok);
                Ok(Some(sample))
            }
            Err(error) => self.handle(error, (epoch, draw), &mut slot, &watched, &mut notes),
        };
        // Before the slot: the last one of a batch lets the consumer go on.
        drop(watched);
        slot.finish(result, notes);
    }

    /// What becomes of a slot whose file failed: the sample that is in it, if any, or the error that ends the batch.
    fn handle(
        &mut self,
        error: LoaderError,
        (epoch, draw): (u64, Draw),
        slot: &mut Slot,
        watched: &Watched,
        notes: &mut Notes,
    ) -> Result<Option<usize>, LoaderError> {
        metrics::error(self.name, &error);
        match self.flow.options().on_error {
            OnError::Fail => {
                metrics::image(self.name, ImageResult::Error);
                Err(error)
            }
            OnError::Skip => {
                metrics::image(self.name, ImageResult::Skipped);
                notes.failures.push(self.failure(slot.sample, error, epoch, None));
                Ok(None)
            }
            OnError::Replace => self.replace(error, (epoch, draw), slot, watched, notes).map(Some),
        }
    }

    /// Fills the slot with another sample, the first that works.
    fn replace(
        &mut self,
        error: LoaderError,
        (epoch, draw): (u64, Draw),
        slot: &mut Slot,
        watched: &Watched,
        notes: &mut Notes,
    ) -> Result<usize, LoaderError> {
        let mut failed = vec![(slot.sample, error)];
        let candidates = self.flow.sampler().replacements(epoch, slot.sample, self.flow.labels());
        for sample in candidates.take(ATTEMPTS) {
            watched.enter(Stage::Read);
            match self.read(sample).and_then(|content| self.process(content, sample, draw, slot, watched)) {
                Ok(remarks) => {
                    remarks.add_to(notes);
                    metrics::image(self.name, ImageResult::Replaced);
                    let failure = |(failed, error)| self.failure(failed, error, epoch, Some(sample));
                    notes.failures.extend(failed.into_iter().map(failure));
                    return Ok(sample);
                }
                Err(error) => {
                    metrics::error(self.name, &error);
                    failed.push((sample, error));
                }
            }
        }
        // Nothing to put in its place: the first error is the one to tell.
        metrics::image(self.name, ImageResult::Error);
        Err(failed.swap_remove(0).1)
    }

    fn failure(&self, sample: usize, error: LoaderError, epoch: u64, replacement: Option<usize>) -> Failure {
        Failure { path: self.flow.source().path(sample), sample, epoch, error: Arc::new(error), replacement }
    }

    /// Reads a replacement here and now. Its bytes are not of the budget: waiting for room could wait for this thread.
    fn read(&self, sample: usize) -> Result<Content, LoaderError> {
        let path = self.flow.source().path(sample);
        let size = read::size_of_file(&path, self.max_bytes)?;
        Ok(Content { bytes: read::read_file(&path, size)?, _reserved: None })
    }

    /// Fills the slot with `sample`. A decoder's panic is an error of its file.
    fn process(
        &mut self,
        content: Content,
        sample: usize,
        draw: Draw,
        slot: &mut Slot,
        watched: &Watched,
    ) -> Result<Remarks, LoaderError> {
        let mut stage = Stage::Decode;
        let attempt = panic::catch_unwind(AssertUnwindSafe(|| {
            let enter = |next| {
                stage = next;
                watched.enter(next);
            };
            self.processor.process(content, sample, draw, &mut slot.bytes, enter)
        }));
        slot.stage = stage;
        attempt.unwrap_or_else(|panic| {
            self.processor = Processor::new(&self.flow, self.name);
            let path = self.flow.source().path(sample);
            Err(LoaderError::Panicked { path, stage, message: message(panic.as_ref()) })
        })
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
