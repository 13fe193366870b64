//! Bytes and times as people give and read them.

use std::time::{Duration, SystemTime};

use jiff::{Timestamp, tz::TimeZone};

const BYTES: [(&str, u64); 5] =
    [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000), ("B", 1)];

/// `20GB`, `1.5 TB` or `500` (bytes).
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let factor = BYTES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|&(_, factor)| factor);
    match (number.parse::<f64>(), factor.or(unit.is_empty().then_some(1))) {
        (Ok(number), Some(factor)) if number >= 0.0 && number.is_finite() => Ok((number * factor as f64) as u64),
        _ => Err("expected a size such as 500MB or 20GB".to_owned()),
    }
}

/// `30d`, `12h` or `45m`.
pub(super) fn parse_age(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let seconds = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        _ => 0,
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds)) {
        Some(age) if seconds > 0 => Ok(Duration::from_secs(age)),
        _ => Err("expected a time such as 30d, 12h or 45m".to_owned()),
    }
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (&text[..digits], text[digits..].trim())
}

/// `8.2 GB`.
pub(super) fn bytes(bytes: u64) -> String {
    match BYTES.iter().find(|&&(_, factor)| bytes >= factor && factor > 1) {
        Some((unit, factor)) => format!("{:.1} {unit}", bytes as f64 / *factor as f64),
        None => format!("{bytes} B"),
    }
}

/// `2026-11-24 06:02`, here.
pub(super) fn time(time: SystemTime) -> String {
    match Timestamp::try_from(time) {
        Ok(time) => time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages_are_read() {
        for (text, size) in [("20GB", 20_000_000_000), ("1.5 kb", 1_500), ("0", 0), ("500", 500), ("2B", 2)] {
            assert_eq!(parse_bytes(text), Ok(size), "{text}");
        }
        for text in ["", "GB", "-1GB", "1.2.3MB", "5 parsecs", "1e400"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
        assert_eq!(parse_age("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(parse_age("0h"), Ok(Duration::ZERO));
        for text in ["", "d", "-1d", "5", "1.5h", "99999999999999999999d", "9999999999999999d"] {
            assert!(parse_age(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        for (size, text) in [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (8_192_000_000, "8.2 GB")] {
            assert_eq!(bytes(size), text);
        }
    }
}
