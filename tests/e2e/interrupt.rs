//! Ctrl-C.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use xfer_tests::{Ran, Workplace};

use super::TRAIN;

#[test]
fn ctrl_c_ends_after_the_step_and_saves() {
    let place = Workplace::with_photos(6, 2);
    let mut training = place.command(&format!("{TRAIN} --epochs 100000 --steps-per-epoch 6 --output run"));
    let child = training.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_child(&child);
    let deadline = Instant::now() + Duration::from_secs(120);
    while !place.path("run/history.csv").exists() {
        assert!(Instant::now() < deadline, "no epoch in two minutes");
        thread::sleep(Duration::from_millis(20));
    }
    kill_process(pid, Signal::INT).unwrap();
    let ran = Ran::of(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("stopping after this step"), "{}", ran.stderr);
    assert!(ran.stdout.contains("saved to run"), "{}", ran.stdout);
    assert!(place.path("run/model.json").exists() && place.path("run/head.safetensors").exists());
}
