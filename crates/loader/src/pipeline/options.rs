//! How a stream runs.

use std::num::NonZero;
use std::thread;
use std::time::Duration;

use crate::error::LoaderError;
use crate::flow::check;

/// How a stream runs. Nothing here changes what it yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoaderOptions {
    /// Threads that decode and resize. Default 0: one for each core. More than there are cores, and more than 8, are
    /// started only where they may have to wait: for a [`PreprocessingFunction`](crate::PreprocessingFunction), or for
    /// images to be saved.
    pub threads: usize,
    /// Files read at the same time at most. How many are depends on how long a read takes and how fast files are decoded:
    /// one or two from memory, dozens from a network. Default 0: 256.
    pub concurrent_reads: usize,
    /// Batches begun or finished ahead of the consumer. Default 2.
    pub prefetch_batches: usize,
    /// Bytes of buffers, for files that are read and not yet decoded and for batches, those that the consumer keeps too.
    /// Beyond it the loader waits until a batch is dropped, or the consumer for the next batch: that one is always made.
    /// The batches that [`prefetch_batches`](Self::prefetch_batches) asks for, and one for the consumer, may be there
    /// whatever the budget. Default 256 MiB. A single larger file is an error.
    pub max_bytes_in_flight: u64,
    /// How long one stage may be at one file before the stream ends with an error that names both. Default 5 minutes;
    /// `None`: for ever. Waiting for the consumer does not count.
    pub stall_timeout: Option<Duration>,
    /// The `flow` label in metrics, to tell streams apart. Default `data`.
    pub name: &'static str,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self {
            threads: 0,
            concurrent_reads: 0,
            prefetch_batches: 2,
            max_bytes_in_flight: 256 << 20,
            stall_timeout: Some(Duration::from_secs(300)),
            name: "data",
        }
    }
}

/// So many threads are started where they are asked for, whatever the number of cores.
const FEW: usize = 8;

impl LoaderOptions {
    /// Threads that compute. More than there are cores would only take turns, each with a picture of its own in memory,
    /// unless what they do can block.
    pub(super) fn threads(&self, can_block: bool) -> usize {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        match self.threads {
            0 => cores,
            threads if can_block => threads,
            threads => threads.min(cores.max(FEW)),
        }
    }

    pub(super) fn concurrent_reads(&self) -> usize {
        match self.concurrent_reads {
            0 => 256,
            reads => reads,
        }
    }

    pub(super) fn check(&self) -> Result<(), LoaderError> {
        check(self.threads <= 1024, "threads", "at most 1024", self.threads)?;
        check(self.concurrent_reads <= 1024, "concurrent_reads", "at most 1024", self.concurrent_reads)?;
        check((1..=1024).contains(&self.prefetch_batches), "prefetch_batches", "1 to 1024", self.prefetch_batches)?;
        let positive = self.stall_timeout != Some(Duration::ZERO);
        check(positive, "stall_timeout", "more than 0, or none", format_args!("{:?}", Duration::ZERO))?;
        check(
            (1 << 20..=1 << 40).contains(&self.max_bytes_in_flight),
            "max_bytes_in_flight",
            "1 MiB to 1 TiB",
            self.max_bytes_in_flight,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_would_only_take_turns_are_not_started() {
        let cores = LoaderOptions::default().threads(false);
        let options = LoaderOptions { threads: 1024, ..LoaderOptions::default() };
        assert_eq!(options.threads(false), cores.clamp(FEW, 1024));
        assert_eq!(options.threads(true), 1024);
        assert_eq!(LoaderOptions { threads: 3, ..options }.threads(false), 3);
    }
}
