//! The running thing: read -> decode -> resize -> batch, bounded at every step.
//!
//! ```text
//! schedule --(plans)--> read (threads, as many as it takes) --(bytes)--> compute (threads) --(batches, in order)-->
//! consumer
//! ```
//!
//! What one stage leaves to the next lies [in flight](in_flight), where all threads of a stream meet. Reading may be
//! ahead of batches that have no buffer yet; what bounds it is the byte budget and what decoding needs.

mod budget;
mod draws;
mod in_flight;
mod options;
mod pace;
mod planner;
mod process;
mod read;
mod running;
mod schedule;
mod watch;
mod worker;

use std::cell::Cell;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio_stream::Stream;

use crate::batch::Batch;
use crate::error::{LoaderError, Stage};
use crate::flow::Flow;
use crate::report::ReportHandle;
use in_flight::{Finished, InFlight, Outcome};
use planner::{Planned, Planner};
use read::Reader;
use running::Running;
use watch::Watch;
use worker::Worker;

pub use options::LoaderOptions;
pub use schedule::{Flips, PlannedBatch, PlannedSample, Schedule};

/// Batches in order, read ahead by threads that stop and are joined when this is dropped.
///
/// The stream ends after its first error. It may be polled in any async runtime, or in none through
/// [`blocking`](Self::blocking).
#[derive(Debug)]
pub struct BatchStream {
    in_flight: Arc<InFlight>,
    /// Batches still to come, where that is known; a stream that ends before has lost a thread.
    left: Option<u128>,
    first_epoch: u64,
    report: ReportHandle,
    running: Running,
    /// One consumer at a time: `Send`, and not `Sync`.
    consumer: PhantomData<Cell<()>>,
}

impl BatchStream {
    /// All batches of `schedule`.
    pub(crate) fn start(flow: Flow, schedule: Schedule, options: &LoaderOptions) -> Result<Self, LoaderError> {
        let (left, first_epoch) = (schedule.left(), schedule.first_epoch());
        let report = ReportHandle::new(flow.options().error_budget, flow.samples());
        let planned = match schedule.whole_epochs() {
            Some(epochs) => Planned::Epochs(epochs),
            None => Planned::Batches(Box::new(schedule)),
        };
        let mut stream = Self::start_planned(flow, planned, report, options)?;
        (stream.left, stream.first_epoch) = (Some(left), first_epoch);
        Ok(stream)
    }

    /// Batches of someone else's making.
    pub(crate) fn start_batches(
        flow: Flow,
        batches: impl Iterator<Item = Result<PlannedBatch, LoaderError>> + Send + 'static,
        report: ReportHandle,
        options: &LoaderOptions,
    ) -> Result<Self, LoaderError> {
        Self::start_planned(flow, Planned::Batches(Box::new(batches)), report, options)
    }

    fn start_planned(
        flow: Flow,
        planned: Planned,
        report: ReportHandle,
        options: &LoaderOptions,
    ) -> Result<Self, LoaderError> {
        options.check()?;
        let threads = options.threads(flow.can_block());
        let in_flight = InFlight::new(&flow, options, threads, report.clocks());
        let watch = Watch::new(options.stall_timeout, flow.source(), &in_flight);
        let running = Running::new(Arc::clone(&in_flight), watch.clone());

        let planner = Planner::new(flow.clone(), Arc::clone(&in_flight));
        running.threads().spawn(Stage::Read, "schedule", move || planner.run(planned))?;
        if watch.is_on() {
            let watch = watch.clone();
            running.threads().spawn(Stage::Read, "watch", move || watch.run())?;
        }
        for number in 0..threads {
            let worker = Worker::new(&flow, &in_flight, &watch);
            running.threads().spawn(Stage::Decode, &format!("decode-{number}"), move || worker.run())?;
        }
        let reader = Reader::new(flow, Arc::clone(&in_flight), watch, Arc::clone(running.threads()));
        running.threads().spawn(Stage::Read, "read", move || reader.run())?;
        Ok(Self { in_flight, left: None, first_epoch: 0, report, running, consumer: PhantomData })
    }

    /// What the stream has seen so far, and will have: the handle outlives the stream.
    pub fn report(&self) -> ReportHandle {
        self.report.clone()
    }

    /// The same batches for a consumer without an async runtime.
    pub fn blocking(self) -> BlockingBatches {
        BlockingBatches { stream: self }
    }

    /// A batch as an item. Ends the stream at an error.
    fn item(&mut self, outcome: Outcome) -> Result<Batch, LoaderError> {
        self.left = self.left.map(|left| left.saturating_sub(1));
        let item = outcome.and_then(|Finished { batch, notes }| {
            self.report.add(batch.len(), batch.epoch == self.first_epoch, notes)?;
            Ok(batch)
        });
        if item.is_err() {
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
        let item = match ready!(self.in_flight.poll_batch(context.waker())) {
            Some(outcome) => Some(self.item(outcome)),
            None => self.end(),
        };
        Poll::Ready(item)
    }
}

/// Batches for a consumer that blocks: a training loop, a script. In an async task poll the [`BatchStream`].
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
        match self.stream.in_flight.wait_for_batch() {
            Some(outcome) => Some(self.stream.item(outcome)),
            None => self.stream.end(),
        }
    }
}

#[cfg(test)]
mod tests;
