//! A warm decoder, resizer and standardisation take images without asking for memory. Alone in its process, so that
//! nothing else is counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use xfer_loader::stages::{Decoder, Resizer, View};
use xfer_loader::{DecodeOptions, Interpolation, Preprocessing};

/// The system's allocator, counting requests.
struct Counting;

static REQUESTS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn warm_stages_allocate_nothing_for_jpeg() {
    // Of different sizes, samplings and tables, in turn.
    let files = ["photo.jpg", "sampled-1x2.jpg", "progressive.jpg", "cmyk.jpg"]
        .map(|name| std::fs::read(format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap());
    let mut decoder = Decoder::new();
    let mut resizer = Resizer::new();
    let (mut levels, mut values) = (vec![0; 24 * 24 * 3], vec![0.0; 24 * 24 * 3]);
    let mut round = |interpolation| {
        for file in &files {
            let image = decoder.decode(file, &DecodeOptions::default()).unwrap();
            let view = View { pixels: &image.pixels, height: image.height, width: image.width, channels: 3 };
            resizer.resize(view, None, &mut levels, (24, 24), interpolation);
            Preprocessing::Caffe.apply(&levels, &mut values);
        }
    };
    for interpolation in [Interpolation::Nearest, Interpolation::Bilinear] {
        for _ in 0..3 {
            round(interpolation);
        }
        let before = REQUESTS.load(Ordering::Relaxed);
        for _ in 0..10 {
            round(interpolation);
        }
        assert_eq!(REQUESTS.load(Ordering::Relaxed) - before, 0, "{interpolation}");
    }
}
