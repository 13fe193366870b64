//! Training on a folder with bad files in it, under each policy.

use std::fs;

use xfer_tests::nasty::{self, Verdict};
use xfer_tests::{Workplace, draw};

use super::TRAIN;

/// Eight good photos a class, and the nastiest files beside the urban ones.
fn place() -> (Workplace, usize) {
    let place = Workplace::with_photos(8, 2);
    let written = nasty::write(&place.path("photos/train/urban"));
    let bad = written.iter().filter(|(_, verdict)| *verdict != Verdict::Usable).count();
    (place, bad)
}

// invariant 5: a bad image aborts by default.
#[test]
fn a_bad_file_fails_the_training_by_name() {
    let (place, _) = place();
    let message = place.run(&format!("{TRAIN} --output run")).failed(1);
    assert!(message.contains("photos/train/urban/") && message.contains("cannot "), "{message}");
    assert!(!place.path("run/model.json").exists());
}

#[test]
fn bad_files_are_skipped_or_replaced_and_listed() {
    let (place, bad) = place();
    for policy in ["skip", "replace"] {
        let words = format!("{TRAIN} --epochs 2 --output {policy} --on-error {policy} --error-budget {bad} --json");
        let ran = place.run(&words).succeeded();
        let report = ran.json();
        let failures = report["failures"].as_array().unwrap();
        assert_eq!(failures.len(), bad, "each once: {failures:?}");
        let cut =
            failures.iter().find(|failure| failure["path"].as_str().unwrap().ends_with("cut-in-scan.jpg")).unwrap();
        assert_eq!(cut["stage"], "decode");
        assert!(cut["reason"].as_str().unwrap().contains("cut short"), "{cut}");
        assert_eq!(cut["replacement"].is_null(), policy == "skip");
        assert!(ran.stderr.contains(&format!("{bad} files failed and were left out or replaced")), "{}", ran.stderr);
        assert!(ran.stderr.contains("EXIF orientation"), "rotated files are mentioned: {}", ran.stderr);
    }
}

#[test]
fn a_run_ends_where_the_budget_does() {
    let (place, bad) = place();
    let words = format!("{TRAIN} --on-error skip --error-budget {} --output run", bad - 1);
    let message = place.run(&words).failed(1);
    assert!(message.contains(&format!("that makes {bad} of")), "{message}");
    assert!(message.contains(&format!("more than the budget of {}", bad - 1)), "{message}");
}

#[test]
fn features_of_the_good_files_can_be_extracted() {
    let place = Workplace::empty();
    draw(&place.path("images"), "rural", 4);
    fs::write(place.path("images/broken.jpg"), "no").unwrap();
    let words = "extract --images images --output f.safetensors --weights random --image-size 48 --on-error skip";
    let message = place.run(&words.replace("skip", "replace")).failed(2);
    assert!(message.contains("would hold the features of another file"), "{message}");
    place.run(&format!("{words} --error-budget 1")).succeeded();
    let bytes = fs::read(place.path("f.safetensors")).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let paths = &header.metadata().as_ref().unwrap()["paths"];
    assert!(!paths.contains("broken") && paths.contains("rural_03.jpg"), "{paths}");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("features").unwrap().shape(), [4, 2048]);
}
