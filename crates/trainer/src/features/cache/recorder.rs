//! The thread that finds out what the photos of new features hold, and writes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::content::{FileStat, Seen};
use super::shard::Key;
use super::store::{Shared, interval};

/// Bytes of features that a file holds at most.
const SHARD: usize = 32 << 20;
/// Batches that may wait for the thread.
const WAITING: usize = 16;

/// Features that were just computed.
#[derive(Debug)]
pub(super) struct Computed {
    pub(super) path: PathBuf,
    /// The file before it was loaded.
    pub(super) seen: Seen,
    pub(super) view: u64,
    pub(super) features: Vec<f32>,
}

enum Message {
    Rows(Vec<Computed>),
    /// To be answered when everything before is found by readers.
    Sync(Sender<()>),
}

/// The thread; dropping this has it write what is left, and waits for it.
#[derive(Debug)]
pub(super) struct Recorder {
    sender: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    pub(super) fn start(shared: &Arc<Shared>) -> Self {
        let (sender, messages) = mpsc::sync_channel(WAITING);
        let shared = Arc::clone(shared);
        let thread = thread::Builder::new().name("xfer-cache".to_owned()).spawn(move || run(&shared, &messages));
        // Without a thread nothing is recorded: the features are computed again when they are needed again.
        Self { sender: thread.is_ok().then_some(sender), thread: thread.ok() }
    }

    /// Hands rows over.
    pub(super) fn record(&self, rows: Vec<Computed>) {
        if let Some(sender) = &self.sender
            && !rows.is_empty()
        {
            let _ = sender.send(Message::Rows(rows));
        }
    }

    /// Waits until all rows that were handed over can be found.
    pub(super) fn sync(&self) {
        let (done, answered) = mpsc::channel();
        if self.sender.as_ref().is_some_and(|sender| sender.send(Message::Sync(done)).is_ok()) {
            let _ = answered.recv();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared, messages: &Receiver<Message>) {
    let mut flushes = 0;
    let mut due: Option<Instant> = None;
    loop {
        let left = due.map_or(Duration::from_secs(3600), |due| due.saturating_duration_since(Instant::now()));
        match messages.recv_timeout(left) {
            Ok(Message::Rows(rows)) => {
                rows.into_iter().for_each(|row| record(shared, &row));
                due.get_or_insert_with(|| Instant::now() + interval(flushes));
            }
            Ok(Message::Sync(done)) => {
                let _ = done.send(());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return shared.flush(),
        }
        if shared.pending() >= SHARD || due.is_some_and(|due| Instant::now() >= due) {
            shared.flush();
            flushes += 1;
            due = None;
        }
    }
}

/// Adds a row, if its photo is known to be the one that the features were computed from.
fn record(shared: &Shared, row: &Computed) {
    let Computed { path, seen, view, features } = row;
    let content = match seen.content {
        // A change on the way would show.
        Some(content) if seen.settled => FileStat::of(path).is_ok_and(|stat| stat == seen.stat).then_some(content),
        // It might not: the file must hold the same before and after.
        Some(content) => shared.read(path, seen).filter(|&after| after == content),
        None if seen.settled => shared.read(path, seen),
        None => None,
    };
    if let Some(content) = content {
        shared.add(Key { content, view: *view }, seen.stat.bytes, features);
    }
}
