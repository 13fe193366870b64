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
mod limits;
mod read;
mod worker;

use std::num::NonZero;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;
use tokio_stream::Stream;

use crate::batch::Batch;
use crate::error::{LoaderError, Stage};
use crate::flow::{Flow, check};
use crate::metrics::{self, Queue};
use limits::Limits;

type Pending = oneshot::Receiver<Result<Batch, LoaderError>>;

/// How a stream runs. Nothing here changes what it yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoaderOptions {
    /// Threads that decode and resize. Default 0: one for each core.
    pub threads: usize,
    /// Files read at the same time. Default 0: two for each compute thread, at least 4.
    pub concurrent_reads: usize,
    /// Batches begun or finished ahead of the consumer. Default 2.
    pub prefetch_batches: usize,
    /// Bytes of files read and not yet decoded. Default 256 MiB. A single larger file is an error.
    pub max_bytes_in_flight: u64,
    /// The `flow` label in metrics, to tell streams apart. Default `data`.
    pub name: &'static str,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self { threads: 0, concurrent_reads: 0, prefetch_batches: 2, max_bytes_in_flight: 256 << 20, name: "data" }
    }
}

impl LoaderOptions {
    fn threads(&self) -> usize {
        match self.threads {
            0 => thread::available_parallelism().map_or(1, NonZero::get),
            threads => threads,
        }
    }

    fn concurrent_reads(&self) -> usize {
        match self.concurrent_reads {
            0 => (2 * self.threads()).max(4),
            reads => reads,
        }
    }

    fn check(&self) -> Result<(), LoaderError> {
        check(self.threads <= 1024, "threads", "at most 1024", self.threads)?;
        check(self.concurrent_reads <= 1024, "concurrent_reads", "at most 1024", self.concurrent_reads)?;
        check((1..=1024).contains(&self.prefetch_batches), "prefetch_batches", "1 to 1024", self.prefetch_batches)?;
        check(
            (1 << 20..=1 << 40).contains(&self.max_bytes_in_flight),
            "max_bytes_in_flight",
            "1 MiB to 1 TiB",
            self.max_bytes_in_flight,
        )
    }
}

/// Batches in order, read ahead by threads that stop and are joined when this is dropped.
///
/// The stream ends after its first error. It may be polled in any async runtime, or in none through
/// [`blocking`](Self::blocking).
#[derive(Debug)]
pub struct BatchStream {
    batches: Pin<Box<async_channel::Receiver<Pending>>>,
    /// The batch that is waited for.
    pending: Option<Pending>,
    name: &'static str,
    running: Running,
}

impl BatchStream {
    pub(crate) fn start(flow: Flow, epochs: Range<u64>, options: &LoaderOptions) -> Result<Self, LoaderError> {
        options.check()?;
        let (batch_sender, batches) = async_channel::bounded(options.prefetch_batches);
        let (job_sender, jobs) = async_channel::bounded(2 * options.threads());
        metrics::queue_capacity(Queue::Batches, options.name, options.prefetch_batches);
        metrics::queue_capacity(Queue::Compute, options.name, 2 * options.threads());

        let limits = Limits::new(options);
        let mut running =
            Running { cancelled: Arc::default(), jobs: jobs.downgrade(), limits: limits.clone(), threads: Vec::new() };
        for number in 0..options.threads() {
            let worker = worker::Worker::new(&flow, options.name, jobs.clone(), Arc::clone(&running.cancelled));
            running.spawn(Stage::Decode, format!("decode-{number}"), move || worker.run())?;
        }
        let reader = read::Reader::new(flow, options, job_sender, limits);
        running.spawn(Stage::Read, "read".to_owned(), move || reader.run(epochs, &batch_sender))?;
        Ok(Self { batches: Box::pin(batches), pending: None, name: options.name, running })
    }

    /// The same batches for a consumer without an async runtime.
    pub fn blocking(self) -> BlockingBatches {
        BlockingBatches { stream: self }
    }

    /// What a batch's receiver gave, as an item. Ends the stream at an error.
    fn item(
        &mut self,
        received: Result<Result<Batch, LoaderError>, oneshot::error::RecvError>,
    ) -> Result<Batch, LoaderError> {
        let item = received.unwrap_or(Err(LoaderError::Thread { stage: Stage::Collate, source: None }));
        metrics::queue_depth(Queue::Batches, self.name, self.batches.len());
        if item.is_err() {
            self.batches.close();
            self.running.cancel();
        }
        item
    }

    fn is_over(&self) -> bool {
        self.running.cancelled.load(Ordering::Relaxed)
    }
}

impl Stream for BatchStream {
    type Item = Result<Batch, LoaderError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over() {
            return Poll::Ready(None);
        }
        if self.pending.is_none() {
            self.pending = ready!(self.batches.as_mut().poll_next(context));
        }
        let Some(pending) = &mut self.pending else { return Poll::Ready(None) };
        let received = ready!(Pin::new(pending).poll(context));
        self.pending = None;
        Poll::Ready(Some(self.item(received)))
    }
}

impl Drop for BatchStream {
    fn drop(&mut self) {
        self.batches.close();
        self.running.stop();
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

impl Iterator for BlockingBatches {
    type Item = Result<Batch, LoaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stream.is_over() {
            return None;
        }
        let pending = self.stream.pending.take().or_else(|| self.stream.batches.recv_blocking().ok())?;
        let received = pending.blocking_recv();
        Some(self.stream.item(received))
    }
}

/// The threads of one stream.
#[derive(Debug)]
struct Running {
    cancelled: Arc<AtomicBool>,
    jobs: async_channel::WeakReceiver<worker::Job>,
    limits: Limits,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    fn spawn(&mut self, stage: Stage, name: String, run: impl FnOnce() + Send + 'static) -> Result<(), LoaderError> {
        match thread::Builder::new().name(format!("xfer-{name}")).spawn(run) {
            Ok(thread) => {
                self.threads.push(thread);
                Ok(())
            }
            Err(error) => Err(LoaderError::Thread { stage, source: Some(error) }),
        }
    }

    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        self.limits.close();
        if let Some(jobs) = self.jobs.upgrade() {
            jobs.close();
        }
    }

    fn stop(&mut self) {
        self.cancel();
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to clean up; its batches have ended in an error.
            let _ = thread.join();
        }
    }
}

/// Where the stream failed to start, the threads that did start end here.
impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests;
