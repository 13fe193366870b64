//! How much memory this process has held.

use std::fs;

/// The most bytes that were resident at one time so far, shared libraries among them; `None` where the system does not
/// tell.
pub(super) fn peak_resident() -> Option<u64> {
    parse(&fs::read_to_string("/proc/self/status").ok()?)
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
}
