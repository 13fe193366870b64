//! A warm decoder, resizer and standardisation take images without asking for memory, and so does a whole stream. Alone
//! in its process, and one after the other, so that nothing else is counted.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use xfer_loader::stages::{Decoder, Resizer, View};
use xfer_loader::{
    DecodeOptions, FlowOptions, ImageDataGenerator, Interpolation, LoaderOptions, PixelType, Preprocessing,
};

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

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Of different sizes, samplings and tables.
const PHOTOS: [&str; 4] = ["photo.jpg", "sampled-1x2.jpg", "progressive.jpg", "cmyk.jpg"];

#[test]
fn nothing_is_allocated_once_buffers_are_there() {
    warm_stages_allocate_nothing_for_jpeg();
    a_warm_stream_allocates_nothing();
}

fn warm_stages_allocate_nothing_for_jpeg() {
    let files =
        PHOTOS.map(|name| std::fs::read(format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap());
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

/// Reads, plans, batches and the consumer's side: whatever a pass needs is there after the first passes.
fn a_warm_stream_allocates_nothing() {
    let root = tempfile::tempdir().unwrap();
    for number in 0..64 {
        let fixture = format!("{}/tests/fixtures/{}", env!("CARGO_MANIFEST_DIR"), PHOTOS[number % 4]);
        std::fs::copy(fixture, root.path().join(format!("{number}.jpg"))).unwrap();
    }
    let generator = ImageDataGenerator::new().horizontal_flip(true);
    for (pixel_type, preprocessing) in [(PixelType::U8, Preprocessing::None), (PixelType::F32, Preprocessing::Caffe)] {
        let options = FlowOptions {
            target_size: (24, 24),
            interpolation: Interpolation::Bilinear,
            batch_size: 8,
            pixel_type,
            ..FlowOptions::default()
        };
        let flow = generator.clone().preprocessing(preprocessing).flow_from_files(root.path(), options).unwrap();
        let mut batches =
            flow.stream(0.., &LoaderOptions { threads: 2, ..LoaderOptions::default() }).unwrap().blocking();
        let mut pass = |images: usize| {
            let before = REQUESTS.load(Ordering::Relaxed);
            for batch in batches.by_ref().take(images / 8) {
                assert_eq!(batch.unwrap().len(), 8);
            }
            REQUESTS.load(Ordering::Relaxed) - before
        };
        pass(2_000);
        let requests: Vec<usize> = (0..10).map(|_| pass(640)).collect();
        // Another thread that reads may be started at any time, should the machine be slow.
        assert_eq!(requests.iter().min(), Some(&0), "{requests:?}");
        assert!(requests.iter().sum::<usize>() < 640, "{requests:?}");
    }
}
