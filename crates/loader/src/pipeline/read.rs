//! The schedule of batches, and the reads that it starts: tokio hands each to a blocking thread, which is
//! what the operating system's file calls need.

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::Sender;
use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;

use super::assembly::{self, Plan, Slot};
use super::limits::{Limits, ReadTurn, Reservation};
use super::worker::Job;
use super::{LoaderOptions, Pending};
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
    pool: Arc<BufferPool>,
}

impl Reader {
    pub(super) fn new(flow: Flow, options: &LoaderOptions, jobs: Sender<Job>, limits: Limits) -> Self {
        let batch = flow.options().batch_size.min(flow.samples());
        let bytes = batch * flow.options().values_per_sample() * flow.options().pixel_type.size();
        Self {
            flow,
            name: options.name,
            jobs,
            limits,
            // One more than are under way: the consumer holds one.
            pool: BufferPool::new(bytes, options.prefetch_batches + 1),
        }
    }

    pub(super) fn run(self, epochs: Range<u64>, batches: &Sender<Pending>) {
        let runtime = runtime::Builder::new_current_thread()
            .thread_name("xfer-read-file")
            .max_blocking_threads(self.limits.concurrent_reads())
            .build();
        match runtime {
            Ok(runtime) => {
                runtime.block_on(self.schedule(epochs, batches));
                runtime.shutdown_timeout(SHUTDOWN);
            }
            Err(error) => {
                let (done, pending) = oneshot::channel();
                let _ = done.send(Err(LoaderError::Thread { stage: Stage::Read, source: Some(error) }));
                let _ = batches.send_blocking(pending);
            }
        }
    }

    /// Begins batches in order and starts their reads, until the consumer is gone or the epochs are over.
    async fn schedule(&self, epochs: Range<u64>, batches: &Sender<Pending>) {
        let sampler = self.flow.sampler();
        for epoch in epochs {
            let order = sampler.order(epoch);
            for index in 0..sampler.batches_per_epoch() {
                let (done, pending) = oneshot::channel();
                if batches.send(pending).await.is_err() {
                    return;
                }
                metrics::queue_depth(Queue::Batches, self.name, batches.len());
                let samples = order[sampler.batch(index)].iter().map(|&sample| sample as usize).collect();
                for (slot, sample) in self.begin(epoch, index, samples, done) {
                    let Some(turn) = self.limits.next_read().await else { return };
                    self.start_read(turn, slot, sample, epoch);
                }
            }
        }
        self.limits.all_read().await;
    }

    fn begin(
        &self,
        epoch: u64,
        index: usize,
        sample_indices: Vec<usize>,
        done: oneshot::Sender<Result<crate::Batch, LoaderError>>,
    ) -> impl Iterator<Item = (Slot, usize)> + use<> {
        let options = self.flow.options();
        let labels = self.flow.labels();
        let samples = sample_indices.clone();
        let plan = Plan {
            epoch,
            index,
            size: options.target_size,
            pixel_type: options.pixel_type,
            labels: labels.map_or(Vec::new(), |labels| sample_indices.iter().map(|&sample| labels[sample]).collect()),
            sample_indices,
        };
        assembly::begin(plan, done, &self.pool).into_iter().zip(samples)
    }

    fn start_read(&self, turn: ReadTurn, slot: Slot, sample: usize, epoch: u64) {
        let path = self.flow.source().path(sample);
        let (jobs, limits, runtime, name) = (self.jobs.clone(), self.limits.clone(), Handle::current(), self.name);
        tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            match read_file(&path, &limits, &runtime) {
                Ok((bytes, reserved)) => {
                    metrics::stage(Stage::Read, name, started.elapsed());
                    metrics::read(name, bytes.len());
                    // A full queue holds the read's turn: reading waits for decoding. A closed one means
                    // that the consumer is gone.
                    let _ = jobs.send_blocking(Job { path, bytes, reserved, slot, sample, epoch });
                    metrics::queue_depth(Queue::Compute, name, jobs.len());
                }
                // A reservation fails only when the stream is being dropped.
                Err(None) => drop(slot),
                Err(Some(error)) => {
                    metrics::image(name, Err(&error));
                    slot.finish(Err(error));
                }
            }
            drop(turn);
        });
    }
}

/// The bytes of a file, and the part of the budget that they take.
fn read_file(path: &Path, limits: &Limits, runtime: &Handle) -> Result<(Vec<u8>, Reservation), Option<LoaderError>> {
    let failed = |source| Some(LoaderError::Io { path: path.to_owned(), stage: Stage::Read, source });
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
    }
    if metadata.len() > limits.max_bytes {
        return Err(Some(LoaderError::FileTooLarge {
            path: path.to_owned(),
            bytes: metadata.len(),
            limit: limits.max_bytes,
        }));
    }
    let reserved = limits.reserve(metadata.len(), runtime).ok_or(None)?;
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    // A file that grows meanwhile is cut where its reservation ends: decoding will tell.
    File::open(path).and_then(|file| file.take(metadata.len()).read_to_end(&mut bytes)).map_err(failed)?;
    Ok((bytes, reserved))
}
