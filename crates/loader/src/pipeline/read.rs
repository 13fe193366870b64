//! Threads that read files: as many as reading takes to keep up with decoding.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::in_flight::{Content, InFlight, ToRead};
use super::running::Threads;
use super::watch::{Seat, Watch};
use crate::error::Stage;
use crate::file_reader::FileRead;
use crate::flow::Flow;

/// Reads one file at a time.
#[derive(Debug)]
pub(super) struct Reader {
    flow: Flow,
    in_flight: Arc<InFlight>,
    watch: Watch,
    seat: Seat,
    threads: Arc<Threads>,
    path: PathBuf,
}

impl Reader {
    pub(super) fn new(flow: Flow, in_flight: Arc<InFlight>, watch: Watch, threads: Arc<Threads>) -> Self {
        Self { flow, in_flight, seat: watch.seat(), watch, threads, path: PathBuf::new() }
    }

    /// Reads until the stream ends.
    pub(super) fn run(mut self) {
        while let Some(to_read) = self.in_flight.next_read() {
            if to_read.more_readers {
                self.start_another();
            }
            self.read(to_read);
        }
    }

    fn start_another(&self) {
        let reader =
            Self::new(self.flow.clone(), Arc::clone(&self.in_flight), self.watch.clone(), Arc::clone(&self.threads));
        // Without it reading is slower, and goes on.
        if self.threads.spawn(Stage::Read, "read-more", move || reader.run()).is_err() {
            self.in_flight.no_more_readers();
        }
    }

    fn read(&mut self, to_read: ToRead) {
        self.path.as_mut_os_string().clear();
        self.path.push(self.flow.source().root());
        self.path.push(self.flow.source().name(to_read.sample));
        let started = Instant::now();
        let (in_flight, seat) = (&*self.in_flight, &self.seat);
        let mut waited = Duration::ZERO;
        let mut take = |bytes| {
            // Waiting for room is no stall.
            seat.leave();
            let before = Instant::now();
            let buffer = in_flight.buffer(to_read.key, bytes);
            waited = before.elapsed();
            seat.enter(to_read.key, to_read.sample, Stage::Read);
            buffer
        };
        seat.enter(to_read.key, to_read.sample, Stage::Read);
        let read = self.flow.reader().read_with(&self.path, in_flight.max_bytes(), &mut take);
        seat.leave();
        let took = started.elapsed().saturating_sub(waited);
        match read {
            FileRead::Done(buffer, len) => {
                in_flight.meters.stage(Stage::Read, took);
                in_flight.meters.read(len);
                to_read.finish(Ok(Content::new(buffer, len)), took);
            }
            FileRead::Failed(error, buffer) => {
                if let Some(buffer) = buffer {
                    to_read.give_back(buffer);
                }
                to_read.finish(Err(error), took);
            }
            // The stream is being dropped.
            FileRead::GivenUp => {}
        }
    }
}
