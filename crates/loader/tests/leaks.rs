//! A loaded stream is dropped at a random step, again and again: no thread, descriptor or byte may be left over. Alone
//! in its process, so that nothing else comes and goes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::sync::atomic::{AtomicIsize, Ordering};

use image::{Rgb, RgbImage};
use xfer_loader::{DirectoryOptions, FlowOptions, ImageDataGenerator, LoaderOptions, Preprocessing};

/// The system's allocator, counting bytes that are in use.
struct Counting;

static IN_USE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call is passed on unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

// invariant 6: nothing is left of a stream that is dropped.
#[test]
fn a_thousand_streams_dropped_at_a_random_step_leave_nothing() {
    let root = tempfile::tempdir().unwrap();
    for class in ["a", "b"] {
        fs::create_dir(root.path().join(class)).unwrap();
        for number in 0..12_u8 {
            let image = RgbImage::from_fn(64, 48, |x, y| Rgb([x as u8 * 3, y as u8 * 5, number * 20]));
            image.save(root.path().join(class).join(format!("{number}.jpg"))).unwrap();
        }
    }
    let options = FlowOptions { target_size: (32, 32), batch_size: 4, ..FlowOptions::default() };
    let flow = ImageDataGenerator::new()
        .horizontal_flip(true)
        .preprocessing(Preprocessing::Caffe)
        .flow_from_directory(root.path(), &DirectoryOptions::default(), options)
        .unwrap();
    let mut random = 1_u64;
    let mut round = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let steps = (random >> 33) as usize % 15;
        let loader = LoaderOptions { threads: 1 + steps % 3, ..LoaderOptions::default() };
        let stream = flow.stream(0.., &loader).unwrap().blocking();
        for batch in stream.take(steps) {
            batch.unwrap();
        }
    };
    // What is made once and kept: thread-locals, tables of the standard library.
    for _ in 0..20 {
        round();
    }
    let before = (entries("/proc/self/task"), entries("/proc/self/fd"), IN_USE.load(Ordering::Relaxed));
    for _ in 0..1_000 {
        round();
    }
    let after = (entries("/proc/self/task"), entries("/proc/self/fd"), IN_USE.load(Ordering::Relaxed));
    assert_eq!(after, before, "threads, descriptors, bytes");
}
