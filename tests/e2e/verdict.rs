//! One part of a real training made slow at a time, and what the training says that it waits for.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use image::{Rgb, RgbImage};
use serde_json::Value;
use xfer_tests::{Ran, Workplace};

const TRAIN: &str = "train --data photos --weights random --metrics-addr off --json --output run";

/// What it waited for, and the whole verdict.
#[expect(clippy::print_stdout, reason = "--nocapture gives the table of docs/observability.md")]
fn verdict(place: &Workplace, words: &str, environment: &[(&str, &str)]) -> (String, Value) {
    let mut command = place.command(&format!("{TRAIN} {words}"));
    let ran = Ran::of(&command.envs(environment.iter().copied()).output().unwrap()).succeeded();
    let verdict = ran.json()["verdict"].clone();
    println!("{words}: {}", verdict["text"]);
    (verdict["bound"].as_str().unwrap_or("none").to_owned(), verdict)
}

/// Large photos of two classes.
fn place_of(name: &str, width: u32, height: u32) -> Workplace {
    let place = Workplace::empty();
    for (number, class) in (0..).zip(["rural", "rural", "rural", "urban", "urban", "urban"]) {
        let folder = place.path(&format!("photos/train/{class}"));
        fs::create_dir_all(&folder).unwrap();
        let (image, file) = (noise(width, height, number), folder.join(format!("{number}{name}")));
        match name {
            ".ppm" => fs::write(file, [format!("P6 {width} {height} 255\n").as_bytes(), &image].concat()).unwrap(),
            _ => image.save(file).unwrap(),
        }
    }
    place
}

/// Patches under noise, which no decoder can skip over.
fn noise(width: u32, height: u32, number: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let hash = |x: u32, y: u32| {
            (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA6B)).wrapping_mul(0xC2B2_AE35) ^ x.wrapping_mul(y)
        };
        let (patch, noise) = (hash(x * 9 / width + number, y * 7 / height + number), hash(x, y));
        let channel = |shift: u32| ((patch >> shift) as u8 / 2) + ((noise >> shift) as u8 / 2);
        Rgb([24, 16, 8].map(channel))
    })
}

/// Which signal asks for a lease back (`asm-generic/fcntl.h`).
const F_SETSIG: libc::c_int = 10;

/// A file that takes long to open, as one on a slow network does, as long as this lives.
struct SlowFile {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl SlowFile {
    fn new(path: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let file = File::options().read(true).write(true).open(path).unwrap();
            let lease = |kind: libc::c_int| {
                // SAFETY: plain calls on an open descriptor; the signal that asks for the lease back is one that is
                // ignored by default.
                unsafe {
                    libc::fcntl(file.as_raw_fd(), F_SETSIG, libc::SIGURG);
                    libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, kind)
                }
            };
            // SAFETY: as above.
            let leased = || unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLEASE) } == libc::F_WRLCK;
            let mut held = false;
            while !until.load(Ordering::Relaxed) {
                if held && !leased() {
                    // Somebody waits for it.
                    thread::sleep(Duration::from_millis(900));
                    lease(libc::F_UNLCK);
                    held = false;
                }
                thread::sleep(Duration::from_millis(2));
                // As long as somebody has it open, there is no lease to be had.
                held = held || lease(libc::F_WRLCK) == 0;
            }
            lease(libc::F_UNLCK);
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for SlowFile {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(thread::JoinHandle::join);
    }
}

#[test]
fn slow_storage_holds_up_reading() {
    let place = Workplace::with_photos(6, 2);
    let photos = ["rural", "urban"].map(|class| fs::read_dir(place.path(&format!("photos/train/{class}"))).unwrap());
    let slow: Vec<SlowFile> = photos.into_iter().flatten().map(|file| SlowFile::new(file.unwrap().path())).collect();
    assert_eq!(slow.len(), 12);
    let (bound, verdict) = verdict(&place, "--image-size 32 --no-cache --epochs 6", &[]);
    assert_eq!((bound.as_str(), &verdict["cause"]["name"]), ("loader", &"read".into()), "{verdict}");
    assert_eq!(verdict["advice"], "faster or nearer storage");
}

#[test]
fn large_photos_hold_up_decoding() {
    let place = place_of(".jpg", 4000, 3000);
    let (bound, verdict) = verdict(&place, "--image-size 32 --no-cache --epochs 4 --interpolation bilinear", &[]);
    assert_eq!((bound.as_str(), &verdict["cause"]["name"]), ("loader", &"decode".into()), "{verdict}");
    assert_eq!(verdict["advice"], "more cores, or --decode scaled");
}

#[test]
fn costly_filters_hold_up_resizing() {
    let place = place_of(".ppm", 3000, 2000);
    let words = "--image-size 32 --no-cache --epochs 4 --interpolation lanczos";
    let (bound, verdict) = verdict(&place, words, &[("XFER_CPU", "scalar")]);
    assert_eq!((bound.as_str(), &verdict["cause"]["name"]), ("loader", &"resize".into()), "{verdict}");
}

#[test]
fn small_photos_are_held_up_by_the_network() {
    let place = Workplace::with_photos(6, 2);
    let (bound, verdict) = verdict(&place, "--image-size 160 --no-cache --epochs 8", &[]);
    assert_eq!((bound.as_str(), &verdict["cause"]), ("backbone", &Value::Null), "{verdict}");
}

#[test]
fn a_large_head_on_cached_features_is_what_is_left() {
    let place = Workplace::with_photos(6, 2);
    verdict(&place, "--image-size 32 --epochs 60", &[]);
    let (bound, verdict) = verdict(&place, "--image-size 32 --epochs 60 --hidden 1024 --overwrite", &[]);
    assert_eq!((bound.as_str(), &verdict["cached"]), ("head", &1.0.into()), "{verdict}");
    assert!(verdict["text"].as_str().unwrap().starts_with("cache-served, head-bound"), "{verdict}");
}
