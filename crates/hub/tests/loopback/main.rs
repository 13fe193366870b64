//! Downloads from a real HTTP server on loopback that misbehaves as servers do.

#![expect(clippy::unwrap_used, reason = "a test whose own server or folder fails is a failed test")]

mod addresses;
mod contents;
mod processes;
mod proxy;
mod resume;
mod retries;
mod server;
mod weights;

use std::path::Path;
use std::time::Duration;

use md5::{Digest, Md5};
use xfer_hub::{Checksum, Download, HttpOptions, HubError, Progress, download};

/// Bytes that do not compress and do not repeat, so that a wrongly joined file cannot sum right.
fn content(bytes: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    (0..bytes)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

fn md5_hex(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn md5_of(bytes: &[u8]) -> Checksum {
    md5_hex(bytes).parse().expect("32 digits")
}

/// `content` wanted from `urls`, in `folder`.
fn wanted(folder: &Path, content: &[u8], urls: &[String]) -> Download {
    Download {
        urls: urls.to_vec(),
        path: folder.join("file.h5"),
        checksum: Some(md5_of(content)),
        bytes: Some(content.len() as u64),
    }
}

/// Real pauses and time-outs, shorter.
fn quick() -> HttpOptions {
    let mut http = HttpOptions::default();
    http.retries = 3;
    http.connect_retries = 1;
    http.min_delay = Duration::from_millis(5);
    http.max_delay = Duration::from_millis(20);
    http.stall_timeout = Duration::from_millis(400);
    http
}

/// Names of the events, in order; runs of arriving or verified bytes count once.
fn run(wanted: &Download, http: &HttpOptions) -> (Result<(), HubError>, Vec<String>) {
    let mut events: Vec<String> = Vec::new();
    let result = download(wanted, http, &mut |progress: Progress<'_>| {
        let text = format!("{progress:?}");
        let name = text.split([' ', '{']).next().unwrap_or_default().to_owned();
        if events.last() != Some(&name) {
            events.push(name);
        }
    });
    (result, events)
}

/// What is in the folder besides lock files.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension() != Some("lock".as_ref()))
        .collect();
    names.sort();
    names
}
