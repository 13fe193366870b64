//! A disk that is full when the model is saved.

use std::process::Command;

use xfer_tests::{Ran, Workplace, may_mount};

/// Mounts a tmpfs of 16 KiB over `run` in a namespace of its own, and runs the rest of its arguments.
const IN_A_SMALL_TMPFS: &str = "mkdir run && mount -t tmpfs -o size=16k tmpfs run && exec \"$0\" \"$@\"";

// invariant 7: a file that does not fit does not appear.
#[test]
fn a_full_disk_is_named_and_leaves_nothing_half_written() {
    if !may_mount() {
        return;
    }
    let place = Workplace::with_photos(2, 1);
    let words = format!("{} --output run/city", super::TRAIN);
    let training = place.command(&words);
    let listing = format!("{IN_A_SMALL_TMPFS}; ls -A run/city");
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &listing.replace("exec ", "")])
        .arg(training.get_program())
        .args(training.get_args())
        .current_dir(place.path(""))
        .output()
        .unwrap();
    let ran = Ran::of(&output);
    assert!(ran.stderr.contains("No space left on device"), "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("run/city/"), "the file is named: {}", ran.stderr);
    assert!(!ran.stdout.contains("saved to run"), "{}", ran.stdout);
    let left: Vec<&str> = ran.stdout.lines().rev().take_while(|line| !line.contains(' ')).collect();
    assert!(!left.contains(&"model.json"), "{left:?}");
    let whole = ["history.csv", "head.safetensors", "manifest.json", "checkpoints"];
    assert!(left.iter().all(|name| whole.contains(name)), "{left:?}");
}
