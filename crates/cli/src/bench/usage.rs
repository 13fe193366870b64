//! What this process has used: memory, and time of the processor.

use std::fs;
use std::time::Duration;

/// The most bytes that were resident at one time so far, shared libraries among them; `None` where the system does not
/// tell.
pub(super) fn peak_resident() -> Option<u64> {
    parse(&fs::read_to_string("/proc/self/status").ok()?)
}

/// Time of all threads on the processor so far, in user mode and for the system; `None` where the system does not tell.
pub(super) fn processor_time() -> Option<Duration> {
    parse_time(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// Fields 14 and 15 of `proc_pid_stat(5)`, in hundredths of a second; the name before them, in brackets, may hold blanks.
fn parse_time(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks()? + ticks()?)))
}

/// `VmHWM:     12345 kB`
fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_found_among_other_lines() {
        assert_eq!(parse("Name:\tx\nVmPeak:\t 900 kB\nVmHWM:\t   2048 kB\nThreads:\t1\n"), Some(2 << 20));
        assert_eq!(parse("VmHWM:\tmuch\n"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn time_is_found_behind_any_name() {
        let stat = "12 (a b) c) R 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0";
        assert_eq!(parse_time(stat), Some(Duration::from_secs(3)));
        assert_eq!(parse_time("12 (a) R 1"), None);
    }
}
