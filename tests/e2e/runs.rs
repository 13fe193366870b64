//! What trainings left behind: listed and compared.

use std::fs;

use xfer_tests::Workplace;

use super::TRAIN;

#[test]
fn runs_are_listed_and_compared_with_what_differed_and_what_came_of_it() {
    let place = Workplace::with_photos(4, 2);
    place.run(&format!("{TRAIN} --epochs 2 --output runs/a")).succeeded();
    place.run(&format!("{TRAIN} --epochs 2 --output runs/b --learning-rate 0.5 --seed 5")).succeeded();

    let ran = place.run("runs list").succeeded();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ran.stdout);
    assert!(lines[0].starts_with("name  started"), "{}", lines[0]);
    for name in ["a", "b"] {
        let line = lines.iter().find(|line| line.starts_with(name)).unwrap();
        assert!(line.contains("resnet50") && line.ends_with("finished") && line.contains("photos 8/2"), "{line}");
    }
    assert!(!ran.stdout.contains('\u{1b}'), "no colours in a pipe");
    let listed = place.run("runs list --json").succeeded().json();
    assert_eq!(listed["runs"].as_array().unwrap().len(), 2);

    let ran = place.run("compare runs/a runs/b").succeeded();
    for expected in ["--learning-rate", "seed", "123", "val_accuracy, best", "images/s"] {
        assert!(ran.stdout.contains(expected), "{expected} in {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("--output") && !ran.stdout.contains("data digest"), "{}", ran.stdout);
    let compared = place.run("compare runs/a runs/b --json").succeeded().json();
    assert_eq!(compared["same_data"], true);
    assert_eq!(compared["differences"]["seed"], serde_json::json!(["123", "5"]));
    let history = place.read("runs/a/history.csv");
    let last = history.lines().last().unwrap().split(',').nth(1).unwrap().parse::<f64>().unwrap();
    assert_eq!(compared["runs"][0]["metrics"]["accuracy"]["last"], serde_json::json!({ "epoch": 1, "value": last }));

    fs::remove_file(place.path("photos/train/rural/rural_00.jpg")).unwrap();
    place.run(&format!("{TRAIN} --output runs/c")).succeeded();
    let ran = place.run("compare runs/a runs/c").succeeded();
    assert!(ran.stdout.contains("data digest") && ran.stderr.contains("cannot be compared"), "{}", ran.stderr);
}

#[test]
fn broken_runs_are_listed_with_what_is_wrong() {
    let place = Workplace::empty();
    let write = |name: &str, content: &str| {
        fs::create_dir_all(place.path(name).parent().unwrap()).unwrap();
        fs::write(place.path(name), content).unwrap();
    };
    write("runs/cut/manifest.json", "{\"format_version\": 1, \"argum");
    write("runs/going/manifest.json", "{\"format_version\": 1, \"result\": null}");
    write("runs/newer/manifest.json", "{\"format_version\": 7}");
    write("runs/notes/todo.txt", "no run");
    let ran = place.run("runs list").succeeded();
    for (name, state) in [("cut", "damaged"), ("going", "running or broken off"), ("newer", "damaged")] {
        let line = ran.stdout.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.ends_with(state), "{line}");
    }
    assert!(!ran.stdout.contains("notes"), "{}", ran.stdout);
    for expected in ["runs/cut/manifest.json: damaged", "runs/newer/manifest.json: format 7 of a newer version"] {
        assert!(ran.stderr.contains(expected), "{expected} in {}", ran.stderr);
    }

    assert!(place.run("runs list none").failed(1).contains("none: cannot be listed"));
    assert!(place.run("compare runs/cut runs/notes").failed(1).contains("runs/notes: not a run"));
    assert!(place.run("compare runs/cut").failed(2).contains("two runs at least"));
}
