//! The cache of features: the same results, in less time, whatever happens to it.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use xfer_tests::{Workplace, draw};

use super::TRAIN;

/// What a run came to: the head's digest and every digit of the history.
fn result(place: &Workplace, output: &str) -> (Vec<u8>, String) {
    let head = fs::read(place.path(&format!("{output}/head.safetensors"))).expect("a run leaves a head");
    (head, place.read(&format!("{output}/history.csv")))
}

/// Trains, and tells how many features came from the cache and how many were computed.
fn train(place: &Workplace, output: &str, more: &str) -> (u64, u64) {
    // Random weights are calibrated on the photos; a file of weights is what it is.
    let train = if more.contains("--weights") { TRAIN.replace("--weights random", "") } else { TRAIN.to_owned() };
    let words = format!("{train} --steps-per-epoch 6 --epochs 4 --json --output {output} {more}");
    let features = place.run(&words).succeeded().json()["features"].clone();
    (features["cached"].as_u64().unwrap_or(0), features["computed"].as_u64().unwrap_or(0))
}

fn shards(place: &Workplace) -> Vec<PathBuf> {
    let inside =
        |folder: PathBuf| fs::read_dir(folder).expect("the cache can be read").flatten().map(|entry| entry.path());
    let files = inside(place.path(".cache/features")).flat_map(inside);
    files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("features-"))).collect()
}

// invariant 9: with the cache or without, cold or warm, a training comes to the same digits.
#[test]
fn cached_and_uncached_trainings_are_the_same_to_the_digit() {
    let place = Workplace::with_photos(6, 3);
    for (number, more) in ["", "--vertical-flip --batch-size 5 --compat keras3"].into_iter().enumerate() {
        let name = |kind: &str| format!("{kind}{number}");
        train(&place, &name("uncached"), &format!("{more} --no-cache"));
        let expected = result(&place, &name("uncached"));
        let (cached, computed) = train(&place, &name("cold"), more);
        assert!(result(&place, &name("cold")) == expected, "{more}: cold");
        assert!(cached > 0 && computed <= 12 * 4 + 6, "{more}: {cached} cached, {computed} computed");
        let (cached, computed) = train(&place, &name("warm"), &format!("{more} --threads 1"));
        assert!(result(&place, &name("warm")) == expected, "{more}: warm");
        assert!(cached > 4 * 6 && computed == 0, "{more}: {cached} cached, {computed} computed");
    }
    let ran = place.run(&format!("{TRAIN} --steps-per-epoch 6 --output told")).succeeded();
    assert!(ran.stdout.contains("Features: 18 from the cache, 0 computed."), "{}", ran.stdout);
}

// invariant 9: whatever happens to the cache or the photos, the head is the one that a run without a cache gives.
#[test]
fn damage_and_changed_photos_change_nothing() {
    let place = Workplace::with_photos(6, 3);
    train(&place, "first", "");
    let photo = place.path("photos/train/rural/rural_00.jpg");
    let same = |name: &str, computed: std::ops::RangeInclusive<u64>| {
        let counts = train(&place, &format!("{name}-cached"), "");
        train(&place, &format!("{name}-uncached"), "--no-cache");
        assert!(result(&place, &format!("{name}-cached")) == result(&place, &format!("{name}-uncached")), "{name}");
        assert!(computed.contains(&counts.1), "{name}: {counts:?}");
    };

    let shard = shards(&place).pop().unwrap();
    let mut bytes = fs::read(&shard).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&shard, &bytes).unwrap();
    // The same photo may be among those of training and of validation.
    same("flipped", 1..=2);
    let verified = place.run("cache verify --json");
    assert_eq!((verified.code, &verified.json()["damaged_rows"]), (Some(1), &1.into()), "{}", verified.stderr);
    assert_eq!(place.run("cache verify --json").succeeded().json()["sound"], true);

    fs::write(&shards(&place)[0], "no shard").unwrap();
    same("overwritten", 1..=30);

    let weights = xfer_backbones::Weights::random(xfer_backbones::Architecture::ResNet50, 3);
    weights.save(&place.path("w.safetensors")).unwrap();
    let with_file = |output: &str, more: &str| train(&place, output, &format!("--weights w.safetensors {more}"));
    with_file("file", "");
    let before = fs::metadata(&photo).unwrap();
    let mut other = fs::read(&photo).unwrap();
    let end = other.len() - 40;
    other[end] ^= 0x55;
    fs::write(&photo, &other).unwrap();
    fs::File::options().write(true).open(&photo).unwrap().set_modified(before.modified().unwrap()).unwrap();
    let (_, computed) = with_file("replaced-cached", "");
    with_file("replaced-uncached", "--no-cache");
    assert!(result(&place, "replaced-cached") == result(&place, "replaced-uncached"), "a photo was replaced");
    assert!((1..=2).contains(&computed), "{computed} computed");
    draw(&place.path("photos/val/urban/more"), "urban", 1);
    let (_, computed) = with_file("added", "");
    assert!(computed <= 1, "{computed} computed");
}

// invariant 9: a run that is killed leaves nothing that another one stumbles over.
#[test]
fn killed_runs_and_runs_at_once_leave_a_cache_that_is_sound() {
    let place = Workplace::with_photos(6, 3);
    train(&place, "uncached", "--no-cache");
    let expected = result(&place, "uncached");
    for moment in 0..4 {
        let words = format!("{TRAIN} --epochs 100000 --steps-per-epoch 6 --output killed{moment}");
        let mut child = place.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while !place.path(&format!("killed{moment}/history.csv")).exists() {
            assert!(begun.elapsed() < Duration::from_secs(120), "no epoch in two minutes");
            thread::sleep(Duration::from_millis(5));
        }
        // The first file is written after a second.
        thread::sleep(Duration::from_millis(400 * moment));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let words = |output: &str| format!("{TRAIN} --steps-per-epoch 6 --epochs 4 --output {output}");
    let both = ["one", "two"]
        .map(|output| place.command(&words(output)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    for mut child in both {
        assert!(child.wait().unwrap().success());
    }
    assert!(result(&place, "one") == expected && result(&place, "two") == expected);
    assert_eq!(train(&place, "last", "").1, 0);
    assert!(result(&place, "last") == expected);
    place.run("cache verify").succeeded();
}

#[test]
fn augmentation_is_cached_only_when_asked() {
    let place = Workplace::with_photos(6, 3);
    let words = "--rotation-range 20 --interpolation bilinear";
    let ran = place.run(&format!("{TRAIN} {words} --epochs 2 --steps-per-epoch 6 --output new")).succeeded();
    assert!(ran.stdout.contains("--cache-views K makes do with K draws"), "{}", ran.stdout);
    assert!(ran.stdout.contains("Features: 6 from the cache, 6 computed."), "validation alone: {}", ran.stdout);
    train(&place, "uncached", &format!("{words} --no-cache"));
    train(&place, "cached", words);
    assert!(result(&place, "uncached") == result(&place, "cached"));

    let views = format!("{words} --cache-views 2");
    let (_, computed) = train(&place, "cold", &views);
    assert_eq!(computed, 2 * 12);
    assert_eq!(train(&place, "warm", &views).1, 0);
    assert!(result(&place, "cold") == result(&place, "warm"));
    assert!(result(&place, "cold") != result(&place, "uncached"));
    let message = place.run(&format!("{TRAIN} --cache-views 2")).failed(2);
    assert!(message.contains("each way is kept"), "{message}");
}

#[test]
fn half_precision_is_the_same_cold_and_warm() {
    let place = Workplace::with_photos(6, 3);
    train(&place, "cold", "--cache-dtype f16 --cache-dir halves");
    assert_eq!(train(&place, "warm", "--cache-dtype f16 --cache-dir halves").1, 0);
    assert!(result(&place, "cold") == result(&place, "warm"));
    let entry = &place.run("cache list --cache-dir halves --json").succeeded().json()["spaces"][0];
    assert_eq!(
        (&entry["description"]["stored"], &entry["description"]["backbone"]),
        (&"f16".into(), &"resnet50".into())
    );
}

#[test]
fn extracting_goes_on_where_it_was_and_shares_the_cache() {
    let place = Workplace::with_photos(4, 2);
    let weights = xfer_backbones::Weights::random(xfer_backbones::Architecture::ResNet50, 3);
    weights.save(&place.path("w.safetensors")).unwrap();
    let extract = |output: &str, more: &str| {
        let words =
            format!("extract --weights w.safetensors --images photos --image-size 48 --json --output {output} {more}");
        place.run(&words).succeeded().json()
    };
    extract("uncached", "--no-cache");
    let report = extract("cold", "");
    assert_eq!((&report["cached"], &report["computed"]), (&0.into(), &12.into()));
    let report = extract("warm", "--batch-size 5");
    assert_eq!((&report["cached"], &report["computed"]), (&12.into(), &0.into()));
    draw(&place.path("photos/more"), "urban", 6);
    let report = extract("more", "");
    assert_eq!((&report["cached"], &report["computed"]), (&16.into(), &2.into()), "four are copies of others");
    let features = |name: &str| fs::read(place.path(name)).unwrap();
    assert!(features("uncached") == features("cold") && features("cold") == features("warm"));
    let (_, computed) = train(&place, "run", "--weights w.safetensors --no-flip");
    assert_eq!(computed, 0, "what was extracted is trained on");
}

#[test]
fn the_cache_is_listed_and_pruned() {
    let place = Workplace::with_photos(4, 2);
    let empty = place.run("cache list").succeeded();
    assert!(empty.stdout.ends_with("features: 0 B\n"), "{}", empty.stdout);
    train(&place, "run", "");
    let listed = place.run("cache list").succeeded();
    assert!(listed.stdout.contains("resnet50") && listed.stdout.contains("48x48"), "{}", listed.stdout);
    assert!(place.run("cache prune").failed(2).contains("--older-than"));
    place.run("cache prune --older-than 1d --max-size 1GB").succeeded();
    assert_eq!(
        place.run("cache prune --all --dry-run --json").succeeded().json()["removed"].as_array().unwrap().len(),
        1
    );
    assert!(!shards(&place).is_empty());
    let pruned = place.run("cache prune --all --json").succeeded().json();
    assert_eq!((pruned["removed"].as_array().unwrap().len(), &pruned["left"]), (1, &0.into()));
    assert!(shards(&place).is_empty());
}
