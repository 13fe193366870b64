//! What bounds a stream: files read at the same time, and bytes in memory between read and decode.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::LoaderOptions;
use crate::metrics;

/// The budget is counted in units of so many bytes, since a semaphore counts in 32 bits.
const UNIT: u64 = 1024;

/// The bounds of one stream, shared by its threads. Closing them wakes whoever waits.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) max_bytes: u64,
    name: &'static str,
    concurrent_reads: u32,
    reads: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

/// Leave to read one file, until it is dropped.
#[derive(Debug)]
pub(super) struct ReadTurn {
    _permit: OwnedSemaphorePermit,
}

/// A part of the byte budget, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    permit: Option<OwnedSemaphorePermit>,
    limits: Limits,
}

impl Limits {
    pub(super) fn new(options: &LoaderOptions) -> Self {
        let reads = options.concurrent_reads();
        Self {
            max_bytes: options.max_bytes_in_flight,
            name: options.name,
            concurrent_reads: reads as u32,
            reads: Arc::new(Semaphore::new(reads)),
            bytes: Arc::new(Semaphore::new((options.max_bytes_in_flight / UNIT) as usize)),
        }
    }

    pub(super) fn concurrent_reads(&self) -> usize {
        self.concurrent_reads as usize
    }

    /// Waits until another file may be read. `None` when the stream is being dropped.
    pub(super) async fn next_read(&self) -> Option<ReadTurn> {
        let permit = Arc::clone(&self.reads).acquire_owned().await.ok()?;
        Some(ReadTurn { _permit: permit })
    }

    /// Waits until no file is being read, or the stream is being dropped.
    pub(super) async fn all_read(&self) {
        let _ = self.reads.acquire_many(self.concurrent_reads).await;
    }

    /// Waits, first come first served, until `bytes` (at most [`max_bytes`](Self::max_bytes)) fit into the
    /// budget. `None` when the stream is being dropped.
    pub(super) fn reserve(&self, bytes: u64, runtime: &Handle) -> Option<Reservation> {
        let units = u32::try_from(bytes.div_ceil(UNIT).min(self.max_bytes / UNIT)).ok()?;
        let permit = match Arc::clone(&self.bytes).try_acquire_many_owned(units) {
            Ok(permit) => permit,
            Err(_) => runtime.block_on(Arc::clone(&self.bytes).acquire_many_owned(units)).ok()?,
        };
        self.report();
        Some(Reservation { permit: Some(permit), limits: self.clone() })
    }

    pub(super) fn close(&self) {
        self.reads.close();
        self.bytes.close();
    }

    fn report(&self) {
        let free = self.bytes.available_permits() as u64;
        metrics::bytes_in_flight(self.name, (self.max_bytes / UNIT).saturating_sub(free) * UNIT);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.limits.report();
    }
}
