//! Servers that are busy, broken for a moment, silent or gone.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use xfer_hub::HubError;

use crate::server::{Answer, Server, serve};
use crate::{content, names, quick, run, wanted};

#[test]
fn a_503_is_tried_again() {
    let data = content(10_000);
    let server = Server::start({
        let data = data.clone();
        move |request| match request.index {
            0 => Answer::status(503),
            1 => Answer::status(500),
            _ => serve(request, &data, "\"one\""),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/f")]);
    let (result, events) = run(&wanted, &quick());
    result.unwrap();
    assert_eq!(
        events,
        ["Connecting", "Retrying", "Connecting", "Retrying", "Connecting", "Started", "Received", "Verifying"]
    );
}

#[test]
fn a_pause_that_the_server_asks_for_is_kept() {
    let data = content(10_000);
    let server = Server::start({
        let data = data.clone();
        move |request| match request.index {
            0 => Answer::status(429).header("retry-after", "1"),
            _ => serve(request, &data, "\"one\""),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/f")]);
    let start = Instant::now();
    run(&wanted, &quick()).0.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_pause_without_end_is_not_waited_for() {
    let server = Server::start(|_| Answer::status(429).header("retry-after", "86400"));
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), b"x", &[server.url("/f")]);
    let error = run(&wanted, &quick()).0.unwrap_err().to_string();
    assert!(error.contains("asks for a pause of 86400 s"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_server_that_stays_broken_is_given_up() {
    let server = Server::start(|_| Answer::status(503));
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), b"x", &[server.url("/f")]);
    let error = run(&wanted, &quick()).0.unwrap_err().to_string();
    assert!(error.contains("answered with status 503"), "{error}");
    assert_eq!(server.requests().len(), 1 + quick().retries);
}

#[test]
fn a_stalled_body_is_resumed() {
    let data = content(200_000);
    let server = Server::start({
        let data = data.clone();
        move |request| {
            let answer = serve(request, &data, "\"one\"");
            match request.index {
                0 => Answer { stall_after: Some(70_000), ..answer },
                _ => answer,
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/f")]);
    run(&wanted, &quick()).0.unwrap();
    assert_eq!(server.body_bytes(), data.len());
    assert_eq!(server.requests()[1].range, Some(70_000));
}

#[test]
fn a_slow_body_is_no_stalled_one() {
    let data = content(160_000);
    let server = Server::start({
        let data = data.clone();
        move |request| Answer { pause: Duration::from_millis(100), ..serve(request, &data, "\"one\"") }
    });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/f")]);
    let start = Instant::now();
    run(&wanted, &quick()).0.unwrap();
    assert!(start.elapsed() > 2 * quick().stall_timeout, "took {:?}", start.elapsed());
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_port_that_nobody_listens_on_is_given_up_soon_and_the_error_says_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/file.h5", listener.local_addr().unwrap());
    drop(listener);
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), b"x", std::slice::from_ref(&url));
    let (result, events) = run(&wanted, &quick());
    let error = result.unwrap_err();
    assert!(matches!(error, HubError::Unreachable { .. }), "{error:?}");
    let message = error.to_string();
    for fact in [
        "cannot download file.h5",
        &url,
        "refused",
        "1 bytes, md5 9dd4e461268c8034f5c8564e155c67a6",
        &wanted.path.display().to_string(),
    ] {
        assert!(message.contains(fact), "{fact:?} not in {message}");
    }
    assert_eq!(events.iter().filter(|name| *name == "Retrying").count(), quick().connect_retries);
    assert!(names(folder.path()).is_empty());
}
