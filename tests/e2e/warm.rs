//! Runs that need nothing computed.

use std::fs;

use xfer_tests::{Ran, Workplace};

fn train(place: &Workplace, output: &str, more: &str) -> Ran {
    let given = |default: &str| more.contains(default.split(' ').next().unwrap());
    let defaults = ["--weights random", "--image-size 48"];
    let words = defaults
        .into_iter()
        .filter(|default| given(default))
        .fold(super::TRAIN.to_owned(), |words, default| words.replace(default, ""));
    place.run(&format!("{words} --epochs 2 --steps-per-epoch 4 --output {output} {more}")).succeeded()
}

fn result(place: &Workplace, output: &str) -> Vec<Vec<u8>> {
    let names = ["head.safetensors", "history.csv", "batch_norm.safetensors"];
    names.into_iter().filter_map(|name| fs::read(place.path(output).join(name)).ok()).collect()
}

fn weights_digest(place: &Workplace, output: &str) -> String {
    let model: serde_json::Value = serde_json::from_str(&place.read(&format!("{output}/model.json"))).unwrap();
    model["weights"]["digest"].as_str().unwrap().to_owned()
}

// invariant 9: a kept calibration is the calibration that would be made, to the last digit.
#[test]
fn a_calibration_is_made_once_for_the_same_photos_and_settings() {
    let place = Workplace::with_photos(6, 3);
    let cold = train(&place, "cold", "");
    assert!(cold.stdout.contains("Calibrating batch normalisation on 12 photos."), "{}", cold.stdout);
    let warm = train(&place, "warm", "");
    assert!(warm.stdout.contains("Batch normalisation was calibrated on 12 photos before."), "{}", warm.stdout);
    train(&place, "uncached", "--no-cache");
    assert_eq!(result(&place, "cold").len(), 3);
    assert!(result(&place, "cold") == result(&place, "warm") && result(&place, "cold") == result(&place, "uncached"));
    assert_eq!(weights_digest(&place, "warm"), weights_digest(&place, "uncached"));

    // Statistics that are known, and features that are not: the network is opened after all.
    for folder in fs::read_dir(place.path(".cache/features")).unwrap().flatten() {
        if folder.path().join("space.json").exists() {
            fs::remove_dir_all(folder.path()).unwrap();
        }
    }
    let again = train(&place, "again", "");
    assert!(again.stdout.contains("calibrated on 12 photos before"), "{}", again.stdout);
    assert!(!again.stdout.contains("24 from the cache"), "{}", again.stdout);
    assert!(result(&place, "again") == result(&place, "cold"));

    let others = ["--weights random:7", "--image-size 64", "--interpolation bilinear", "--on-error skip"];
    for (number, other) in others.into_iter().enumerate() {
        let ran = train(&place, &format!("other{number}"), other);
        assert!(ran.stdout.contains("Calibrating batch normalisation"), "{other}: {}", ran.stdout);
    }
    let first = place.path("photos/train/rural/rural_00.jpg");
    fs::copy(place.path("photos/train/urban/urban_00.jpg"), &first).unwrap();
    let changed = train(&place, "changed", "");
    assert!(changed.stdout.contains("Calibrating batch normalisation"), "{}", changed.stdout);
    assert!(result(&place, "changed") != result(&place, "cold"));
}

#[test]
fn a_damaged_calibration_is_made_anew() {
    let place = Workplace::with_photos(4, 2);
    train(&place, "cold", "");
    let folder = place.path(".cache/features/calibrations");
    let file = fs::read_dir(&folder).unwrap().flatten().next().unwrap().path();
    let good = fs::read(&file).unwrap();
    for at in [good.len() / 2, good.len() - 1, 60] {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        fs::write(&file, bytes).unwrap();
        let verified = place.run("cache verify");
        assert_eq!(verified.code, Some(1), "{}", verified.stdout);
        assert!(!file.exists());
    }
    let mut bytes = good.clone();
    bytes[good.len() / 2] ^= 1;
    fs::write(&file, bytes).unwrap();
    let ran = train(&place, "anew", "");
    assert!(ran.stdout.contains("Calibrating batch normalisation"), "{}", ran.stdout);
    assert!(result(&place, "anew") == result(&place, "cold"));
    let ran = train(&place, "warm", "");
    assert!(ran.stdout.contains("was calibrated on"), "{}", ran.stdout);
    assert!(result(&place, "warm") == result(&place, "cold"));
}

#[test]
fn weights_of_a_file_are_read_only_when_something_is_missing() {
    let place = Workplace::with_photos(4, 2);
    let weights = xfer_backbones::Weights::random(xfer_backbones::Architecture::ResNet50, 3);
    weights.save(&place.path("w.safetensors")).unwrap();
    let (cold, warm) = ("cold", "warm");
    train(&place, cold, "--weights w.safetensors");
    // A copy whose tensors are damaged is not noticed where they are not needed...
    let copies = place.path(".cache/converted");
    let copy = fs::read_dir(&copies).unwrap().flatten().next().unwrap().path();
    let mut bytes = fs::read(&copy).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 0x10;
    fs::remove_file(&copy).unwrap();
    fs::write(&copy, &bytes).unwrap();
    train(&place, warm, "--weights w.safetensors");
    assert!(result(&place, cold) == result(&place, warm));
    assert!(fs::read(&copy).unwrap() == bytes, "nothing was opened");
    assert_eq!(weights_digest(&place, cold), weights_digest(&place, warm));
    // ...and is made anew where they are.
    train(&place, "other", "--weights w.safetensors --seed 5 --image-size 64");
    assert!(fs::read(&copy).unwrap() != bytes);
    // What is not there is told at once.
    fs::remove_file(place.path("w.safetensors")).unwrap();
    let words = "train --data photos --weights w.safetensors --image-size 48 --metrics-addr off --output none";
    let message = place.run(words).failed(1);
    assert!(message.contains("no such weights file"), "{message}");
    assert!(!place.path("none").exists());
}
