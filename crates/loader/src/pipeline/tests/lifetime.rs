//! Streams that hang, lose a thread, or are dropped early.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::in_flight::{Content, InFlight};
use super::super::planner::{Planned, Planner};
use super::{flow, options, photos, threads};
use crate::{FlowOptions, LoaderError, LoaderOptions, Stage};

/// A file that nobody else can open as long as this lives: opening it waits for the lease to be given up, as opening a
/// file of a dead network mount waits.
struct Stuck(File);

/// Which signal asks for a lease back (`asm-generic/fcntl.h`).
const F_SETSIG: libc::c_int = 10;

impl Stuck {
    fn hold(path: &Path) -> Self {
        let file = File::options().read(true).write(true).open(path).unwrap();
        let fd = file.as_raw_fd();
        // SAFETY: plain calls on an open descriptor. The signal that asks the holder to let go is one that is ignored
        // by default.
        let leased = unsafe {
            libc::fcntl(fd, F_SETSIG, libc::SIGURG);
            libc::fcntl(fd, libc::F_SETLEASE, libc::F_WRLCK)
        };
        assert_eq!(leased, 0, "{}", std::io::Error::last_os_error());
        Self(file)
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK) };
    }
}

// invariant 5: a hanging file is named, with the stage that hangs.
#[test]
fn a_read_that_hangs_ends_the_stream_by_name() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 3);
    let path = root.path().join("urban/01.jpg");
    let stuck = Stuck::hold(&path);
    let flow = flow(root.path(), FlowOptions { shuffle: false, ..options() });
    let loader = LoaderOptions { stall_timeout: Some(Duration::from_millis(300)), ..threads(2) };
    let started = Instant::now();
    let mut stream = flow.stream(0..1, &loader).unwrap().blocking();
    assert_eq!(stream.next().unwrap().unwrap().len(), 4, "what comes before is not held up");
    let error = stream.next().unwrap().unwrap_err();
    let LoaderError::Stalled { path: named, stage, waited } = &error else { panic!("{error:?}") };
    assert_eq!((named, *stage), (&path, Stage::Read));
    assert!(*waited >= Duration::from_millis(300), "{waited:?}");
    assert!(stream.next().is_none());
    drop(stream);
    assert!(started.elapsed() < Duration::from_secs(5), "dropping does not wait for the file: {:?}", started.elapsed());
    drop(stuck);
}

#[test]
fn a_slow_consumer_is_no_stall() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 6);
    let flow = flow(root.path(), options());
    let loader = LoaderOptions { stall_timeout: Some(Duration::from_millis(50)), prefetch_batches: 1, ..threads(2) };
    for batch in flow.stream(0..1, &loader).unwrap().blocking() {
        batch.unwrap();
        std::thread::sleep(Duration::from_millis(120));
    }
}

#[test]
fn a_stream_that_ends_too_early_says_so() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 6);
    let flow = flow(root.path(), options());
    let mut stream = flow.stream(0..3, &threads(2)).unwrap().blocking();
    // As if the thread that schedules had been gone after the first plans: three epochs are three batches each.
    stream.stream.left = Some(12);
    let items: Vec<_> = stream.collect();
    assert_eq!(items.len(), 9 + 1);
    let error = items.last().unwrap().as_ref().unwrap_err();
    assert!(matches!(error, LoaderError::Thread { stage: Stage::Read, .. }), "{error:?}");
}

#[test]
fn a_file_whose_thread_is_gone_fails_its_batch_by_name() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 6);
    let flow = flow(root.path(), FlowOptions { shuffle: false, ..options() });
    // Nothing but the schedule runs: this thread is the others.
    let in_flight = InFlight::new(&flow, &threads(1), 1, Arc::default());
    Planner::new(flow, Arc::clone(&in_flight)).run(Planned::Epochs(0..1));
    let read = in_flight.next_read().unwrap();
    read.finish(Ok(Content::default()), Duration::ZERO);
    drop(in_flight.next_job().unwrap());
    let error = in_flight.wait_for_batch().unwrap().unwrap_err();
    assert!(error.to_string().ends_with("00.png: the thread that was to decode it is gone"), "{error}");
    drop(in_flight.next_read().unwrap());
    let error = in_flight.wait_for_batch().unwrap().unwrap_err();
    assert!(error.to_string().ends_with("04.png: the thread that was to read it is gone"), "{error}");
}

// invariant 6: nothing is left running after a drop.
#[test]
fn dropping_the_stream_ends_its_threads() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 9);
    let flow = flow(root.path(), options());
    for taken in [0, 1, 3, 7] {
        let mut stream = flow.stream(0.., &threads(3)).unwrap();
        let names = stream.running.threads().names().join(" ");
        let always = "xfer-schedule xfer-watch xfer-decode-0 xfer-decode-1 xfer-decode-2 xfer-read";
        assert!(names.starts_with(always), "{names}");
        let in_flight = Arc::downgrade(&stream.in_flight);
        let mut batches = stream.blocking();
        for _ in 0..taken {
            batches.next().unwrap().unwrap();
        }
        stream = batches.stream;
        let started = Instant::now();
        drop(stream);
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        assert_eq!(in_flight.strong_count(), 0, "every thread has let go of what it shared");
    }
}
