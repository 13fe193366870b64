//! Several addresses of one file.

use std::fs;

use xfer_hub::HubError;

use crate::server::{Answer, Server, serve};
use crate::{content, quick, run, wanted};

#[test]
fn a_missing_file_is_taken_from_the_next_address() {
    let data = content(50_000);
    let server = Server::start({
        let data = data.clone();
        move |request| match request.path.as_str() {
            "/second" => serve(request, &data, "\"one\""),
            _ => Answer::status(404),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let urls = [server.url("/first"), server.url("/second")];
    let wanted = wanted(folder.path(), &data, &urls);
    let (result, events) = run(&wanted, &quick());
    result.unwrap();
    assert_eq!(events, ["Connecting", "NextAddress", "Connecting", "Started", "Received", "Verifying"]);
    assert_eq!(server.requests().len(), 2, "a 404 is not tried again");
}

#[test]
fn the_next_address_adds_to_what_the_first_one_sent() {
    let data = content(50_000);
    let server = Server::start({
        let data = data.clone();
        move |request| match (request.path.as_str(), request.index) {
            ("/first", 0) => serve(request, &data, "\"one\"").cut_after(30_000),
            ("/first", _) => Answer::status(403),
            _ => serve(request, &data, "\"other tag\""),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let urls = [server.url("/first"), server.url("/second")];
    let wanted = wanted(folder.path(), &data, &urls);
    run(&wanted, &quick()).0.unwrap();
    assert_eq!(fs::read(&wanted.path).unwrap(), data);
    let last = &server.requests()[2];
    assert_eq!((last.path.as_str(), last.range, last.if_range.as_deref()), ("/second", Some(30_000), None));
    assert_eq!(server.body_bytes(), data.len());
}

#[test]
fn redirects_are_followed_and_keep_the_range() {
    let data = content(50_000);
    let server = Server::start({
        let data = data.clone();
        move |request| match request.path.as_str() {
            "/file" => Answer::status(302).header("location", "/store/file"),
            _ => {
                let answer = serve(request, &data, "\"one\"");
                match request.index {
                    1 => answer.cut_after(20_000),
                    _ => answer,
                }
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/file")]);
    run(&wanted, &quick()).0.unwrap();
    assert_eq!(fs::read(&wanted.path).unwrap(), data);
    assert_eq!(server.body_bytes(), data.len());
    assert_eq!(server.requests()[3].range, Some(20_000));
}

#[test]
fn the_error_names_every_address_and_its_reason() {
    let server = Server::start(|request| match request.path.as_str() {
        "/first" => Answer::status(404),
        _ => Answer::status(403),
    });
    let folder = tempfile::tempdir().unwrap();
    let urls = [server.url("/first"), server.url("/second")];
    let wanted = wanted(folder.path(), b"x", &urls);
    let error = run(&wanted, &quick()).0.unwrap_err();
    let HubError::Unreachable { attempts, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(attempts.len(), 2);
    let message = error.to_string();
    let host = server.url("").replace("http://", "");
    for fact in [
        format!("{host}: answered with status 404"),
        format!("{host}: answered with status 403"),
        urls.join(
            "
    ",
        ),
    ] {
        assert!(message.contains(&fact), "{fact:?} not in {message}");
    }
}
