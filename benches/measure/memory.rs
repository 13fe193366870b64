//! How much memory this process holds, where the system tells.

use std::fs;

/// Resident bytes now, shared libraries among them.
pub(crate) fn resident() -> Option<u64> {
    field("VmRSS:")
}

/// The most that were so far.
pub(crate) fn peak() -> Option<u64> {
    field("VmHWM:")
}

/// `VmHWM:     12345 kB`
fn field(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_was_as_much_as_there_is() {
        // Other tests allocate meanwhile: the peak is asked for last.
        let resident = resident();
        assert!(peak() >= resident);
        assert!(field("VmNothing:").is_none());
    }
}
