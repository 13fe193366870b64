//! One part of a training made slow at a time: the verdict must name it.

use std::thread::sleep;
use std::time::Instant;

use tempfile::TempDir;
use xfer_loader::{
    DirectoryOptions, FileReader, FlowOptions, ImageDataGenerator, Interpolation, PreprocessingFunction, ReportHandle,
    SaveTo, SplineOrder,
};
use xfer_telemetry::stage;
use xfer_telemetry::verdict::{Bound, Verdict};

use super::*;
use crate::features::SourceTime;
use crate::head::{Activation, HeadOptions};

/// A training in which nothing takes long, until something is made to.
struct Slow {
    photos: TempDir,
    generator: ImageDataGenerator,
    flow: FlowOptions,
    reader: FileReader,
    loader: LoaderOptions,
    features: usize,
    hidden: Option<usize>,
    upload: Duration,
    forward: Duration,
    callback: Duration,
}

/// Features that cost nothing, but what they are made to.
struct Constant {
    features: usize,
    upload: Duration,
    forward: Duration,
}

impl FeatureExtractor for Constant {
    fn feature_len(&self) -> usize {
        self.features
    }

    fn identity(&self) -> Vec<(String, String)> {
        vec![("extractor".to_owned(), "constant".to_owned())]
    }

    fn extract(&self, batch: &Batch) -> Result<Vec<f32>, TrainerError> {
        Ok(vec![0.5; batch.len() * self.features])
    }

    fn extract_timed(&self, batch: &Batch, time: &mut SourceTime) -> Result<Vec<f32>, TrainerError> {
        let start = Instant::now();
        sleep(self.upload);
        time.upload += start.elapsed();
        let start = Instant::now();
        sleep(self.forward);
        let features = self.extract(batch);
        time.forward += start.elapsed();
        features
    }
}

/// Ends a training that has lasted long enough to be judged.
struct Enough<'a> {
    start: Instant,
    stop: &'a AtomicBool,
    takes: Duration,
}

impl Callback for Enough<'_> {
    fn on_step_end(&mut self, step: &StepEnd<'_>) -> Wish {
        sleep(self.takes);
        if step.step >= 4 && self.start.elapsed() > Duration::from_millis(1_200) {
            self.stop.store(true, Ordering::Relaxed);
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Slow {
    fn new() -> Self {
        Self {
            photos: photos(4),
            generator: ImageDataGenerator::new(),
            flow: FlowOptions { target_size: (6, 8), batch_size: 4, ..FlowOptions::default() },
            reader: FileReader::default(),
            loader: LoaderOptions { threads: 2, ..LoaderOptions::default() },
            features: 4,
            hidden: None,
            upload: Duration::ZERO,
            forward: Duration::ZERO,
            callback: Duration::ZERO,
        }
    }

    /// A training on photos of `bytes` alone, each called `name`.
    fn of_photos(name: &str, bytes: &[u8]) -> Self {
        let slow = Self::new();
        for class in ["green", "grey"] {
            let folder = slow.photos.path().join(class);
            std::fs::remove_dir_all(&folder).unwrap();
            std::fs::create_dir(&folder).unwrap();
            (0..4).for_each(|photo| std::fs::write(folder.join(format!("{photo}{name}")), bytes).unwrap());
        }
        slow
    }

    fn verdict(self) -> Verdict {
        let flow = self.generator.flow_from_directory(self.photos.path(), &DirectoryOptions::default(), self.flow);
        let stream = flow.unwrap().read_by(self.reader).stream(0.., &self.loader).unwrap().blocking();
        let report: ReportHandle = stream.report();
        let extractor = Constant { features: self.features, upload: self.upload, forward: self.forward };
        let mut training = Extracted::new(stream, &extractor);
        let (features, hidden) = (self.features, self.hidden);
        let head = Head::new(&HeadOptions { features, outputs: 2, hidden, activation: Activation::Softmax, seed: 1 });
        let mut learner = Learner::new(head.unwrap(), Box::new(Sgd::new(1e-3)));
        let stop = AtomicBool::new(false);
        let mut enough = Enough { start: Instant::now(), stop: &stop, takes: self.callback };
        let mut fit = fit(&mut learner, &mut training, options(1, 1 << 40, None), &stop);
        fit.callbacks = vec![&mut enough];
        let fitted = fit.run().unwrap();
        Verdict::new(&fitted.time, &report.read().time, None)
    }
}

fn is_bound(slow: Slow, bound: Bound, cause: Option<&str>) {
    let verdict = slow.verdict();
    let found = (verdict.bound, verdict.cause.map(|cause| cause.name));
    assert_eq!(found, (Some(bound), cause), "{verdict}");
    println!("{verdict}");
}

fn is_loader_bound(slow: Slow, cause: &str) {
    is_bound(slow, Bound::Loader, Some(cause));
}

const LONG: Duration = Duration::from_millis(40);

#[test]
fn slow_storage_is_named() {
    let reader = FileReader::new(|path, buffer| {
        sleep(LONG);
        FileReader::default().read(path, buffer)
    });
    let loader = LoaderOptions { concurrent_reads: 1, ..Slow::new().loader };
    is_loader_bound(Slow { reader, loader, ..Slow::new() }, stage::READ);
}

#[test]
fn photos_that_are_hard_to_decode_are_named() {
    // Numbers in letters.
    let text = "P3 900 900 255\n".to_owned() + &"17 200 3\n".repeat(900 * 900);
    is_loader_bound(Slow::of_photos(".ppm", text.as_bytes()), stage::DECODE);
}

#[test]
fn a_costly_resize_is_named() {
    let slow = Slow::new();
    let flow = FlowOptions { target_size: (1500, 1500), interpolation: Interpolation::Lanczos, ..slow.flow.clone() };
    let flow = FlowOptions { pixel_type: xfer_loader::PixelType::U8, ..flow };
    is_loader_bound(Slow { flow, ..slow }, stage::RESIZE);
}

#[test]
fn costly_augmentation_is_named() {
    let slow = Slow::new();
    let generator = ImageDataGenerator::new().rotation_range(40.0).interpolation_order(SplineOrder::new(5).unwrap());
    let flow = FlowOptions { target_size: (300, 300), ..slow.flow.clone() };
    is_loader_bound(Slow { generator, flow, ..slow }, stage::AUGMENT);
}

#[test]
fn a_slow_function_of_the_users_is_named() {
    let function = PreprocessingFunction::new(|_, _| sleep(LONG));
    let generator = ImageDataGenerator::new().preprocessing_function(function);
    is_loader_bound(Slow { generator, ..Slow::new() }, stage::STANDARDIZE);
}

#[test]
fn keeping_every_image_is_named() {
    let (slow, kept) = (Slow::new(), tempfile::tempdir().unwrap());
    let (directory, prefix, format) = (kept.path().to_owned(), String::new(), xfer_loader::SaveFormat::Png);
    let save_to = Some(SaveTo { directory, prefix, format });
    let flow = FlowOptions { target_size: (500, 500), save_to, ..slow.flow.clone() };
    is_loader_bound(Slow { flow, ..slow }, stage::SAVE);
}

#[test]
fn a_slow_device_is_named() {
    is_bound(Slow { forward: LONG, ..Slow::new() }, Bound::Backbone, None);
    is_bound(Slow { upload: LONG, ..Slow::new() }, Bound::Upload, None);
}

#[test]
fn a_costly_head_is_named() {
    is_bound(Slow { features: 8192, hidden: Some(256), ..Slow::new() }, Bound::Head, None);
}

#[test]
fn a_slow_callback_is_named() {
    is_bound(Slow { callback: LONG, ..Slow::new() }, Bound::Other, None);
}

/// An extractor's cache that is slow to find things.
struct SlowCache<S> {
    source: S,
    cache: Duration,
}

impl<S: FeatureSource> FeatureSource for SlowCache<S> {
    fn next_batch(&mut self) -> Option<Result<FeatureBatch, TrainerError>> {
        let start = Instant::now();
        sleep(LONG);
        self.cache += start.elapsed();
        self.source.next_batch()
    }

    fn time(&self) -> SourceTime {
        SourceTime { cache: self.cache, ..self.source.time() }
    }
}

#[test]
fn a_slow_cache_is_named() {
    let photos = photos(4);
    let mut training = SlowCache { source: source(&flow(photos.path(), 2, true), 2), cache: Duration::ZERO };
    let (mut learner, stop) = (learner(0.1), AtomicBool::new(false));
    let mut enough = Enough { start: Instant::now(), stop: &stop, takes: Duration::ZERO };
    let mut fit = fit(&mut learner, &mut training, options(1, 1 << 40, None), &stop);
    fit.callbacks = vec![&mut enough];
    let time = fit.run().unwrap().time;
    let verdict = Verdict::new(&time, &Default::default(), None);
    assert_eq!((verdict.bound, verdict.cause), (Some(Bound::Cache), None), "{verdict}");
}
