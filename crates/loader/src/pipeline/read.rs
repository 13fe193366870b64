//! The schedule of batches, and the reads that it starts: tokio hands each to a blocking thread, which is
//! what the operating system's file calls need.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::Sender;
use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;

use super::assembly::{self, Plan, Slot};
use super::draws::Draw;
use super::limits::{Limits, ReadTurn, Reservation};
use super::schedule::PlannedBatch;
use super::watch::Watch;
use super::worker::{Content, Job};
use super::{LoaderOptions, Outcome, Pending, Planned};
use crate::batch::BufferPool;
use crate::error::{LoaderError, Stage};
use crate::flow::Flow;
use crate::metrics::{self, Queue};

/// How long a read that the system holds up may delay the end of a stream.
const SHUTDOWN: Duration = Duration::from_millis(100);

/// Runs the schedule on a thread of its own, with a small tokio runtime.
#[derive(Debug)]
pub(super) struct Reader {
    flow: Flow,
    name: &'static str,
    jobs: Sender<Job>,
    limits: Limits,
    watch: Watch,
    pool: Arc<BufferPool>,
}

impl Reader {
    pub(super) fn new(flow: Flow, options: &LoaderOptions, jobs: Sender<Job>, limits: Limits, watch: Watch) -> Self {
        let batch = flow.options().batch_size.min(flow.samples());
        let bytes = batch * flow.options().sample_shape().bytes();
        Self {
            flow,
            name: options.name,
            jobs,
            limits,
            watch,
            // One more than are under way: the consumer holds one.
            pool: BufferPool::new(bytes, options.prefetch_batches + 1),
        }
    }

    pub(super) fn run(self, planned: Planned, batches: &Sender<Pending>) {
        let runtime = runtime::Builder::new_current_thread()
            .thread_name("xfer-read-file")
            .max_blocking_threads(self.limits.concurrent_reads())
            .build();
        match runtime {
            Ok(runtime) => {
                runtime.block_on(self.schedule(planned, batches));
                runtime.shutdown_timeout(SHUTDOWN);
            }
            Err(error) => {
                let (done, pending) = oneshot::channel();
                let _ = done.send(Err(LoaderError::Thread { stage: Stage::Read, source: Some(error) }));
                let _ = batches.send_blocking(pending);
            }
        }
    }

    /// Begins batches in order and starts their reads, until the consumer is gone or there are no more.
    async fn schedule(&self, planned: Planned, batches: &Sender<Pending>) {
        for batch in planned {
            let PlannedBatch { epoch, index, samples } = match batch {
                Ok(batch) => batch,
                Err(error) => return refuse(batches, error).await,
            };
            let (done, pending) = oneshot::channel();
            if batches.send(pending).await.is_err() {
                return;
            }
            metrics::queue_depth(Queue::Batches, self.name, batches.len());
            let (places, draws): (Vec<usize>, Vec<Draw>) =
                samples.into_iter().map(|planned| (planned.sample, planned.draw)).unzip();
            for (slot, draw) in self.begin(epoch, index, places, done).into_iter().zip(draws) {
                let Some(turn) = self.limits.next_read().await else { return };
                self.start_read(turn, slot, epoch, draw);
            }
        }
        self.limits.all_read().await;
    }

    fn begin(&self, epoch: u64, index: usize, sample_indices: Vec<usize>, done: oneshot::Sender<Outcome>) -> Vec<Slot> {
        let shape = self.flow.options().sample_shape();
        let plan = Plan { epoch, index, shape, sample_indices, source: Arc::clone(self.flow.source()) };
        assembly::begin(plan, done, &self.pool)
    }

    fn start_read(&self, turn: ReadTurn, slot: Slot, epoch: u64, draw: Draw) {
        let path = self.flow.source().path(slot.sample);
        let (jobs, limits, watch) = (self.jobs.clone(), self.limits.clone(), self.watch.clone());
        let (runtime, name) = (Handle::current(), self.name);
        tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            let content = match read_within(&path, &limits, &runtime, &watch, &slot) {
                Ok(Some((bytes, reserved))) => {
                    metrics::stage(Stage::Read, name, started.elapsed());
                    metrics::read(name, bytes.len());
                    Ok(Content { bytes, _reserved: Some(reserved) })
                }
                // The stream is being dropped.
                Ok(None) => return,
                Err(error) => Err(error),
            };
            // A full queue holds the read's turn: reading waits for decoding. A closed one means that the consumer is
            // gone.
            let _ = jobs.send_blocking(Job { content, slot, epoch, draw });
            metrics::queue_depth(Queue::Compute, name, jobs.len());
            drop(turn);
        });
    }
}

/// Ends the stream with `error`.
async fn refuse(batches: &Sender<Pending>, error: LoaderError) {
    let (done, pending) = oneshot::channel();
    let _ = done.send(Err(error));
    // Nobody is there to be told where the stream has been dropped.
    let _ = batches.send(pending).await;
}

/// The bytes of a file, and the part of the budget that they take; `None` when the stream is being dropped.
fn read_within(
    path: &Path,
    limits: &Limits,
    runtime: &Handle,
    watch: &Watch,
    slot: &Slot,
) -> Result<Option<(Vec<u8>, Reservation)>, LoaderError> {
    let watched = watch.begin(slot, Stage::Read);
    let size = size_of_file(path, limits.max_bytes)?;
    // Waiting for room is no stall.
    drop(watched);
    let Some(reserved) = limits.reserve(size, runtime) else { return Ok(None) };
    let _watched = watch.begin(slot, Stage::Read);
    Ok(Some((read_file(path, size)?, reserved)))
}

/// The size of a regular file of at most `limit` bytes.
pub(super) fn size_of_file(path: &Path, limit: u64) -> Result<u64, LoaderError> {
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let metadata = fs::metadata(path).map_err(|source| unread(path, source))?;
    if !metadata.is_file() {
        return Err(unread(path, io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
    }
    if metadata.len() > limit {
        return Err(LoaderError::FileTooLarge { path: path.to_owned(), bytes: metadata.len(), limit });
    }
    Ok(metadata.len())
}

/// The first `size` bytes of a file: one that grows meanwhile is cut where its reservation ends, and decoding will tell.
pub(super) fn read_file(path: &Path, size: u64) -> Result<Vec<u8>, LoaderError> {
    let mut bytes = Vec::with_capacity(size as usize + 1);
    File::open(path).and_then(|file| file.take(size).read_to_end(&mut bytes)).map_err(|source| unread(path, source))?;
    Ok(bytes)
}

fn unread(path: &Path, source: io::Error) -> LoaderError {
    LoaderError::Io { path: path.to_owned(), stage: Stage::Read, source }
}
