//! One request and its answer: what it adds to the part.

use std::fs::File;
use std::io::{self, Read, Write};
use std::time::SystemTime;

use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

use super::Download;
use super::failure::Failure;
use super::headers;
use super::part::{Origin, Part};
use crate::{HubError, Progress};

/// Asks `url` for what is missing and adds it to `part`. Success: the part is complete, its checksum still unknown.
pub(super) fn attempt(
    agent: &Agent,
    url: &str,
    download: &Download,
    part: &mut Part,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), Failure> {
    let offset = usable_bytes(url, download, part)?;
    if offset > 0 && download.bytes == Some(offset) {
        return Ok(());
    }
    progress(Progress::Connecting { url });
    let mut request = agent.get(url);
    if offset > 0 {
        request = request.header("range", format!("bytes={offset}-"));
        if let Some(validator) = part.origin_at(url).and_then(|origin| origin.validator.as_ref()) {
            request = request.header("if-range", validator);
        }
    }
    let response = request.call().map_err(|error| Failure::of_request(url, error))?;
    let status = response.status().as_u16();
    match status {
        206 if offset > 0 => {
            let end = check_range(url, download, part, offset, response.headers())?;
            let file = part.append().map_err(Failure::Local)?;
            receive(url, response, Sink::new(file, part, offset, end), progress)
        }
        200 => {
            let total = headers::content_length(response.headers());
            check_total(url, download, total)?;
            let origin = Origin {
                url: url.to_owned(),
                etag: headers::text(response.headers(), "etag").map(str::to_owned),
                validator: headers::validator(response.headers()),
                total: total.or(download.bytes),
            };
            let end = origin.total;
            let file = part.begin(origin).map_err(Failure::Local)?;
            receive(url, response, Sink::new(file, part, 0, end), progress)
        }
        // The part is longer than the file there, or as long.
        416 if offset > 0 => Err(Failure::WrongContent(HubError::Changed {
            url: url.to_owned(),
            what: format!("there are no bytes from {offset} on"),
        })),
        408 | 425 | 429 | 500..=599 => Err(Failure::Transient {
            error: HubError::Status { url: url.to_owned(), status },
            retry_after: headers::retry_after(response.headers(), SystemTime::now()),
            reached: true,
        }),
        _ => Err(Failure::Address(HubError::Status { url: url.to_owned(), status })),
    }
}

/// How many bytes of the part this address can add to; what it cannot is thrown away.
fn usable_bytes(url: &str, download: &Download, part: &mut Part) -> Result<u64, Failure> {
    let bytes = part.len();
    let fits = download.bytes.is_none_or(|expected| bytes <= expected);
    // Without a checksum only the server can tell whether the two halves belong together.
    let safe = download.checksum.is_some() || part.origin_at(url).is_some_and(|origin| origin.validator.is_some());
    if bytes > 0 && !(fits && safe) {
        part.discard().map_err(Failure::Local)?;
        return Ok(0);
    }
    Ok(bytes)
}

/// The end of the file, if the range in the answer is the rest of the file that the part began.
fn check_range(
    url: &str,
    download: &Download,
    part: &Part,
    offset: u64,
    answer: &HeaderMap,
) -> Result<Option<u64>, Failure> {
    let changed = |what| Err(Failure::WrongContent(HubError::Changed { url: url.to_owned(), what }));
    let Some(range) = headers::content_range(answer) else {
        return changed("the answer does not say which bytes it holds".to_owned());
    };
    if range.first != offset {
        return changed(format!("asked for the bytes from {offset} on, got those from {} on", range.first));
    }
    let total = download.bytes.or(part.total());
    if let (Some(expected), Some(got)) = (total, range.total)
        && expected != got
    {
        return changed(format!("it had {expected} bytes and now has {got}"));
    }
    let before = part.origin_at(url).and_then(|origin| origin.etag.as_deref());
    if let (Some(before), Some(now)) = (before, headers::text(answer, "etag"))
        && before != now
    {
        return changed(format!("its tag was {before} and now is {now}"));
    }
    Ok(total.or(range.total))
}

fn check_total(url: &str, download: &Download, total: Option<u64>) -> Result<(), Failure> {
    match (download.bytes, total) {
        (Some(expected), Some(got)) if expected != got => {
            Err(Failure::Address(HubError::WrongSize { url: url.to_owned(), expected, got }))
        }
        _ => Ok(()),
    }
}

/// Where a body goes: the part, from `bytes` to `end`.
struct Sink<'a> {
    file: File,
    part: &'a Part,
    bytes: u64,
    end: Option<u64>,
}

impl<'a> Sink<'a> {
    fn new(file: File, part: &'a Part, bytes: u64, end: Option<u64>) -> Self {
        Sink { file, part, bytes, end }
    }
}

fn receive(
    url: &str,
    response: Response<Body>,
    mut sink: Sink<'_>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), Failure> {
    progress(Progress::Started { total: sink.end, resumed_from: sink.bytes });
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::of_body(url, error)),
        };
        let bytes = sink.bytes + count as u64;
        if let Some(expected) = sink.end.filter(|end| bytes > *end) {
            return Err(Failure::WrongContent(HubError::WrongSize { url: url.to_owned(), expected, got: bytes }));
        }
        sink.file.write_all(&buffer[..count]).map_err(|error| Failure::Local(sink.part.write_error(error)))?;
        sink.bytes = bytes;
        progress(Progress::Received { bytes, total: sink.end });
    }
    match sink.end {
        Some(expected) if sink.bytes < expected => Err(Failure::Transient {
            error: HubError::Cut { url: url.to_owned(), expected, got: sink.bytes },
            retry_after: None,
            reached: true,
        }),
        _ => Ok(()),
    }
}
