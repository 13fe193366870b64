//! Any bytes give an image or an error: never a panic, never more memory than the picture needs, never a hang.
//!
//! Good files are changed at random for `XFER_FUZZ_SECONDS` (default 10; 60 where `CI` is set). Every input has a seed of
//! its own, beginning with `XFER_FUZZ_SEED` (default 1), and a failure names it: set to that, the test begins with it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stderr, reason = "a hang is told before the process ends")]

mod hostile;
mod jpeg;
mod judge;
mod meter;
mod mutation;
mod png;
mod watchdog;

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs};

use judge::Judge;
use meter::Meter;
use mutation::{Dice, mutated};
use watchdog::Watchdog;

#[global_allocator]
static ALLOCATOR: Meter = Meter;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}: expected a number, got {text}")))
}

/// Every fixture that is an image: JPEG, and all others.
fn files() -> [Vec<Vec<u8>>; 2] {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let folders = ["", "formats", "scaled", "hostile"].map(|name| fixtures.join(name));
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    paths.sort();
    let bytes = paths.iter().map(|path| fs::read(path).unwrap());
    let images = bytes.filter(|bytes| xfer_loader::stages::format_of(bytes).is_ok());
    let (jpeg, others) = images.partition(|bytes| bytes.starts_with(&[0xFF, 0xD8]));
    [jpeg, others]
}

#[test]
fn any_bytes_give_an_image_or_an_error() {
    let [jpeg, others] = files();
    assert!(jpeg.len() > 30 && others.len() > 80, "{} and {}", jpeg.len(), others.len());
    let seconds = number("XFER_FUZZ_SECONDS").unwrap_or(if env::var_os("CI").is_some() { 60 } else { 10 });
    let first = number("XFER_FUZZ_SEED").unwrap_or(1);
    let (start, limit) = (Instant::now(), Duration::from_secs(seconds));
    let watchdog = Watchdog::start();
    let mut judge = Judge::default();
    let mut seed = first;
    while seed == first || start.elapsed() < limit {
        let mut dice = Dice::new(seed);
        let bytes = mutated(if dice.below(3) < 2 { &jpeg } else { &others }, &mut dice);
        let kind = if dice.below(3) < 2 { &jpeg } else { &others };
        let before = dice.pick(kind);
        let told = watchdog.watch(seed, &bytes, || judge.judge(before, &bytes, &mut dice));
        if let Err(reason) = told {
            let path = watchdog::keep(seed, &bytes);
            panic!("{reason}; XFER_FUZZ_SEED={seed} begins with it, and its bytes are {}", path.display());
        }
        seed += 1;
    }
    println!("{} inputs from seed {first} on in {:.1?}: {judge:?}", seed - first, start.elapsed());
}
