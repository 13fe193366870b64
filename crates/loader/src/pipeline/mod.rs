//! The running thing: read -> decode -> resize -> batch, bounded at every step.
//!
//! ```text
//! schedule --(slots)--> read (tokio, blocking pool) --(bytes)--> compute (named threads) --> assembly
//!     \--------------(one receiver a batch, in order, bounded)--------------> consumer
//! ```
//!
//! The schedule hands the consumer a receiver for every batch before any of its samples is read: so
//! batches arrive in order whoever finishes first, and the bounded channel of receivers is what stops the
//! schedule from running ahead.

mod assembly;
mod draws;
mod limits;
mod options;
mod process;
mod read;
mod running;
mod schedule;
mod watch;
mod worker;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;
use tokio_stream::Stream;

use crate::batch::Batch;
use crate::error::{LoaderError, Stage};
use crate::flow::Flow;
use crate::metrics::{self, Queue};
use crate::report::ReportHandle;
use assembly::Finished;
use limits::Limits;
use running::Running;
use watch::Watch;

pub use options::LoaderOptions;
pub use schedule::{Flips, PlannedBatch, PlannedSample, Schedule};

type Outcome = Result<Finished, LoaderError>;
type Pending = oneshot::Receiver<Outcome>;
/// What is to be loaded, in order; the first error ends it.
type Planned = Box<dyn Iterator<Item = Result<PlannedBatch, LoaderError>> + Send>;

/// Batches in order, read ahead by threads that stop and are joined when this is dropped.
///
/// The stream ends after its first error. It may be polled in any async runtime, or in none through
/// [`blocking`](Self::blocking).
#[derive(Debug)]
pub struct BatchStream {
    batches: Pin<Box<async_channel::Receiver<Pending>>>,
    /// The batch that is waited for.
    pending: Option<Pending>,
    /// Batches still to come, where that is known; a stream that ends before has lost a thread.
    left: Option<u128>,
    first_epoch: u64,
    name: &'static str,
    report: ReportHandle,
    running: Running,
}

impl BatchStream {
    /// All batches of `schedule`.
    pub(crate) fn start(flow: Flow, schedule: Schedule, options: &LoaderOptions) -> Result<Self, LoaderError> {
        let (left, first_epoch) = (schedule.left(), schedule.first_epoch());
        let report = ReportHandle::new(flow.options().error_budget, flow.samples());
        let mut stream = Self::start_planned(flow, Box::new(schedule), report, options)?;
        (stream.left, stream.first_epoch) = (Some(left), first_epoch);
        Ok(stream)
    }

    /// The batches `planned`.
    pub(crate) fn start_planned(
        flow: Flow,
        planned: Planned,
        report: ReportHandle,
        options: &LoaderOptions,
    ) -> Result<Self, LoaderError> {
        options.check()?;
        let (batch_sender, batches) = async_channel::bounded(options.prefetch_batches);
        let (job_sender, jobs) = async_channel::bounded(2 * options.threads());
        metrics::queue_capacity(Queue::Batches, options.name, options.prefetch_batches);
        metrics::queue_capacity(Queue::Compute, options.name, 2 * options.threads());

        let limits = Limits::new(options);
        let watch = Watch::new(options.stall_timeout, flow.source());
        let mut running = Running::new(jobs.downgrade(), limits.clone(), watch.clone());
        if watch.is_on() {
            let watch = watch.clone();
            running.spawn(Stage::Read, "watch".to_owned(), move || watch.run())?;
        }
        for number in 0..options.threads() {
            let worker =
                worker::Worker::new(&flow, options, jobs.clone(), Arc::clone(running.cancelled()), watch.clone());
            running.spawn(Stage::Decode, format!("decode-{number}"), move || worker.run())?;
        }
        let reader = read::Reader::new(flow, options, job_sender, limits, watch);
        running.spawn(Stage::Read, "read".to_owned(), move || reader.run(planned, &batch_sender))?;
        let batches = Box::pin(batches);
        Ok(Self { batches, pending: None, left: None, first_epoch: 0, name: options.name, report, running })
    }

    /// What the stream has seen so far, and will have: the handle outlives the stream.
    pub fn report(&self) -> ReportHandle {
        self.report.clone()
    }

    /// The same batches for a consumer without an async runtime.
    pub fn blocking(self) -> BlockingBatches {
        BlockingBatches { stream: self }
    }

    /// What a batch's receiver gave, as an item. Ends the stream at an error.
    fn item(&mut self, received: Result<Outcome, oneshot::error::RecvError>) -> Result<Batch, LoaderError> {
        let outcome = received.unwrap_or(Err(LoaderError::Thread { stage: Stage::Collate, source: None }));
        metrics::queue_depth(Queue::Batches, self.name, self.batches.len());
        self.left = self.left.map(|left| left.saturating_sub(1));
        let item = outcome.and_then(|Finished { batch, notes }| {
            self.report.add(batch.len(), batch.epoch == self.first_epoch, notes)?;
            Ok(batch)
        });
        if item.is_err() {
            self.batches.close();
            self.running.cancel();
        }
        item
    }

    /// What comes after the last batch: nothing, unless there should have been more.
    fn end(&mut self) -> Option<Result<Batch, LoaderError>> {
        let lost = self.left.take().is_some_and(|left| left > 0);
        self.running.cancel();
        lost.then_some(Err(LoaderError::Thread { stage: Stage::Read, source: None }))
    }
}

impl Stream for BatchStream {
    type Item = Result<Batch, LoaderError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.running.is_cancelled() {
            return Poll::Ready(None);
        }
        if self.pending.is_none() {
            self.pending = ready!(self.batches.as_mut().poll_next(context));
        }
        let Some(pending) = &mut self.pending else { return Poll::Ready(self.end()) };
        let received = ready!(Pin::new(pending).poll(context));
        self.pending = None;
        Poll::Ready(Some(self.item(received)))
    }
}

impl Drop for BatchStream {
    fn drop(&mut self) {
        self.batches.close();
    }
}

/// Batches for a consumer that blocks: a training loop, a script.
///
/// # Panics
///
/// `next` panics when it is called in an async task; poll the [`BatchStream`] there.
#[derive(Debug)]
pub struct BlockingBatches {
    stream: BatchStream,
}

impl BlockingBatches {
    /// What the stream has seen so far, and will have: the handle outlives the stream.
    pub fn report(&self) -> ReportHandle {
        self.stream.report()
    }
}

impl Iterator for BlockingBatches {
    type Item = Result<Batch, LoaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stream.running.is_cancelled() {
            return None;
        }
        match self.stream.pending.take().or_else(|| self.stream.batches.recv_blocking().ok()) {
            Some(pending) => {
                let received = pending.blocking_recv();
                Some(self.stream.item(received))
            }
            None => self.stream.end(),
        }
    }
}

#[cfg(test)]
mod tests;
