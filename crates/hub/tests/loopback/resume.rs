//! Cut connections: what has arrived is not sent again.

use crate::server::{Answer, Server, serve};
use crate::{content, names, quick, run, wanted};

const BYTES: usize = 300_000;

#[test]
fn a_cut_body_is_resumed_by_range() {
    let data = content(BYTES);
    let server = Server::start({
        let data = data.clone();
        move |request| {
            let answer = serve(request, &data, "\"one\"");
            match request.index {
                0 | 1 => answer.cut_after(100_000),
                _ => answer,
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/file.h5")]);
    let (result, events) = run(&wanted, &quick());
    result.unwrap();
    assert_eq!(std::fs::read(&wanted.path).unwrap(), data);
    assert_eq!(server.body_bytes(), BYTES, "every byte is sent once");
    let ranges: Vec<_> = server.requests().iter().map(|request| (request.range, request.if_range.clone())).collect();
    let tag = Some("\"one\"".to_owned());
    assert_eq!(ranges, [(None, None), (Some(100_000), tag.clone()), (Some(200_000), tag)]);
    assert_eq!(names(folder.path()), ["file.h5"]);
    assert_eq!(events.iter().filter(|name| *name == "Retrying").count(), 2, "{events:?}");
}

#[test]
fn more_cuts_than_retries_are_no_reason_to_give_up_while_bytes_arrive() {
    let data = content(BYTES);
    let server = Server::start({
        let data = data.clone();
        move |request| {
            let answer = serve(request, &data, "\"one\"");
            let cut = answer.body.len().min(30_000);
            answer.cut_after(cut)
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/file.h5")]);
    run(&wanted, &quick()).0.unwrap();
    assert_eq!(server.requests().len(), 10);
    assert_eq!(server.body_bytes(), BYTES);
}

#[test]
fn a_server_that_always_cuts_and_never_resumes_comes_to_an_end() {
    let data = content(BYTES);
    let server = Server::start({
        let data = data.clone();
        move |_| Answer::body(&data).cut_after(100_000)
    });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/file.h5")]);
    let error = run(&wanted, &quick()).0.unwrap_err().to_string();
    assert!(error.contains("cannot download file.h5"), "{error}");
    assert_eq!(server.requests().len(), 1 + quick().retries);
    assert!(!wanted.path.exists());
}

#[test]
fn a_server_that_ignores_ranges_starts_over() {
    let data = content(BYTES);
    let server = Server::start({
        let data = data.clone();
        move |request| match request.index {
            0 => Answer::body(&data).cut_after(100_000),
            _ => Answer::body(&data),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/file.h5")]);
    run(&wanted, &quick()).0.unwrap();
    assert_eq!(std::fs::read(&wanted.path).unwrap(), data);
    assert_eq!(server.requests()[1].range, Some(100_000));
    assert_eq!(server.body_bytes(), 100_000 + BYTES);
}

#[test]
fn a_file_that_changed_between_the_halves_is_taken_whole() {
    let (old, new) = (vec![7; BYTES], content(BYTES));
    let server = Server::start({
        let new = new.clone();
        move |request| match request.index {
            0 => serve(request, &old, "\"old\"").cut_after(100_000),
            _ => serve(request, &new, "\"new\""),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &new, &[server.url("/file.h5")]);
    run(&wanted, &quick()).0.unwrap();
    assert_eq!(std::fs::read(&wanted.path).unwrap(), new);
    assert_eq!(server.requests()[1].if_range.as_deref(), Some("\"old\""));
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_changed_file_is_noticed_where_if_range_is_ignored() {
    let (old, new) = (vec![7; BYTES], content(BYTES));
    let server = Server::start({
        let new = new.clone();
        move |request| match request.index {
            0 => serve(request, &old, "\"old\"").cut_after(100_000),
            _ => {
                let mut request = request.clone();
                request.if_range = None;
                serve(&request, &new, "\"new\"")
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = wanted(folder.path(), &new, &[server.url("/file.h5")]);
    // The tags alone must tell.
    wanted.checksum = None;
    let (result, events) = run(&wanted, &quick());
    result.unwrap();
    assert_eq!(std::fs::read(&wanted.path).unwrap(), new);
    assert!(events.contains(&"StartingOver".to_owned()), "{events:?}");
}

#[test]
fn a_range_that_begins_elsewhere_is_not_joined() {
    let data = content(BYTES);
    let server = Server::start({
        let data = data.clone();
        move |request| {
            let mut request = request.clone();
            match request.index {
                0 => serve(&request, &data, "\"one\"").cut_after(100_000),
                1 => {
                    request.range = Some(50_000);
                    serve(&request, &data, "\"one\"")
                }
                _ => serve(&request, &data, "\"one\""),
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/file.h5")]);
    run(&wanted, &quick()).0.unwrap();
    assert_eq!(std::fs::read(&wanted.path).unwrap(), data);
    assert_eq!(server.requests()[2].range, None);
}

#[test]
fn a_part_of_an_earlier_run_is_used() {
    let data = content(BYTES);
    let server = Server::start({
        let data = data.clone();
        move |request| serve(request, &data, "\"one\"")
    });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/file.h5")]);
    std::fs::write(folder.path().join("file.h5.part"), &data[..250_000]).unwrap();
    run(&wanted, &quick()).0.unwrap();
    assert_eq!(server.body_bytes(), 50_000);
    assert_eq!(names(folder.path()), ["file.h5"]);
}

#[test]
fn a_complete_part_needs_no_request() {
    let data = content(BYTES);
    let server = Server::start(|_| Answer::status(500));
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/file.h5")]);
    std::fs::write(folder.path().join("file.h5.part"), &data).unwrap();
    run(&wanted, &quick()).0.unwrap();
    assert!(server.requests().is_empty());
    assert_eq!(std::fs::read(&wanted.path).unwrap(), data);
}

#[test]
fn without_a_checksum_a_part_that_no_server_vouches_for_is_dropped() {
    let data = content(BYTES);
    let server = Server::start({
        let data = data.clone();
        move |request| serve(request, &data, "\"one\"")
    });
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = wanted(folder.path(), &data, &[server.url("/file.h5")]);
    wanted.checksum = None;
    wanted.bytes = None;
    std::fs::write(folder.path().join("file.h5.part"), vec![7; 250_000]).unwrap();
    run(&wanted, &quick()).0.unwrap();
    assert_eq!(std::fs::read(&wanted.path).unwrap(), data);
}
