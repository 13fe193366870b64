//! Seconds and bytes as people read them.

use std::time::Duration;

/// `0.4 s`, `12 s`, `2 min 30 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    if whole < 60 { format!("{whole} s") } else { format!("{} min {} s", whole / 60, whole % 60) }
}

/// `90.4 MiB`, `1.2 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_well() {
        assert_eq!(seconds(Duration::from_millis(430)), "0.4 s");
        assert_eq!(seconds(Duration::from_millis(9_960)), "10 s");
        assert_eq!(seconds(Duration::from_millis(59_700)), "1 min 0 s");
        assert_eq!(seconds(Duration::from_secs(150)), "2 min 30 s");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(94_765_736), "90.4 MiB");
        assert_eq!(bytes(3 << 30), "3.0 GiB");
    }
}
