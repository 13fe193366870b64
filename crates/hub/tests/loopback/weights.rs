//! Published files by name: Keras' folder, the cache, a mirror.

use std::fs;
use std::path::Path;

use xfer_hub::{FetchOptions, HubError, Progress, WeightFile, fetch, locate};

use crate::server::{Answer, Server, serve};
use crate::{content, md5_hex, quick};

/// A published file like those of the catalogue, small enough for a test.
fn published(data: &[u8]) -> WeightFile {
    WeightFile {
        name: "tiny",
        description: "a small one",
        file_name: "tiny_notop.h5",
        keras_name: "keras_tiny_notop.h5",
        urls: &["http://127.0.0.1:9/never"],
        md5: md5_hex(data).leak(),
        bytes: data.len() as u64,
    }
}

fn options(folder: &Path, mirror: Option<String>) -> FetchOptions {
    let mut options = FetchOptions::new(folder.join("cache/models"));
    options.keras_models_dir = Some(folder.join("keras/models"));
    options.mirror = mirror;
    options.http = quick();
    options
}

fn silent(_: Progress<'_>) {}

#[test]
fn a_mirror_serves_the_file_name_and_the_cache_answers_after_it() {
    let data = content(20_000);
    let server = Server::start({
        let data = data.clone();
        move |request| match request.path.as_str() {
            "/mirror/tiny_notop.h5" => serve(request, &data, "\"one\""),
            _ => Answer::status(404),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let file = published(&data);
    let options = options(folder.path(), Some(server.url("/mirror/")));
    let path = fetch(&file, &options, &mut silent).unwrap();
    assert_eq!(path, folder.path().join("cache/models/tiny_notop.h5"));
    assert_eq!(fs::read(&path).unwrap(), data);

    let mut events = 0;
    assert_eq!(fetch(&file, &options, &mut |_| events += 1).unwrap(), path);
    assert_eq!(events, 0, "neither a request nor a second reading");
    assert_eq!(server.requests().len(), 1);
    assert!(!folder.path().join("keras").exists(), "Keras' folder is not ours to make");
}

#[test]
fn a_right_file_of_keras_is_used_as_it_is() {
    let data = content(20_000);
    let folder = tempfile::tempdir().unwrap();
    let keras = folder.path().join("keras/models");
    fs::create_dir_all(&keras).unwrap();
    fs::write(keras.join("keras_tiny_notop.h5"), &data).unwrap();
    let options = options(folder.path(), None);
    let file = published(&data);
    let path = fetch(&file, &options, &mut silent).unwrap();
    assert_eq!(path, keras.join("keras_tiny_notop.h5"));

    let mut read = 0;
    fetch(&file, &options, &mut |_| read += 1).unwrap();
    assert_eq!(read, 0, "the sum is remembered");
    let there: Vec<_> = fs::read_dir(&keras).unwrap().collect();
    assert_eq!(there.len(), 1, "in this project's cache, not in Keras' folder");
}

#[test]
fn a_wrong_file_of_keras_is_told_and_left() {
    let data = content(20_000);
    let server = Server::start({
        let data = data.clone();
        move |request| serve(request, &data, "\"one\"")
    });
    let folder = tempfile::tempdir().unwrap();
    let keras = folder.path().join("keras/models");
    fs::create_dir_all(&keras).unwrap();
    let theirs = keras.join("keras_tiny_notop.h5");
    fs::write(&theirs, "another layout").unwrap();
    let mut ignored = Vec::new();
    let path = fetch(&published(&data), &options(folder.path(), Some(server.url(""))), &mut |progress| {
        if let Progress::Ignored { path, .. } = progress {
            ignored.push(path.to_owned());
        }
    })
    .unwrap();
    assert_eq!(path, folder.path().join("cache/models/tiny_notop.h5"));
    assert_eq!(ignored, std::slice::from_ref(&theirs));
    assert_eq!(fs::read_to_string(theirs).unwrap(), "another layout");
}

#[test]
fn offline_uses_what_is_here_and_else_says_what_to_get() {
    let data = content(20_000);
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path(), None);
    options.offline = true;
    let file = published(&data);
    assert!(locate(&file, &options, &mut silent).unwrap().is_none());
    let error = fetch(&file, &options, &mut silent).unwrap_err();
    assert!(matches!(error, HubError::Offline { .. }), "{error:?}");
    let place = folder.path().join("cache/models/tiny_notop.h5");
    let message = error.to_string();
    for fact in ["http://127.0.0.1:9/never", "20000 bytes", file.md5, &place.display().to_string()] {
        assert!(message.contains(fact), "{fact:?} not in {message}");
    }
    // Doing what the message says works.
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(&place, &data).unwrap();
    assert_eq!(fetch(&file, &options, &mut silent).unwrap(), place);
}
