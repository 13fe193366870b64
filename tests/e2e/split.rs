//! Photos held back for validation by `--split`.

use std::fs;

use xfer_tests::{Workplace, draw};

const TRAIN: &str = "train --data photos --weights random --image-size 48 --metrics-addr off --json";

fn place() -> Workplace {
    let place = Workplace::empty();
    draw(&place.path("photos/rural"), "rural", 12);
    draw(&place.path("photos/urban"), "urban", 12);
    place
}

#[test]
fn one_folder_is_trained_and_validated_on() {
    let place = place();
    for split in ["stratified:0.3", "first:0.25"] {
        let report = place.run(&format!("{TRAIN} --split {split}")).succeeded().json();
        let (images, held_back) = (report["images"].as_u64().unwrap(), report["validation_images"].as_u64().unwrap());
        assert_eq!(images + held_back, 24, "{split}");
        assert!((2..=14).contains(&held_back), "{split}: {held_back}");
        assert!(report["history"]["val_loss"][0].is_number());
    }
}

#[test]
fn a_split_needs_photos_that_are_not_split_yet() {
    let place = Workplace::with_photos(4, 2);
    let message = place.run(&format!("{TRAIN} --split stratified:0.2")).failed(1);
    assert!(message.contains("photos/val: there are validation photos already"), "{message}");
    fs::remove_dir_all(place.path("photos/val")).unwrap();
    place.run(&format!("{TRAIN} --split stratified:0.4")).succeeded();
}

#[test]
fn splits_that_cannot_be() {
    let place = place();
    for words in ["--split 0.2", "--split stratified:1.5", "--group-by x", "--split stratified:0.2 --group-by ("] {
        place.run(&format!("{TRAIN} {words}")).failed(2);
    }
}
