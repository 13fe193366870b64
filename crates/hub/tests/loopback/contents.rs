//! Servers that send something else than the file, and disks that do not take it.

use std::fs;
use std::path::Path;

use xfer_hub::HubError;

use crate::server::{Answer, Server, serve};
use crate::{content, md5_of, names, quick, run, wanted};

#[test]
fn a_wrong_file_is_fetched_once_more_and_then_refused() {
    let (data, other) = (content(50_000), vec![7; 50_000]);
    let server = Server::start({
        let other = other.clone();
        move |request| serve(request, &other, "\"one\"")
    });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/f")]);
    let error = run(&wanted, &quick()).0.unwrap_err();
    let HubError::WrongChecksum { expected, got, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(expected, &md5_of(&data));
    assert_eq!(got, &md5_of(&other));
    let message = error.to_string();
    assert!(message.contains(expected.hex()) && message.contains(got.hex()), "{message}");
    assert_eq!(server.requests().len(), 2);
    assert_eq!(server.requests()[1].range, None);
    assert!(names(folder.path()).is_empty(), "no part stays");
}

#[test]
fn a_spoilt_part_is_replaced() {
    let data = content(50_000);
    let server = Server::start({
        let data = data.clone();
        move |request| serve(request, &data, "\"one\"")
    });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/f")]);
    fs::write(folder.path().join("file.h5.part"), vec![7; 20_000]).unwrap();
    run(&wanted, &quick()).0.unwrap();
    assert_eq!(fs::read(&wanted.path).unwrap(), data);
    let ranges: Vec<_> = server.requests().iter().map(|request| request.range).collect();
    assert_eq!(ranges, [Some(20_000), None]);
}

#[test]
fn a_size_that_the_server_announces_is_compared_before_the_body() {
    let data = content(50_000);
    let server = Server::start(|_| Answer::body(b"<html>please log in</html>"));
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/f")]);
    let error = run(&wanted, &quick()).0.unwrap_err();
    assert!(matches!(error, HubError::WrongSize { expected: 50_000, got: 26, .. }), "{error:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_body_that_does_not_end_is_left() {
    let data = content(50_000);
    let server = Server::start(|_| Answer { length: false, ..Answer::body(&vec![7; 5_000_000]) });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/f")]);
    let error = run(&wanted, &quick()).0.unwrap_err();
    assert!(matches!(error, HubError::WrongSize { expected: 50_000, got, .. } if got < 200_000), "{error:?}");
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_body_of_unknown_length_that_ends_early_is_resumed() {
    let data = content(50_000);
    let server = Server::start({
        let data = data.clone();
        move |request| match request.index {
            0 => Answer { length: false, ..Answer::body(&data[..20_000]) },
            _ => serve(request, &data, "\"one\""),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/f")]);
    run(&wanted, &quick()).0.unwrap();
    assert_eq!(fs::read(&wanted.path).unwrap(), data);
    assert_eq!(server.requests()[1].range, Some(20_000));
}

#[test]
fn a_right_file_that_is_there_needs_no_request_and_a_wrong_one_is_replaced() {
    let data = content(50_000);
    let server = Server::start({
        let data = data.clone();
        move |request| serve(request, &data, "\"one\"")
    });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/f")]);
    fs::write(&wanted.path, &data).unwrap();
    run(&wanted, &quick()).0.unwrap();
    assert!(server.requests().is_empty());

    fs::write(&wanted.path, "spoilt").unwrap();
    let (result, events) = run(&wanted, &quick());
    result.unwrap();
    assert_eq!(events[..2], ["Verifying", "Ignored"]);
    assert_eq!(fs::read(&wanted.path).unwrap(), data);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_as_such() {
    let data = content(50_000);
    let server = Server::start({
        let data = data.clone();
        move |request| serve(request, &data, "\"one\"")
    });
    let folder = tempfile::tempdir().unwrap();
    let wanted = wanted(folder.path(), &data, &[server.url("/f")]);
    // Writing to this device answers as a full disk does.
    std::os::unix::fs::symlink("/dev/full", folder.path().join("file.h5.part")).unwrap();
    let error = run(&wanted, &quick()).0.unwrap_err();
    assert!(matches!(error, HubError::DiskFull { .. }), "{error:?}");
    assert!(error.to_string().contains("no space left"), "{error}");
    assert_eq!(server.requests().len(), 1, "no address helps a full disk");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    fs::write(&file, "").unwrap();
    let wanted = wanted(&file.join("models"), b"x", &["http://127.0.0.1:9/f".into()]);
    let error = run(&wanted, &quick()).0.unwrap_err();
    assert!(matches!(error, HubError::Io { .. }), "{error:?}");
    let message = error.to_string();
    assert!(
        message.contains("cannot create the folder")
            && message.contains(&Path::new("a-file").join("models").display().to_string()),
        "{message}"
    );
}
