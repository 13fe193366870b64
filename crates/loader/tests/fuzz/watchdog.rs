//! Ends the process when an input takes for ever, and says which.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, process, thread};

/// For the largest picture that is allowed, in an unoptimised build, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The input in hand, and since when.
type Watched = Arc<Mutex<Option<(u64, Vec<u8>, Instant)>>>;

pub(crate) struct Watchdog(Watched);

impl Watchdog {
    pub(crate) fn start() -> Self {
        let watched = Watched::default();
        let seen = Arc::downgrade(&watched);
        thread::spawn(move || {
            while let Some(watched) = seen.upgrade() {
                let guard = watched.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((seed, bytes, _)) = guard.as_ref().filter(|(_, _, since)| since.elapsed() > PATIENCE) {
                    let path = keep(*seed, bytes);
                    // Nothing else ends a thread that hangs.
                    eprintln!("a hang; XFER_FUZZ_SEED={seed} begins with it, and its bytes are {}", path.display());
                    process::abort();
                }
                drop(guard);
                drop(watched);
                thread::sleep(Duration::from_secs(1));
            }
        });
        Self(watched)
    }

    /// Does `work`, which is about `bytes`, under watch.
    pub(crate) fn watch<T>(&self, seed: u64, bytes: &[u8], work: impl FnOnce() -> T) -> T {
        self.set(Some((seed, bytes.to_vec(), Instant::now())));
        let value = work();
        self.set(None);
        value
    }

    fn set(&self, watched: Option<(u64, Vec<u8>, Instant)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = watched;
    }
}

/// Writes an input where it can be looked at.
pub(crate) fn keep(seed: u64, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{seed}"));
    if let Err(error) = fs::write(&path, bytes) {
        eprintln!("cannot write {}: {error}", path.display());
    }
    path
}
