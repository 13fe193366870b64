//! A stream with everything switched on is dropped at a random step, again and again: no thread, descriptor or byte may
//! be left over. Alone in its process, so that nothing else comes and goes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

use image::{Rgb, RgbImage};
use xfer_loader::{
    Compat, DirectoryOptions, ErrorBudget, FillMode, Flow, FlowOptions, ImageDataGenerator, ImageShape, Interpolation,
    LoaderOptions, OnError, Preprocessing, PreprocessingFunction, SplineOrder, Statistics,
};

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

/// Photos of two classes, in a folder for those that are whole, and in one where two are not.
fn photos(root: &Path, damaged: bool) {
    for class in ["a", "b"] {
        fs::create_dir_all(root.join(class)).expect("a new folder");
        for number in 0..12_u8 {
            let image = RgbImage::from_fn(64, 48, |x, y| Rgb([x as u8 * 3, y as u8 * 5, number * 20]));
            image.save(root.join(class).join(format!("{number}.jpg"))).expect("a new file");
        }
    }
    if damaged {
        fs::write(root.join("a/3.jpg"), "I am text").expect("a file");
        fs::write(root.join("b/9.jpg"), "").expect("a file");
    }
}

/// All that can be switched on, in `f32`.
fn flow(root: &Path, on_error: OnError, compat: Compat) -> Flow {
    let shape = ImageShape { height: 32, width: 40, channels: 3 };
    let statistics = Statistics::new(shape, vec![0.1; 3], vec![1.5; 3], None).expect("statistics");
    let options = FlowOptions {
        target_size: (32, 40),
        batch_size: 4,
        interpolation: Interpolation::Bilinear,
        keep_aspect_ratio: true,
        layout: xfer_loader::Layout::Nchw,
        on_error,
        error_budget: ErrorBudget::Count(2),
        ..FlowOptions::default()
    };
    ImageDataGenerator::new()
        .compat(compat)
        .rotation_range(25.0)
        .width_shift_range(0.15)
        .height_shift_range(vec![1.0, -3.0])
        .brightness_range((0.6, 1.4))
        .shear_range(12.0)
        .zoom_range(0.2)
        .channel_shift_range(20.0)
        .fill_mode(FillMode::Wrap)
        .interpolation_order(SplineOrder::CUBIC)
        .horizontal_flip(true)
        .vertical_flip(true)
        .preprocessing_function(PreprocessingFunction::new(|pixels, _| pixels.reverse()))
        .preprocessing(Preprocessing::Caffe)
        .rescale(0.5)
        .samplewise_std_normalization(true)
        .featurewise_std_normalization(true)
        .statistics(Arc::new(statistics))
        .flow_from_directory(root, &DirectoryOptions::default(), options)
        .expect("a flow")
}

// invariant 6: nothing is left of a stream that is dropped.
#[test]
fn a_thousand_loaded_streams_dropped_at_a_random_step_leave_nothing() {
    let (whole, damaged) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    photos(whole.path(), false);
    photos(damaged.path(), true);
    let flows = [
        flow(whole.path(), OnError::Fail, Compat::Documented),
        flow(whole.path(), OnError::Fail, Compat::Keras3),
        flow(damaged.path(), OnError::Skip, Compat::Documented),
        flow(damaged.path(), OnError::Replace, Compat::Documented),
        flow(damaged.path(), OnError::Fail, Compat::Documented),
    ];
    let mut random = 1_u64;
    let (mut batches, mut errors, mut failures) = (0, 0, 0);
    let mut round = |number: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let steps = (random >> 33) as usize % 15;
        let loader = LoaderOptions { threads: 1 + steps % 3, ..LoaderOptions::default() };
        let stream = flows[number % flows.len()].stream(0.., &loader).unwrap().blocking();
        let report = stream.report();
        for batch in stream.take(steps) {
            match batch {
                Ok(_) => batches += 1,
                Err(_) => errors += 1,
            }
        }
        failures += report.read().failures.len();
    };
    // What is made once and kept: thread-locals, tables of the standard library.
    (0..20).for_each(&mut round);
    let entries = |folder| fs::read_dir(folder).unwrap().count();
    let left = || (entries("/proc/self/task"), entries("/proc/self/fd"), IN_USE.load(Ordering::Relaxed));
    let before = left();
    (0..1_000).for_each(&mut round);
    assert_eq!(left(), before, "threads, descriptors, bytes");
    assert!(batches > 3_000 && errors > 100 && failures > 300, "{batches} {errors} {failures}");
}
