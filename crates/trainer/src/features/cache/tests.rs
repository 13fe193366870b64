//! Training on cached features, against training without a cache.

mod ahead;
mod faults;
mod files;
mod settings;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use xfer_loader::{
    Batch, Compat, DirectoryOptions, ErrorBudget, Flow, FlowOptions, ImageDataGenerator, LoaderOptions, OnError,
    PixelType, Pixels,
};

use super::{Cached, Space, Store, Stored, Views, Warn};
use crate::error::TrainerError;
use crate::features::{Extracted, FeatureBatch, FeatureExtractor, FeatureSource, FeatureTargets};

/// Features that depend on every pixel and its place, and the number of images that they were made of.
#[derive(Default)]
struct Moments {
    images: AtomicUsize,
}

impl FeatureExtractor for Moments {
    fn feature_len(&self) -> usize {
        3
    }

    fn identity(&self) -> Vec<(String, String)> {
        vec![("extractor".to_owned(), "moments".to_owned())]
    }

    fn extract(&self, batch: &Batch) -> Result<Vec<f32>, TrainerError> {
        self.images.fetch_add(batch.len(), Ordering::Relaxed);
        let values: Vec<f32> = match batch.pixels() {
            Pixels::U8(levels) => levels.iter().map(|&level| f32::from(level)).collect(),
            Pixels::F32(values) => values.to_vec(),
        };
        let moments = |image: &[f32]| {
            let weighed = |weight: &dyn Fn(usize) -> f32| {
                image.iter().enumerate().map(|(place, value)| value * weight(place)).sum::<f32>()
            };
            [weighed(&|_| 1e-3), weighed(&|place| place as f32 * 1e-5), weighed(&|place| (place as f32 * 0.7).sin())]
        };
        Ok(values.chunks_exact(values.len() / batch.len()).flat_map(moments).collect())
    }
}

/// What of a training is looked at.
#[derive(Debug, PartialEq)]
struct Outcome {
    batches: Vec<(u64, usize, FeatureTargets, Vec<f32>)>,
    error: Option<String>,
    failures: Vec<String>,
}

/// A folder of photos and a cache beside it.
struct World {
    folder: TempDir,
    extractor: Moments,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl World {
    /// Six photos each of two classes, changed long ago.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (class, first) in [("a", 0), ("b", 6)] {
            for number in 0..6_u8 {
                photo(&folder.path().join(format!("photos/{class}/{number}.ppm")), first + number);
            }
        }
        Self { folder, extractor: Moments::default(), warnings: Arc::default() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn flow(&self, generator: ImageDataGenerator, options: FlowOptions) -> Flow {
        generator.flow_from_directory(self.path("photos"), &DirectoryOptions::default(), options).unwrap()
    }

    fn flipped(&self) -> Flow {
        self.flow(ImageDataGenerator::new().horizontal_flip(true), options())
    }

    fn store(&self, flow: &Flow, stored: Stored) -> Store {
        let warnings = Arc::clone(&self.warnings);
        let warn = Warn::new(move |text| warnings.lock().unwrap().push(text.to_owned()));
        Store::open(&self.path("cache"), Space::of(&self.extractor, flow, stored), warn)
    }

    /// `passes` passes with the cache, and how many images were computed.
    fn cached(&self, flow: &Flow, passes: u64) -> (Outcome, usize) {
        self.cached_as(flow, passes, None, Stored::F32)
    }

    fn cached_as(&self, flow: &Flow, passes: u64, draws: Option<u64>, stored: Stored) -> (Outcome, usize) {
        let before = self.extractor.images.load(Ordering::Relaxed);
        let store = self.store(flow, stored);
        let views = Views::of_flow(flow, draws).unwrap();
        let mut source = Cached::new(flow.clone(), &self.extractor, &store, views, 0..passes, 0, loader()).unwrap();
        let report = source.report();
        let mut outcome = outcome(&mut source);
        outcome.failures = report.read().failures.iter().map(ToString::to_string).collect();
        let tally = source.tally();
        let taken: usize = outcome.batches.iter().map(|batch| batch.3.len() / 3).sum();
        assert!(outcome.error.is_some() || tally.cached() + tally.computed() == taken as u64, "{tally:?}");
        drop(source);
        store.finish();
        (outcome, self.extractor.images.load(Ordering::Relaxed) - before)
    }

    /// The same without.
    fn uncached(&self, flow: &Flow, passes: u64) -> Outcome {
        let stream = flow.stream(0..passes, &loader()).unwrap().blocking();
        let report = stream.report();
        let mut outcome = outcome(&mut Extracted::new(stream, &Moments::default()));
        outcome.failures = report.read().failures.iter().map(ToString::to_string).collect();
        outcome
    }

    fn warnings(&self) -> Vec<String> {
        std::mem::take(&mut *self.warnings.lock().unwrap())
    }
}

fn outcome(source: &mut dyn FeatureSource) -> Outcome {
    let mut outcome = Outcome { batches: Vec::new(), error: None, failures: Vec::new() };
    while let Some(batch) = source.next_batch() {
        match batch {
            Ok(FeatureBatch { features, targets, pass, index, .. }) => {
                outcome.batches.push((pass, index, targets, features));
            }
            Err(error) => outcome.error = Some(error.to_string()),
        }
    }
    outcome
}

fn options() -> FlowOptions {
    FlowOptions { target_size: (5, 7), batch_size: 5, seed: 3, pixel_type: PixelType::U8, ..FlowOptions::default() }
}

fn loader() -> LoaderOptions {
    LoaderOptions { threads: 3, ..LoaderOptions::default() }
}

/// Writes a photo that looks like no other number's, of as many bytes as all others.
fn photo(path: &Path, number: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let pixel = |place: u32| (place.wrapping_mul(u32::from(number) + 7) % 251) as u8;
    let ppm: Vec<u8> = b"P6 9 6 255\n".iter().copied().chain((0..9 * 6 * 3).map(pixel)).collect();
    fs::write(path, ppm).unwrap();
}

/// Lets what was written become so old that later changes show.
fn settle() {
    std::thread::sleep(std::time::Duration::from_millis(2_100));
}

// invariant 9: cached training is uncached training, and computes every view once.
#[test]
fn every_batch_is_that_of_a_training_without_a_cache() {
    for compat in [Compat::Documented, Compat::Keras3] {
        let world = World::new();
        let both = ImageDataGenerator::new().horizontal_flip(true).vertical_flip(true).compat(compat);
        for (generator, views) in [(ImageDataGenerator::new().horizontal_flip(true).compat(compat), 2), (both, 4)] {
            let flow = world.flow(generator, options());
            let expected = world.uncached(&flow, 7);
            let (cold, computed) = world.cached(&flow, 7);
            assert!(cold == expected, "{compat}, {views} views, cold");
            assert!(computed <= 12 * views, "{computed} computed of {views} views");
            assert_eq!(world.cached(&flow, 7), (expected, 0), "{compat}, {views} views, warm");
            assert_eq!(world.uncached(&flow, 9), world.cached(&flow, 9).0, "{compat}, {views} views, and more");
        }
        assert_eq!(world.warnings(), [""; 0]);
    }
}

// invariant 9: one epoch computes no more than it would without a cache.
#[test]
fn one_pass_computes_each_photo_once() {
    let world = World::new();
    let flow = world.flipped();
    assert_eq!(world.cached(&flow, 1).1, 12);
    // Validation: the same photos as they are. Those that were not mirrored are there already.
    let plain = world.flow(ImageDataGenerator::new(), FlowOptions { shuffle: false, ..options() });
    let expected = world.uncached(&plain, 3);
    let (validation, computed) = world.cached(&plain, 3);
    assert!(validation == expected && (1..12).contains(&computed), "{computed} computed");
    let cut = world.flow(ImageDataGenerator::new(), FlowOptions { max_batches: Some(2), shuffle: false, ..options() });
    assert_eq!(world.cached(&cut, 2), (world.uncached(&cut, 2), 0), "cut short");
}

// invariant 9: a second run on the same photos reads none of them.
#[test]
fn a_training_and_its_validation_share_a_store() {
    let world = World::new();
    let train = world.flipped();
    let validate = world.flow(ImageDataGenerator::new(), FlowOptions { shuffle: false, ..options() });
    let store = world.store(&train, Stored::F32);
    assert_eq!(store.space(), &Space::of(&world.extractor, &validate, Stored::F32));
    let source = |flow: &Flow| Cached::new(flow.clone(), &world.extractor, &store, Views::Flips, 0..4, 0, loader());
    let (mut training, mut validation) = (source(&train).unwrap(), source(&validate).unwrap());
    let mut batches = (Vec::new(), Vec::new());
    for _ in 0..4 {
        for (source, batches) in [(&mut training, &mut batches.0), (&mut validation, &mut batches.1)] {
            batches.extend((0..3).map(|_| source.next_batch().unwrap().unwrap()).map(|batch| batch.features));
        }
    }
    for (flow, batches) in [(&train, batches.0), (&validate, batches.1)] {
        let expected: Vec<_> = world.uncached(flow, 4).batches.into_iter().map(|batch| batch.3).collect();
        assert_eq!(batches, expected);
    }
    assert!(training.next_batch().is_none() && validation.next_batch().is_none());
}

// invariant 9: files that fail do the same with and without a cache.
#[test]
fn failures_are_those_of_a_training_without_a_cache() {
    let world = World::new();
    fs::write(world.path("photos/a/2.ppm"), "").unwrap();
    fs::write(world.path("photos/b/4.ppm"), "I am text").unwrap();
    for on_error in [OnError::Fail, OnError::Skip, OnError::Replace] {
        for budget in [ErrorBudget::Count(2), ErrorBudget::Count(1)] {
            let options = FlowOptions { on_error, error_budget: budget, ..options() };
            let flow = world.flow(ImageDataGenerator::new().horizontal_flip(true), options);
            let expected = world.uncached(&flow, 5);
            for run in ["cold", "warm"] {
                let (got, _) = world.cached(&flow, 5);
                assert_eq!(got.error, expected.error, "{on_error}, {budget}, {run}");
                // Up to one batch is computed ahead, so that an error may come a step earlier.
                if expected.error.is_none() {
                    assert_eq!(got, expected, "{on_error}, {budget}, {run}");
                }
            }
        }
    }
    assert_eq!(world.warnings(), [""; 0]);
}
