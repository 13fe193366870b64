//! The byte budget: what keeps within it, and that nothing waits for ever.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use image::RgbImage;

use super::{content, flow, options, photos, threads};
use crate::{Batch, Flow, FlowOptions, ImageDataGenerator, LoaderOptions, PixelType};

/// Waits until `holds`.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

const BUDGET: u64 = 1 << 20;

fn loader(prefetch_batches: usize) -> LoaderOptions {
    LoaderOptions { prefetch_batches, max_bytes_in_flight: BUDGET, ..threads(2) }
}

/// Batches of 147,456 bytes.
fn wide(root: &Path) -> Flow {
    flow(root, FlowOptions { target_size: (64, 48), ..options() })
}

// invariant 4: batches that the consumer keeps count.
#[test]
fn kept_batches_hold_the_loader_up_at_the_budget_until_one_is_dropped() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 6);
    let mut stream = wide(root.path()).stream(0.., &loader(4)).unwrap().blocking();
    let mut kept: Vec<Batch> = Vec::new();
    for _ in 0..4 {
        kept.push(stream.next().unwrap().unwrap());
    }
    let in_flight = std::sync::Arc::clone(&stream.stream.in_flight);
    until("another fits", || in_flight.undelivered() > 0);
    std::thread::sleep(Duration::from_millis(100));
    let (ahead, bytes) = (in_flight.undelivered(), in_flight.bytes());
    assert!(ahead < 4 && bytes <= BUDGET, "{ahead} batches ahead, {bytes} bytes");
    kept.truncate(1);
    until("the loader goes on", || in_flight.undelivered() == 4);
    assert!(in_flight.bytes() <= BUDGET);
}

// A consumer that collects all batches cannot drop one while it waits.
#[test]
fn a_consumer_that_keeps_everything_gets_everything() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 6);
    let flow = wide(root.path());
    for count in [1, 3] {
        let options = LoaderOptions { threads: count, ..loader(1) };
        let all: Vec<Batch> = flow.stream(0..10, &options).unwrap().blocking().map(Result::unwrap).collect();
        assert_eq!(all.len(), 30, "some four times the budget");
    }
}

#[test]
fn a_budget_smaller_than_a_batch_and_files_that_fill_it_get_on() {
    let root = tempfile::tempdir().unwrap();
    for number in 0..9_u32 {
        // Up to 0.98 MiB each.
        let image = RgbImage::from_fn(400, 400 + 50 * number, |x, y| image::Rgb([x as u8, y as u8, number as u8]));
        image.save(root.path().join(format!("{number}.bmp"))).unwrap();
    }
    let largest = fs::metadata(root.path().join("8.bmp")).unwrap().len();
    assert!(largest > BUDGET * 9 / 10 && largest < BUDGET, "{largest}");
    let options = FlowOptions { target_size: (300, 300), batch_size: 4, ..FlowOptions::default() };
    let flow = ImageDataGenerator::new().flow_from_files(root.path(), options).unwrap();
    let run = |loader: &LoaderOptions| -> Vec<_> {
        flow.stream(0..2, loader).unwrap().blocking().map(|batch| content(&batch.unwrap())).collect()
    };
    let expected = run(&threads(1));
    for count in [1, 2, 8] {
        assert!(run(&LoaderOptions { threads: count, ..loader(2) }) == expected, "{count} threads");
    }
}

#[test]
fn buffers_are_used_again_and_few() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 6);
    let flow = ImageDataGenerator::new()
        .flow_from_files(root.path(), FlowOptions { pixel_type: PixelType::U8, ..options() })
        .unwrap();
    let mut addresses = std::collections::BTreeSet::new();
    for batch in flow.stream(0..100, &threads(2)).unwrap().blocking() {
        addresses.insert(batch.unwrap().parts.bytes.as_ptr() as usize);
    }
    assert!(addresses.len() <= 4, "{} buffers for 300 batches", addresses.len());
}
