//! Runs that end before their time, and go on.

use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use xfer_tests::Workplace;

use super::TRAIN;

/// Something of everything that has a state, at every step.
const SURFACE: &str = "--epochs 6 --steps-per-epoch 5 --batch-size 3 --optimizer adam --ema 0.8 --dropout 0.3 --hidden 8 \
    --metrics accuracy,auc --early-stopping 9 --restore-best --checkpoint best --checkpoint steps:4 --resume-every 0";

/// What a run comes to: its head, its history, and the models it kept.
fn result(place: &Workplace, run: &str) -> (Vec<u8>, String, Vec<Vec<u8>>) {
    let read = |name: &str| std::fs::read(place.path(&format!("{run}/{name}/head.safetensors"))).unwrap();
    let kept = ["checkpoints/best", "checkpoints/step-000004", "checkpoints/step-000028"].map(read);
    (read("."), place.read(&format!("{run}/history.csv")), kept.into())
}

fn begin(place: &Workplace, words: &str) -> Child {
    place.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills the run after `delay`; whether there was something to kill.
fn killed(mut child: Child, delay: Duration) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < delay {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

/// Goes on with a run until it ends.
fn go_on(place: &Workplace, run: &str, begun: &str) {
    let manifest = place.path(&format!("{run}/manifest.json"));
    let words = if manifest.exists() { format!("train --metrics-addr off --resume {run}") } else { begun.to_owned() };
    place.run(&words).succeeded();
}

/// How many times a run is killed: XFER_KILLS, or a few.
fn kills() -> u32 {
    std::env::var("XFER_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(4)
}

// invariant 10: wherever a run was killed, what it comes to is what it would have come to.
#[test]
fn a_run_that_was_killed_at_any_moment_comes_to_the_same_end() {
    let place = Workplace::with_photos(6, 3);
    let begun = Instant::now();
    place.run(&format!("{TRAIN} {SURFACE} --no-cache --output whole")).succeeded();
    let (length, whole) = (begun.elapsed(), result(&place, "whole"));
    for kill in 0..kills() {
        // Spread over the whole run by the golden ratio, a second kill of the same run after every other one.
        let moment = |kill: u32| length.mul_f64((f64::from(kill) * 0.618_034 + 0.3).fract());
        let run = format!("run{kill}");
        let words = format!("{TRAIN} {SURFACE} --no-cache --output {run}");
        let was = killed(begin(&place, &words), moment(kill));
        let again = kill % 2 == 1 && place.path(&format!("{run}/manifest.json")).exists();
        let twice =
            again && killed(begin(&place, &format!("train --metrics-addr off --resume {run}")), moment(kill + 100));
        go_on(&place, &run, &words);
        assert!(result(&place, &run) == whole, "killed after {:?}: {was}, again: {twice}", moment(kill));
    }
}

#[test]
fn ctrl_c_loses_no_step() {
    let place = Workplace::with_photos(6, 3);
    let words = |run: &str| format!("{TRAIN} --epochs 3000 --steps-per-epoch 4 --resume-every 3600 --output {run}");
    let child = begin(&place, &words("stopped"));
    let deadline = Instant::now() + Duration::from_secs(120);
    while !place.path("stopped/history.csv").exists() {
        assert!(Instant::now() < deadline, "no epoch in two minutes");
        thread::sleep(Duration::from_millis(2));
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    child.wait_with_output().unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&place.read("stopped/manifest.json")).unwrap();
    assert_eq!(manifest["result"]["outcome"], "interrupted");
    assert!(place.path("stopped/model.json").exists());
    let ran = place.run("train --metrics-addr off --resume stopped").succeeded();
    assert!(ran.stdout.contains("Going on after step"), "{}", ran.stdout);
    place.run(&words("whole")).succeeded();
    let read = |run: &str| {
        (
            std::fs::read(place.path(&format!("{run}/head.safetensors"))).unwrap(),
            place.read(&format!("{run}/history.csv")),
        )
    };
    assert!(read("stopped") == read("whole"));
}

#[test]
fn a_finished_run_may_have_more_epochs() {
    let place = Workplace::with_photos(6, 3);
    place.run(&format!("{TRAIN} --momentum 0.9 --epochs 5 --output long")).succeeded();
    place.run(&format!("{TRAIN} --momentum 0.9 --epochs 2 --output run")).succeeded();
    let ran = place.run("train --resume run --metrics-addr off").succeeded();
    assert!(ran.stdout.contains("All 2 epochs of this run are done; --epochs N goes on"), "{}", ran.stdout);
    place.run("train --resume run --epochs 5 --metrics-addr off").succeeded();
    assert_eq!(place.read("run/history.csv"), place.read("long/history.csv"));
    let head = |run: &str| std::fs::read(place.path(&format!("{run}/head.safetensors"))).unwrap();
    assert!(head("run") == head("long"));
}

#[test]
fn other_data_weights_or_settings_are_refused_by_name() {
    let place = Workplace::with_photos(6, 3);
    place.run(&format!("{TRAIN} --epochs 2 --output run")).succeeded();
    let refused = |words: &str| {
        let before = place.snapshot("run");
        let error = place.run(&format!("train --metrics-addr off --epochs 4 --resume run {words}")).failed(1);
        assert_eq!(place.snapshot("run"), before, "nothing is touched");
        error
    };
    let error = refused("--weights random:9 --learning-rate 0.5 --image-size 64");
    for part in ["features.weights: ", "optimizer.options.learning_rate.learning_rate: 0.5 instead of 0.01", "64x64"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    assert!(!error.contains("\n  data: "), "{error}");
    std::fs::copy(place.path("photos/train/urban/urban_00.jpg"), place.path("photos/train/urban/urban_01.jpg"))
        .unwrap();
    assert!(refused("").contains("\n  data: \"sha256:"));
}

#[test]
fn a_damaged_state_gives_way_to_the_one_before() {
    let place = Workplace::with_photos(6, 3);
    let words = "--steps-per-epoch 3 --resume-every 0";
    place.run(&format!("{TRAIN} {words} --epochs 4 --output whole")).succeeded();
    place.run(&format!("{TRAIN} {words} --epochs 2 --output run")).succeeded();
    let states = |run: &str| -> Vec<_> {
        let mut files: Vec<_> = std::fs::read_dir(place.path(&format!("{run}/checkpoints")))
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        files
    };
    let damage = |path: &Path| {
        let mut bytes = std::fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        std::fs::write(path, bytes).unwrap();
    };
    damage(&states("run")[1]);
    let ran = place.run("train --resume run --epochs 4 --metrics-addr off").succeeded();
    assert!(ran.stderr.contains("damaged") && ran.stderr.contains("going on from an older state"), "{}", ran.stderr);
    assert!(ran.stdout.contains("Going on after step 3 of epoch 2."), "{}", ran.stdout);
    assert_eq!(place.read("run/history.csv"), place.read("whole/history.csv"));
}

#[test]
fn a_manifest_repeats_a_run_and_says_what_agrees() {
    let place = Workplace::with_photos(6, 3);
    place.run(&format!("{TRAIN} --epochs 2 --seed 7 --output first")).succeeded();
    let words = "train --metrics-addr off --from first/manifest.json";
    let report = place.run(&format!("{words} --output second --json")).succeeded().json();
    assert_eq!(
        report["repeated"],
        serde_json::json!({"data": true, "weights": true, "model": true, "differences": []})
    );
    place.run(&format!("{words} --output first")).failed(1);
    std::fs::remove_file(place.path("photos/train/urban/urban_00.jpg")).unwrap();
    let ran = place.run(&format!("{words} --output third --epochs 3")).succeeded();
    // Untrained weights are calibrated on the photos.
    assert!(ran.stdout.contains("data other, weights other, model other."), "{}", ran.stdout);
    assert!(ran.stdout.contains("\n  data: "), "{}", ran.stdout);
}

#[test]
fn what_cannot_be_gone_on_with_is_said() {
    let place = Workplace::with_photos(3, 2);
    assert!(place.run("train --resume none").failed(1).contains("none: no run to go on with"));
    assert!(place.run("train --from none.json").failed(1).contains("none.json"));
    place.run("train --resume run --output other").failed(2);
    // A run whose end never came keeps its folder from being taken by another.
    place.run(&format!("{TRAIN} --output run")).succeeded();
    let path = place.path("run/manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_str(&place.read("run/manifest.json")).unwrap();
    manifest["result"] = serde_json::Value::Null;
    std::fs::write(&path, manifest.to_string()).unwrap();
    let error = place.run(&format!("{TRAIN} --output run")).failed(1);
    assert!(error.contains("`xfer-cli train --resume run` goes on with it"), "{error}");
}
