//! What the headers of an answer say about the file.

use std::time::{Duration, SystemTime};

use ureq::http::HeaderMap;

/// Which bytes a `206` answer holds: RFC 9110, section 14.4.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ContentRange {
    /// Position of the first byte.
    pub(super) first: u64,
    /// Position of the last byte.
    pub(super) last: u64,
    /// Bytes of the whole file, where the server knows.
    pub(super) total: Option<u64>,
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    text(headers, "content-length")?.parse().ok()
}

pub(super) fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let (range, total) = text(headers, "content-range")?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let range = ContentRange {
        first: first.trim().parse().ok()?,
        last: last.trim().parse().ok()?,
        total: match total.trim() {
            "*" => None,
            total => Some(total.parse().ok()?),
        },
    };
    let ordered = range.first <= range.last && range.total.is_none_or(|total| range.last < total);
    ordered.then_some(range)
}

/// The pause that a server asks for, as seconds or as a date: RFC 9110, section 10.2.3.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = text(headers, "retry-after")?;
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// What `If-Range` may be given: a strong entity tag, else the modification date. RFC 9110, section 13.1.5.
pub(super) fn validator(headers: &HeaderMap) -> Option<String> {
    text(headers, "etag")
        .filter(|tag| !tag.starts_with("W/"))
        .or_else(|| text(headers, "last-modified"))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderName;

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn ranges_are_read_or_refused() {
        let range = |value| content_range(&headers(&[("content-range", value)]));
        assert_eq!(range("bytes 5-9/10"), Some(ContentRange { first: 5, last: 9, total: Some(10) }));
        assert_eq!(range("bytes 0-0/*").and_then(|range| range.total), None);
        assert!(range("bytes 0-0/*").is_some());
        for bad in [
            "",
            "bytes */10",
            "bytes 9-5/10",
            "bytes 5-10/10",
            "items 5-9/10",
            "bytes -1-9/10",
            "bytes 5-99999999999999999999/*",
        ] {
            assert_eq!(range(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn pauses_are_seconds_or_dates() {
        let now = httpdate::parse_http_date("Fri, 31 Dec 1999 23:59:00 GMT").unwrap();
        let pause = |value| retry_after(&headers(&[("retry-after", value)]), now);
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("Fri, 31 Dec 1999 23:59:59 GMT"), Some(Duration::from_secs(59)));
        assert_eq!(pause("Fri, 31 Dec 1999 23:58:00 GMT"), Some(Duration::ZERO));
        assert_eq!(pause("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn a_weak_tag_is_no_validator() {
        assert_eq!(validator(&headers(&[("etag", "\"a\""), ("last-modified", "then")])).as_deref(), Some("\"a\""));
        assert_eq!(validator(&headers(&[("etag", "W/\"a\""), ("last-modified", "then")])).as_deref(), Some("then"));
        assert_eq!(validator(&headers(&[("etag", "W/\"a\"")])), None);
    }
}
