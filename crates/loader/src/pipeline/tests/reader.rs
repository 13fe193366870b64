//! Files that a function reads.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{content, flow, options, photos, threads};
use crate::{ErrorBudget, FileReader, Flow, FlowOptions, LoaderError, LoaderOptions, OnError, Stage};

type Contents = Vec<(u64, usize, Vec<u32>, Vec<usize>, Vec<u32>)>;

fn run(flow: &Flow, loader: &LoaderOptions) -> Contents {
    flow.stream(0..3, loader).unwrap().blocking().map(|batch| content(&batch.unwrap())).collect()
}

#[test]
fn files_need_not_be_files() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 5);
    let flow = flow(root.path(), options());
    let expected = run(&flow, &threads(1));
    let store: HashMap<_, _> = flow
        .filenames()
        .map(|name| root.path().join(name))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    for class in ["rural", "urban"] {
        fs::remove_dir_all(root.path().join(class)).unwrap();
    }
    let reader = FileReader::new(move |path, buffer| {
        let object = store.get(path).ok_or(io::ErrorKind::NotFound)?;
        buffer.room(object.len())?.copy_from_slice(object);
        Ok(object.len())
    });
    let flow = flow.read_by(reader);
    for count in [1, 4] {
        assert!(run(&flow, &threads(count)) == expected);
    }
    // Whatever is made of the flow reads the same way.
    assert_eq!(run(&flow.with_options(flow.options().clone()).unwrap().first(4), &threads(1)).len(), 3);
}

// invariant 2, where reads come back in any order.
#[test]
fn slow_reads_are_made_at_the_same_time_and_change_nothing() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 9);
    let flow = flow(root.path(), options());
    let expected = run(&flow, &threads(1));
    for (limit, least) in [(0, 5), (3, 2)] {
        let (now, most, calls) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        let disk = FileReader::default();
        let peak = Arc::clone(&most);
        let reader = FileReader::new(move |path, buffer| {
            peak.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            let call = calls.fetch_add(1, Ordering::Relaxed) as u64;
            std::thread::sleep(Duration::from_millis(5 + call * 7 % 20));
            let read = disk.read(path, buffer);
            now.fetch_sub(1, Ordering::Relaxed);
            read
        });
        let loader = LoaderOptions { concurrent_reads: limit, ..threads(1) };
        assert!(run(&flow.read_by(reader), &loader) == expected);
        let most = most.load(Ordering::Relaxed);
        assert!(most >= least && (limit == 0 || most <= limit), "{most} reads at the same time, at most {limit}");
    }
}

#[test]
fn what_a_function_fails_at_is_named_and_skipped() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 4);
    let reader = FileReader::new(|path, buffer| match path.file_stem().and_then(|name| name.to_str()) {
        Some("01") => Err(io::Error::other("the store is shut")),
        Some("02") => panic!("no such bucket"),
        _ => FileReader::default().read(path, buffer),
    });
    let failing = flow(root.path(), FlowOptions { shuffle: false, ..options() }).read_by(reader.clone());
    let error = failing.stream(0..1, &threads(2)).unwrap().blocking().find_map(Result::err).unwrap();
    let LoaderError::Io { path, stage: Stage::Read, source } = &error else { panic!("{error:?}") };
    assert_eq!((path.clone(), source.to_string()), (root.path().join("rural/01.jpg"), "the store is shut".to_owned()));

    for policy in [OnError::Skip, OnError::Replace] {
        let options = FlowOptions { on_error: policy, error_budget: ErrorBudget::Count(4), ..options() };
        let stream = flow(root.path(), options).read_by(reader.clone()).stream(0..2, &threads(2)).unwrap().blocking();
        let report = stream.report();
        let images: usize = stream.map(|batch| batch.unwrap().len()).sum();
        assert_eq!(images, if policy == OnError::Skip { 2 * 4 } else { 2 * 8 });
        let told: Vec<_> = report.read().failures.iter().map(crate::Failure::reason).collect();
        assert_eq!(told.len(), 4);
        assert!(told[1].ends_with("panicked: no such bucket"), "{told:?}");
    }
}
