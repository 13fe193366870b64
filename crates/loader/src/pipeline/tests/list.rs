//! Files by name, in any order.

use super::*;
use crate::{ErrorBudget, OnError, image_files};

#[test]
fn listed_files_come_in_their_order_and_failures_have_their_place() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 2);
    fs::write(root.path().join("broken.webp"), "no photo").unwrap();
    fs::write(root.path().join("notes.txt"), "no photo").unwrap();
    let found = image_files(root.path()).unwrap();
    let under: Vec<_> = found.iter().map(|path| path.strip_prefix(root.path()).unwrap().to_str().unwrap()).collect();
    assert_eq!(under, ["broken.webp", "rural/00.png", "rural/01.jpg", "urban/00.png", "urban/01.jpg"]);

    let (broken, photo) = (found[0].clone(), found[3].clone());
    let missing = root.path().join("missing.jpg");
    let files = vec![photo.clone(), broken.clone(), missing.clone(), found[1].clone(), photo.clone()];
    let options = FlowOptions {
        shuffle: false,
        batch_size: 3,
        on_error: OnError::Skip,
        error_budget: ErrorBudget::Rate(1.0),
        ..options()
    };
    let flow = ImageDataGenerator::new().flow_from_list(files, options.clone()).unwrap();
    assert_eq!((flow.found(), flow.path(3)), ("Found 5 images.".to_owned(), found[1].clone()));
    let stream = flow.stream(0..1, &threads(2)).unwrap().blocking();
    let report = stream.report();
    let batches: Vec<Batch> = stream.map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(|batch| batch.sample_indices().to_vec()).collect::<Vec<_>>(), [vec![0], vec![3, 4]]);
    let Pixels::F32(last) = batches[1].pixels() else { panic!("floats") };
    let Pixels::F32(first) = batches[0].pixels() else { panic!("floats") };
    assert!(last[first.len()..] == *first, "a file that is named twice is there twice");
    let failures: Vec<_> = report.read().failures.iter().map(|failed| (failed.sample, failed.path.clone())).collect();
    assert_eq!(failures, [(1, broken), (2, missing)]);

    let error = ImageDataGenerator::new().flow_from_list(Vec::new(), options).unwrap_err().to_string();
    assert_eq!(error, "files: expected at least one, got none");
    fs::remove_dir_all(root.path().join("rural")).unwrap();
    assert!(image_files(&root.path().join("rural")).unwrap_err().to_string().ends_with("no such folder"));
}
