//! Several processes, and one that is killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{Answer, Request, Server, serve};
use crate::{content, md5_hex, names};

/// The `download` example, which `cargo test` builds beside the tests.
pub(crate) fn command(path: &Path, data: &[u8], url: &str) -> Command {
    let tests = std::env::current_exe().expect("the test executable");
    let target: PathBuf = tests.ancestors().nth(2).expect("target/<profile>/deps").into();
    let mut command = Command::new(target.join("examples").join("download"));
    command.arg(path).arg(md5_hex(data)).arg(url);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(name);
    }
    command.stdout(Stdio::piped());
    command
}

fn start(path: &Path, data: &[u8], url: &str) -> Child {
    command(path, data, url).spawn().expect("the download example is built by cargo test")
}

fn slowly(request: &Request, data: &[u8]) -> Answer {
    Answer { pause: Duration::from_millis(20), ..serve(request, data, "\"one\"") }
}

fn wait_for_bytes(part: &Path, bytes: u64) {
    let start = Instant::now();
    while fs::metadata(part).map_or(0, |metadata| metadata.len()) < bytes {
        assert!(start.elapsed() < Duration::from_secs(20), "nothing arrives in {}", part.display());
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn two_processes_download_once() {
    let data = content(500_000);
    let server = Server::start({
        let data = data.clone();
        move |request| slowly(request, &data)
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.h5");
    let first = start(&path, &data, &server.url("/f"));
    wait_for_bytes(&folder.path().join("file.h5.part"), 1);
    let second = start(&path, &data, &server.url("/f"));
    let outputs: Vec<_> = [first, second].into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    for output in &outputs {
        assert!(output.status.success(), "{output:?}");
    }
    let said = String::from_utf8_lossy(&outputs[1].stdout);
    assert!(said.contains("Waiting"), "{said}");
    assert_eq!(server.requests().len(), 1);
    assert_eq!(server.body_bytes(), data.len());
    assert_eq!(fs::read(&path).unwrap(), data);
    assert_eq!(names(folder.path()), ["file.h5"]);
}

#[test]
fn a_killed_download_goes_on_where_it_was() {
    let data = content(1_000_000);
    let server = Server::start({
        let data = data.clone();
        move |request| slowly(request, &data)
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.h5");
    let part = folder.path().join("file.h5.part");
    let mut first = start(&path, &data, &server.url("/f"));
    wait_for_bytes(&part, 300_000);
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(!path.exists(), "the name appears with the whole file only");
    let kept = fs::metadata(&part).unwrap().len();

    let second = start(&path, &data, &server.url("/f"));
    let output = second.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::read(&path).unwrap(), data);
    let again = &server.requests()[1];
    assert_eq!(again.range, Some(usize::try_from(kept).unwrap()));
    assert_eq!(again.if_range.as_deref(), Some("\"one\""));
    assert_eq!(names(folder.path()), ["file.h5"]);
}
