//! How good a trained model is.

use std::fs;

use xfer_tests::{Workplace, draw};

use super::TRAIN;

#[test]
fn a_model_is_judged_as_its_last_validation_judged_it() {
    let place = Workplace::with_photos(6, 5);
    let words = format!("{TRAIN} --epochs 3 --learning-rate 0.02 --validation-batch-size 3 --output run --json");
    let trained = place.run(&words).succeeded().json();
    let last = |metric: &str| trained["history"][metric].as_array().unwrap().last().unwrap().as_f64().unwrap();
    let judged = place.run("evaluate run --data photos --json --batch-size 4").succeeded().json();
    let evaluation = &judged["evaluation"];
    let of = |metric: &str| evaluation[metric].as_f64().unwrap();
    assert!((of("accuracy") - last("val_accuracy")).abs() < 1e-7, "{} {}", of("accuracy"), last("val_accuracy"));
    assert!((of("loss") - last("val_loss")).abs() <= 1e-6 * last("val_loss"), "{} {}", of("loss"), last("val_loss"));
    assert_eq!((&evaluation["samples"], &judged["computed"]), (&10.into(), &0.into()), "all of it was in the cache");
    assert_eq!(evaluation["classes"], serde_json::json!(["rural", "urban"]));
    let confusion = evaluation["confusion"].as_array().unwrap();
    let count = |row: usize, column: usize| confusion[row][column].as_u64().unwrap();
    assert_eq!((count(0, 0) + count(0, 1), count(1, 0) + count(1, 1)), (5, 5));
    assert!(((count(0, 0) + count(1, 1)) as f64 / 10.0 - of("accuracy")).abs() < 1e-12);

    let anew = place.run("evaluate run --data photos/val --json --no-cache --threads 1").succeeded().json();
    assert_eq!(&anew["evaluation"], evaluation, "to the last digit without the cache");
    assert_eq!(anew["computed"], serde_json::Value::Null);
}

#[test]
fn tables_are_printed_and_every_photo_has_a_row() {
    let place = Workplace::with_photos(4, 3);
    place.run(&format!("{TRAIN} --output run")).succeeded();
    let text = place.run("evaluate run --data photos --output rows.csv").succeeded().stdout;
    for expected in [
        "photos/val: Found 6 images belonging to 2 classes.",
        "precision  recall      f1  photos",
        "Confusion matrix",
        "expected calibration error",
        "Least sure",
        "6 photos in",
        "A row for each photo is in rows.csv.",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert!(!text.contains('\u{1b}'), "no colours in a pipe");
    let rows = place.read("rows.csv");
    let header = "path,label,class,probability,loss,probability:rural,probability:urban,error";
    assert_eq!(rows.lines().next().unwrap(), header);
    assert!(rows.lines().nth(4).unwrap().starts_with("photos/val/urban/urban_00.jpg,urban,"), "{rows}");
    assert_eq!(rows.lines().count(), 7);
    let message = place.run("evaluate run --data photos --output rows.csv").failed(1);
    assert!(message.contains("already there"), "{message}");
}

#[test]
fn classes_are_those_of_the_model_by_name() {
    let place = Workplace::with_photos(3, 2);
    place.run(&format!("{TRAIN} --output run")).succeeded();
    let whole = place.run("evaluate run --data photos/val --json").succeeded().json();
    draw(&place.path("photos/val/sea"), "urban", 2);
    let message = place.run("evaluate run --data photos").failed(1);
    assert!(message.contains("the model does not know sea; the model tells rural, urban apart"), "{message}");
    fs::remove_dir_all(place.path("photos/val/sea")).unwrap();
    fs::rename(place.path("photos/val/rural"), place.path("rural")).unwrap();
    let message = place.run("evaluate run --data photos/val").failed(1);
    assert!(message.contains("the model's rural is not there"), "{message}");

    // An empty folder is there, and moves no label.
    fs::create_dir(place.path("photos/val/rural")).unwrap();
    let half = place.run("evaluate run --data photos/val --json").succeeded();
    assert!(half.stderr.contains("photos/val/rural: no photos in it"), "{}", half.stderr);
    let half = half.json();
    assert_eq!(half["evaluation"]["confusion"][0], serde_json::json!([0, 0]));
    assert_eq!(half["evaluation"]["confusion"][1], whole["evaluation"]["confusion"][1]);
}

#[test]
fn a_bad_photo_is_an_error_or_left_out_and_told() {
    let place = Workplace::with_photos(3, 3);
    place.run(&format!("{TRAIN} --output run")).succeeded();
    fs::write(place.path("photos/val/rural/rural_01.jpg"), "no photo").unwrap();
    let message = place.run("evaluate run --data photos").failed(1);
    assert!(message.contains("rural_01.jpg"), "{message}");
    let words = "evaluate run --data photos --on-error skip --error-budget 1 --output rows.jsonl --json";
    let judged = place.run(words).succeeded().json();
    assert_eq!((&judged["evaluation"]["samples"], judged["failures"].as_array().unwrap().len()), (&5.into(), 1));
    let rows = place.read("rows.jsonl");
    let row: serde_json::Value = serde_json::from_str(rows.lines().nth(1).unwrap()).unwrap();
    assert_eq!((&row["path"], &row["label"]), (&"photos/val/rural/rural_01.jpg".into(), &"rural".into()));
    assert!(row["error"].as_str().unwrap().starts_with("decode: ") && row["class"].is_null(), "{row}");
    let row: serde_json::Value = serde_json::from_str(rows.lines().nth(2).unwrap()).unwrap();
    assert_eq!(row["path"], "photos/val/rural/rural_02.png", "the next one has its own row");
}
