//! Files that fail, under each policy.

use std::fs;
use std::path::Path;

use super::{content, generator, options, photos, threads};
use crate::{Batch, DirectoryOptions, ErrorBudget, Flow, FlowOptions, LoaderError, OnError, Report, Stage};

/// Photos 2 and 5 of `rural` (of 8 a class) are spoiled.
fn spoiled(root: &Path) {
    photos(root, 8);
    fs::write(root.join("rural/02.png"), "").unwrap();
    fs::write(root.join("rural/05.jpg"), "I am text").unwrap();
}

fn flow(root: &Path, on_error: OnError, budget: ErrorBudget) -> Flow {
    let options = FlowOptions { on_error, error_budget: budget, ..options() };
    generator().flow_from_directory(root, &DirectoryOptions::default(), options).unwrap()
}

/// Every batch of `epochs` epochs, and the report at their end.
fn run(flow: &Flow, epochs: u64, count: usize) -> (Vec<Result<Batch, LoaderError>>, Report) {
    let stream = flow.stream(0..epochs, &threads(count)).unwrap().blocking();
    let report = stream.report();
    (stream.collect(), report.read())
}

#[test]
fn skipping_makes_batches_smaller_and_names_the_files() {
    let root = tempfile::tempdir().unwrap();
    spoiled(root.path());
    let flow = flow(root.path(), OnError::Skip, ErrorBudget::Count(2));
    let (batches, report) = run(&flow, 2, 3);
    let batches: Vec<Batch> = batches.into_iter().map(Result::unwrap).collect();
    assert_eq!(batches.len(), 2 * 4, "as many batches as without failures");
    for epoch in batches.chunks(4) {
        let mut seen: Vec<usize> = epoch.iter().flat_map(|batch| batch.sample_indices().to_vec()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..16).filter(|sample| ![2, 5].contains(sample)).collect::<Vec<_>>());
    }
    assert!(batches.iter().all(|batch| batch.labels().len() == batch.len()));
    assert_eq!(report.samples, 2 * 14);
    let told: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(told[0].ends_with("rural/02.png: decode: the file is empty"), "{told:?}");
    assert!(told[1].contains("rural/05.jpg: decode: not an image"), "{told:?}");
    assert_eq!(told.len(), 2, "a file is named once, however many epochs it fails in");
    assert_eq!(report.failures[0].stage(), Stage::Decode);
}

#[test]
fn what_is_left_is_what_it_would_have_been() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 8);
    let whole = run(&flow(root.path(), OnError::Fail, ErrorBudget::default()), 1, 2).0;
    spoiled(root.path());
    let skipped = run(&flow(root.path(), OnError::Skip, ErrorBudget::Count(2)), 1, 2).0;
    for (whole, skipped) in whole.into_iter().zip(skipped) {
        let (whole, skipped) = (content(&whole.unwrap()), content(&skipped.unwrap()));
        let values = whole.4.len() / whole.3.len();
        for (place, sample) in skipped.3.iter().enumerate() {
            let before = whole.3.iter().position(|other| other == sample).unwrap();
            assert_eq!(skipped.4[place * values..][..values], whole.4[before * values..][..values]);
        }
    }
}

#[test]
fn replacing_keeps_batches_full_and_classes_right() {
    let root = tempfile::tempdir().unwrap();
    spoiled(root.path());
    let flow = flow(root.path(), OnError::Replace, ErrorBudget::Rate(0.2));
    let (batches, report) = run(&flow, 3, 2);
    for batch in &batches {
        let batch = batch.as_ref().unwrap();
        assert_eq!(batch.len(), 4);
        assert!(batch.sample_indices().iter().all(|sample| ![2, 5].contains(sample)));
        let labels = flow.labels().unwrap();
        assert!(batch.sample_indices().iter().zip(batch.labels()).all(|(&sample, &label)| labels[sample] == label));
    }
    let rural = batches.iter().flatten().flat_map(|batch| batch.labels().to_vec()).filter(|&label| label == 0).count();
    assert_eq!(rural, 3 * 8, "a rural photo takes the place of a rural one");
    assert_eq!(report.failures.len(), 2);
    assert!(report.failures.iter().all(|failure| failure.replacement.is_some_and(|sample| sample < 8)));
}

// invariant 2: which sample replaces which depends on no thread.
#[test]
fn every_policy_gives_the_same_bytes_at_any_number_of_threads() {
    let root = tempfile::tempdir().unwrap();
    spoiled(root.path());
    for policy in [OnError::Skip, OnError::Replace] {
        let flow = flow(root.path(), policy, ErrorBudget::Count(2));
        let all = |count| run(&flow, 2, count).0.into_iter().map(|batch| content(&batch.unwrap())).collect::<Vec<_>>();
        let one = all(1);
        for count in [2, 3, 8] {
            assert_eq!(all(count), one, "{policy} with {count} threads");
        }
    }
}

#[test]
fn a_failure_beyond_the_budget_ends_the_stream() {
    let root = tempfile::tempdir().unwrap();
    spoiled(root.path());
    for (policy, budget) in [(OnError::Skip, ErrorBudget::Count(1)), (OnError::Replace, ErrorBudget::Rate(0.1))] {
        let flow = flow(root.path(), policy, budget);
        for count in [1, 4] {
            let (batches, report) = run(&flow, 5, count);
            let (last, before) = batches.split_last().unwrap();
            let error = last.as_ref().unwrap_err();
            assert!(matches!(error, LoaderError::TooManyFailures { failed: 2, samples: 16, .. }), "{error:?}");
            assert!(before.iter().all(Result::is_ok));
            assert_eq!(report.failures.len(), 1, "the files within the budget are still listed");
        }
    }
}

#[test]
fn a_batch_without_a_good_file_is_empty_or_ends_the_stream() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 4);
    for number in 0..4 {
        let extension = if number % 2 == 0 { "png" } else { "jpg" };
        fs::write(root.path().join(format!("rural/{number:02}.{extension}")), "no").unwrap();
    }
    let ordered = |on_error| {
        let options = FlowOptions { shuffle: false, on_error, error_budget: ErrorBudget::Rate(1.0), ..options() };
        generator().flow_from_directory(root.path(), &DirectoryOptions::default(), options).unwrap()
    };
    let (batches, _) = run(&ordered(OnError::Skip), 1, 2);
    let sizes: Vec<_> = batches.iter().map(|batch| batch.as_ref().unwrap().len()).collect();
    assert_eq!(sizes, [0, 4], "the number of batches stays");
    assert!(batches[0].as_ref().unwrap().is_empty());
    let (batches, _) = run(&ordered(OnError::Replace), 1, 2);
    let error = batches[0].as_ref().unwrap_err();
    assert!(error.to_string().ends_with("rural/00.png: cannot decode"), "no good file of the class: {error}");
}

#[test]
fn files_that_cannot_be_read_are_skipped_as_well() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 4);
    fs::remove_file(root.path().join("rural/01.jpg")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.path().join("rural/01.jpg")).unwrap();
    let flow = flow(root.path(), OnError::Skip, ErrorBudget::Count(1));
    let (batches, report) = run(&flow, 1, 2);
    assert_eq!(batches.into_iter().map(|batch| batch.unwrap().len()).sum::<usize>(), 7);
    let failure = &report.failures[0];
    assert_eq!((failure.stage(), failure.offset()), (Stage::Read, None));
    assert!(failure.reason().starts_with("No such file"), "{failure}");
}
