//! Ctrl-C (and a request to terminate): at once, or, while something is worth finishing, after the step in hand.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

use crate::log;

/// What a shell reports for a program that Ctrl-C ended.
pub(crate) const EXIT_STATUS: u8 = 130;

/// The signals of this process.
#[derive(Debug)]
pub(crate) struct Interrupt {
    stop: Arc<AtomicBool>,
    graceful: Arc<AtomicBool>,
}

impl Interrupt {
    /// Handles signals from now on; until [`finish_first`](Self::finish_first) they end the process at once.
    pub(crate) fn install() -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let graceful = Arc::new(AtomicBool::new(false));
        let handler = Self { stop: Arc::clone(&stop), graceful: Arc::clone(&graceful) };
        ctrlc::set_handler(move || handler.signalled()).context("cannot handle Ctrl-C")?;
        Ok(Self { stop, graceful })
    }

    /// From now on the first signal sets the flag that is returned, with a line that says so; the second one ends
    /// the process at once.
    pub(crate) fn finish_first(&self) -> &AtomicBool {
        self.graceful.store(true, Ordering::Relaxed);
        &self.stop
    }

    fn signalled(&self) {
        if !self.graceful.load(Ordering::Relaxed) || self.stop.swap(true, Ordering::Relaxed) {
            exit_now();
        }
        if log::is_json() {
            tracing::warn!(event = "interrupt", "stopping after this step; again stops at once");
            return;
        }
        let _ = writeln!(std::io::stderr(), "\nstopping after this step; Ctrl-C again stops at once");
    }
}

/// Ends the process without the clean-up of libraries: libtorch's threads are still at work on what it would take
/// from under them.
#[cfg(unix)]
fn exit_now() -> ! {
    // SAFETY: `_exit` touches no memory of this process; it only ends it.
    unsafe { libc::_exit(i32::from(EXIT_STATUS)) }
}

#[cfg(not(unix))]
fn exit_now() -> ! {
    std::process::exit(i32::from(EXIT_STATUS))
}
