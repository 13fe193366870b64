//! `doctor`: what it says fits the machine that the tests run on, and changes nothing.

use std::process::Command;

use xfer_tests::{Ran, Workplace};

/// With a cache and a home of the test's own.
fn command(place: &Workplace, words: &str) -> Command {
    let mut command = place.command(words);
    command.env("XFER_CACHE_DIR", place.path("cache")).env("HOME", place.path("home"));
    command.env_remove("XFER_OFFLINE").env_remove("KERAS_HOME");
    command
}

fn run(mut command: Command) -> Ran {
    Ran::of(&command.output().expect("the executable runs"))
}

#[test]
fn everything_has_a_line_and_nothing_is_made() {
    let place = Workplace::empty();
    let ran = run(command(&place, "doctor")).succeeded();
    for topic in ["xfer", "libtorch", "CUDA", "processor", "threads", "weights", "cache", "metrics"] {
        assert!(ran.stdout.lines().any(|line| line.starts_with(topic)), "{topic}: {}", ran.stdout);
    }
    assert!(ran.stdout.ends_with("Training can run.\n"), "{}", ran.stdout);
    assert!(!ran.stdout.contains('\u{1b}'), "no colours in a pipe: {}", ran.stdout);
    assert_eq!(ran.stderr, "");
    assert!(!place.path("cache").exists() && !place.path("home").exists());
}

#[test]
fn the_document_holds_what_the_table_tells() {
    let place = Workplace::empty();
    let document = run(command(&place, "doctor --json")).succeeded().json();
    assert_eq!(document["ok"], true);
    let libtorch = &document["libtorch"];
    assert_eq!(libtorch["needed"], "2.11.0", "{document}");
    let folder = std::path::Path::new(libtorch["folder"].as_str().unwrap());
    assert!(folder.join("libtorch_cpu.so").exists(), "{document}");
    let number = |topic: &str, name: &str| document[topic][name].as_u64().unwrap_or_else(|| panic!("{topic} {name}"));
    assert!((1..=number("cpu", "cores")).contains(&number("cpu", "available")), "{document}");
    assert_eq!(number("cpu", "available"), std::thread::available_parallelism().unwrap().get() as u64);
    assert!(number("cache", "free_bytes") > 0);
    assert_eq!(document["weights"]["files"].as_array().unwrap().len(), 3);
    for file in document["weights"]["files"].as_array().unwrap() {
        assert_eq!(file["state"], "absent", "{document}");
    }
    let driver = std::path::Path::new("/proc/driver/nvidia/version").exists();
    assert!(driver || document["cuda"]["usable"] == false, "{document}");
}

#[test]
fn what_would_stop_a_training_is_broken_and_says_what_to_do() {
    let place = Workplace::empty();
    let mut offline = command(&place, "doctor");
    offline.env("XFER_OFFLINE", "1");
    let ran = run(offline);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    assert!(ran.stdout.contains("broken  resnet50: not here"), "{}", ran.stdout);
    assert!(ran.stdout.contains("XFER_OFFLINE") && ran.stdout.contains("--weights random"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("Training cannot run: one thing is broken.\n"), "{}", ran.stdout);
}

#[test]
fn weights_are_judged_by_size_and_when_asked_by_content() {
    let place = Workplace::empty();
    let path = place.path("cache/models/xception_weights_tf_dim_ordering_tf_kernels_notop.h5");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    // A hole of the published size: right until it is read.
    std::fs::File::create(&path).unwrap().set_len(83_683_744).unwrap();
    let state = |words: &str| {
        let document = run(command(&place, words)).succeeded().json();
        let files = document["weights"]["files"].as_array().unwrap().clone();
        files.iter().find(|file| file["name"] == "xception").unwrap()["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state("doctor --json"), "here");
    assert_eq!(state("doctor --json --verify"), "damaged");
    std::fs::write(&path, "cut").unwrap();
    assert_eq!(state("doctor --json"), "damaged");
}

#[test]
fn cuda_that_was_asked_for_must_be_there() {
    if std::path::Path::new("/proc/driver/nvidia/version").exists() {
        return;
    }
    let place = Workplace::with_photos(1, 1);
    let ran = run(command(&place, "doctor --device cuda"));
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    assert!(ran.stdout.contains("broken  none: no NVIDIA driver was found"), "{}", ran.stdout);
    run(command(&place, "doctor --device cpu")).succeeded();
    let extract = "extract --images photos --output f.safetensors --weights random --image-size 48 --device cuda";
    let message = run(command(&place, extract)).failed(1);
    assert!(message.contains("doctor") && message.contains("no NVIDIA driver was found"), "{message}");
}
