//! Extractions that are killed, run at once, or have no room: what is kept is right, and the rest is computed again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use xfer_tests::{Ran, Workplace, may_mount};

const EXTRACT: &str = "extract --weights w.safetensors --images photos --image-size 160 --batch-size 4 --json";

fn place() -> Workplace {
    let place = Workplace::with_photos(28, 4);
    let weights = xfer_backbones::Weights::random(xfer_backbones::Architecture::ResNet50, 3);
    weights.save(&place.path("w.safetensors")).unwrap();
    place
}

fn features(place: &Workplace, name: &str) -> Vec<u8> {
    fs::read(place.path(name)).unwrap()
}

/// The head that a training on the cache comes to.
fn head(place: &Workplace, output: &str, more: &str) -> Vec<u8> {
    let words = "train --data photos --weights w.safetensors --image-size 160 --metrics-addr off --epochs 2";
    place.run(&format!("{words} --output {output} {more}")).succeeded();
    features(place, &format!("{output}/head.safetensors"))
}

/// Files of features in a cache.
fn shards(cache: &Path) -> usize {
    let inside = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = inside(cache.join("features")).flat_map(inside);
    files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("features-"))).count()
}

/// How many extractions are killed: XFER_KILLS, or a few.
fn kills() -> u32 {
    std::env::var("XFER_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(3)
}

// invariant 9: wherever an extraction was killed, what it kept is what it would have computed, and it goes on from there.
#[test]
fn an_extraction_that_was_killed_goes_on_from_what_it_kept() {
    let place = place();
    let whole = place.run(&format!("{EXTRACT} --output whole")).succeeded().json();
    let expected = features(&place, "whole");
    let total = whole["computed"].as_u64().unwrap();
    let trained = head(&place, "uncached", "--no-cache --no-flip");
    let mut kept = Vec::new();
    for kill in 0..kills() {
        let cache = place.path(&format!("cache{kill}"));
        let command = |words: &str| {
            let mut command = place.command(words);
            command.env("XFER_CACHE_DIR", &cache);
            command
        };
        let words = format!("{EXTRACT} --output killed{kill}");
        let mut child = command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Every other one before anything is kept, the others soon after; how soon, the golden ratio says.
        let moment = (f64::from(kill) * 0.618_034).fract();
        while kill % 2 == 0 && shards(&cache) == 0 && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(500).mul_f64(moment));
        child.kill().unwrap();
        child.wait().unwrap();
        let output = place.path(&format!("killed{kill}"));
        assert!(!output.exists() || fs::read(&output).unwrap() == expected, "a file that is there is whole");
        let again = Ran::of(&command(&format!("{words} --overwrite")).output().unwrap()).succeeded().json();
        let (cached, computed) = (again["cached"].as_u64().unwrap(), again["computed"].as_u64().unwrap());
        assert_eq!(cached + computed, total, "{again}");
        assert!(features(&place, &format!("killed{kill}")) == expected, "kill {kill}: {cached} of {total} were kept");
        Ran::of(&command("cache verify").output().unwrap()).succeeded();
        let words = format!("--cache-dir {} --no-flip", cache.join("features").display());
        assert!(head(&place, &format!("head{kill}"), &words) == trained, "kill {kill}");
        kept.push(cached);
        assert!(kill % 2 == 1 || cached > 0, "what was kept is used");
    }
    println!("of {total} vectors were kept: {kept:?}");
}

// invariant 9: two extractions at once share what they compute, and disturb each other in nothing.
#[test]
fn extractions_at_once_come_to_the_same_features() {
    let place = place();
    let start = |output: &str| {
        let words = format!("{EXTRACT} --output {output}");
        place.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    for mut child in ["one", "two"].map(start) {
        assert!(child.wait().unwrap().success());
    }
    let last = place.run(&format!("{EXTRACT} --output last")).succeeded().json();
    assert_eq!(last["computed"], 0, "{last}");
    place.run(&format!("{EXTRACT} --no-cache --output uncached")).succeeded();
    let expected = features(&place, "uncached");
    assert!(["one", "two", "last"].iter().all(|name| features(&place, name) == expected));
    place.run("cache verify").succeeded();
}

/// Mounts a tmpfs of 96 KiB over `small` in a namespace of its own, and runs the rest of its arguments, then those once
/// more.
const IN_A_SMALL_TMPFS: &str = "mkdir small && mount -t tmpfs -o size=96k tmpfs small && \"$0\" \"$@\" && \
    \"$0\" \"$@\" --overwrite && du -k small";

// invariant 9: a cache that has no room costs time, and nothing else.
#[test]
fn a_full_disk_keeps_what_fits_and_is_told() {
    if !may_mount() {
        return;
    }
    let place = place();
    place.run(&format!("{EXTRACT} --no-cache --output uncached")).succeeded();
    let extraction = place.command(&format!("{EXTRACT} --cache-dir small --output full"));
    let begun = Instant::now();
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", IN_A_SMALL_TMPFS])
        .arg(extraction.get_program())
        .args(extraction.get_args())
        .env("XFER_CACHE_DIR", place.path(".cache"))
        .current_dir(place.path(""))
        .output()
        .unwrap();
    let ran = Ran::of(&output).succeeded();
    assert!(begun.elapsed() < Duration::from_secs(600));
    assert!(ran.stderr.contains("No space left on device") && ran.stderr.contains("small/"), "{}", ran.stderr);
    assert!(features(&place, "full") == features(&place, "uncached"));
}
