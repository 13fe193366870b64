//! How many files to read at once, and how far ahead: measured while a stream runs.

use std::time::{Duration, Instant};

/// How much one file changes the means.
const WEIGHT: f64 = 1.0 / 16.0;

/// Files are kept ready for so many seconds of decoding, besides the time that reading takes: threads do not get a
/// processor at once when they wake, least of all on a busy machine.
const LEAD: f64 = 0.03;

/// How long a read takes, and how often compute threads take a file.
#[derive(Debug)]
pub(super) struct Pace {
    /// Seconds.
    read: Option<f64>,
    /// Seconds between two files.
    interval: Option<f64>,
    taken: Option<Instant>,
    threads: usize,
    most_reads: usize,
    most_ahead: usize,
}

impl Pace {
    pub(super) fn new(threads: usize, most_reads: usize) -> Self {
        Self { read: None, interval: None, taken: None, threads, most_reads, most_ahead: 0 }
    }

    pub(super) fn most_reads(&self) -> usize {
        self.most_reads
    }

    /// A file has been read.
    pub(super) fn read(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        let mean = self.read.get_or_insert(took);
        *mean += (took - *mean) * WEIGHT;
    }

    /// A compute thread took a file. A pause of the consumer's is not how long a file takes: it counts a little.
    pub(super) fn take(&mut self, now: Instant) {
        if let Some(before) = self.taken.replace(now) {
            let interval = (now - before).as_secs_f64();
            let mean = self.interval.get_or_insert(interval);
            *mean += (interval.min(*mean * 4.0 + 1e-6) - *mean) * WEIGHT;
        }
        self.most_ahead = self.most_ahead.max(self.ahead());
    }

    /// Files that were in memory at the same time at most, those being decoded too.
    pub(super) fn most_files(&self) -> usize {
        self.most_ahead + self.threads
    }

    /// Files to read at the same time. By Little's law, `read / interval` are under way at the rate that files are
    /// taken at; twice as many, so that where reading is what holds up the rate, both grow until it does not.
    pub(super) fn reads(&self) -> usize {
        let files = match (self.read, self.interval) {
            (Some(read), Some(interval)) => 1.0 + (2.0 * read / interval.max(1e-6)).ceil(),
            _ => 2.0 * self.threads as f64,
        };
        (files as usize).clamp(1, self.most_reads)
    }

    /// Files to be read or ready ahead of the compute threads.
    pub(super) fn ahead(&self) -> usize {
        let seconds = LEAD + 2.0 * self.read.unwrap_or(0.0);
        let files = seconds / self.interval.unwrap_or(LEAD).max(1e-6);
        1 + self.threads + (files as usize).min(2 * self.most_reads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pace after files that are taken as fast as `threads` decode or `reads` read, whichever is slower.
    fn settled(read: f64, decode: f64, most: usize) -> Pace {
        let mut pace = Pace::new(2, most);
        let mut now = Instant::now();
        for _ in 0..2000 {
            pace.read(Duration::from_secs_f64(read));
            now += Duration::from_secs_f64((read / pace.reads() as f64).max(decode / 2.0));
            pace.take(now);
        }
        pace
    }

    #[test]
    fn one_reader_is_enough_for_files_in_memory() {
        let pace = settled(20e-6, 1e-3, 256);
        assert_eq!(pace.reads(), 2);
        assert!((60..70).contains(&pace.ahead()), "{}", pace.ahead());
    }

    #[test]
    fn reads_multiply_until_decoding_is_what_takes_time() {
        let pace = settled(20e-3, 1e-3, 256);
        assert!((40..=90).contains(&pace.reads()), "{}", pace.reads());
        assert!(pace.ahead() > pace.reads());
        assert_eq!(settled(20e-3, 1e-3, 16).reads(), 16, "no more than may be");
    }

    #[test]
    fn a_pause_changes_little() {
        let mut pace = settled(20e-3, 1e-3, 256);
        let reads = pace.reads();
        pace.take(Instant::now() + Duration::from_secs(60));
        assert!(pace.reads() * 3 > reads * 2, "{} from {reads}", pace.reads());
    }
}
