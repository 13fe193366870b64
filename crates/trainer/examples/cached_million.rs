//! How much memory training on cached features takes: `cached_million FOLDER PHOTOS FEATURES [EPOCHS]`.
//!
//! Draws photos of a few pixels under FOLDER (where there are none yet), whose features are made up, fills a cache beside
//! them with one pass, and then trains a head on it. Prints times and, from `/proc/self/status`, peak and kinds of
//! resident memory. A million photos with 2048 features take 8 GB for the cache and 4 GB for the photos.
#![expect(clippy::print_stdout, reason = "an example that prints")]

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use xfer_loader::{Batch, DirectoryOptions, Flow, FlowOptions, ImageDataGenerator, LoaderOptions, PixelType, Pixels};
use xfer_trainer::features::FeatureExtractor;
use xfer_trainer::features::cache::{Cached, Space, Store, Stored, Views, Warn};
use xfer_trainer::{Fit, FitOptions, Head, Learner, Sgd, TrainerError};

/// Photos a folder.
const IN_FOLDER: usize = 1000;
const CLASSES: usize = 2;

/// As many numbers as asked for, made of an image's first pixels.
struct MadeUp(usize);

impl FeatureExtractor for MadeUp {
    fn feature_len(&self) -> usize {
        self.0
    }

    fn identity(&self) -> Vec<(String, String)> {
        vec![("extractor".to_owned(), "made up".to_owned())]
    }

    fn extract(&self, batch: &Batch) -> Result<Vec<f32>, TrainerError> {
        let Pixels::U8(pixels) = batch.pixels() else { return Ok(Vec::new()) };
        let made_up = |image: &[u8]| {
            let mut state = image.iter().fold(1_u32, |state, &byte| state.wrapping_mul(31).wrapping_add(byte.into()));
            (0..self.0)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 8) as f32 / 16_777_216.0
                })
                .collect::<Vec<f32>>()
        };
        Ok(pixels.chunks_exact(pixels.len() / batch.len()).flat_map(made_up).collect())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, photos, features, ..] = words.as_slice() else {
        return Err("cached_million FOLDER PHOTOS FEATURES [EPOCHS]".into());
    };
    let (folder, photos, features) = (Path::new(folder), photos.parse()?, features.parse()?);
    let epochs = words.get(3).map_or(Ok(1), |epochs| epochs.parse())?;
    let start = Instant::now();
    draw(&folder.join("photos"), photos)?;
    report("photos drawn", start);

    let start = Instant::now();
    let options =
        FlowOptions { target_size: (2, 4), batch_size: 256, pixel_type: PixelType::U8, ..FlowOptions::default() };
    let flow =
        ImageDataGenerator::new().flow_from_directory(folder.join("photos"), &DirectoryOptions::default(), options)?;
    report(&flow.found(), start);

    let extractor = MadeUp(features);
    let start = Instant::now();
    let warn = Warn::new(|text| println!("warning: {text}"));
    let store = Store::open(&folder.join("cache"), Space::of(&extractor, &flow, Stored::F32), warn);
    report("cache opened", start);
    let start = Instant::now();
    train(&flow, &extractor, &store, epochs)?;
    report("trained", start);
    store.finish();
    report("finished", start);
    Ok(())
}

fn train(flow: &Flow, extractor: &MadeUp, store: &Store, epochs: u64) -> Result<(), TrainerError> {
    let head = Head::glorot_uniform(extractor.feature_len(), CLASSES, 1)?;
    let mut learner = Learner::new(head, Box::new(Sgd::new(0.001)));
    let start = Instant::now();
    let mut source = Cached::new(flow.clone(), extractor, store, Views::Flips, 0..epochs, 0, LoaderOptions::default())?;
    report(&format!("first pass planned: {} features are missing", source.missing()), start);
    let tally = source.tally();
    let fitted = Fit {
        learner: &mut learner,
        training: &mut source,
        validation: None,
        options: FitOptions { epochs, steps_per_epoch: flow.batches_per_epoch() as u64, validation_steps: None },
        callbacks: Vec::new(),
        stop: &AtomicBool::new(false),
        from: None,
        recovery: None,
    }
    .run()?;
    println!("{} from the cache, {} computed; {:?}", tally.cached(), tally.computed(), fitted.history);
    Ok(())
}

/// Draws `photos` photos of eight pixels, each another one.
fn draw(folder: &Path, photos: usize) -> std::io::Result<()> {
    for first in (0..photos).step_by(IN_FOLDER) {
        let folder = folder.join(format!("{}/{}", first / IN_FOLDER % CLASSES, first / IN_FOLDER));
        if folder.exists() {
            continue;
        }
        fs::create_dir_all(&folder)?;
        for photo in first..(first + IN_FOLDER).min(photos) {
            let pixels = (0..24_usize).map(|place| (photo.wrapping_mul(2_654_435_761) >> (place * 5 % 40)) as u8);
            let file: Vec<u8> = b"P6 4 2 255\n".iter().copied().chain(pixels).collect();
            fs::write(folder.join(format!("{photo}.ppm")), file)?;
        }
    }
    Ok(())
}

fn report(what: &str, start: Instant) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let megabytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        let digits: String = line.chars().filter(char::is_ascii_digit).collect();
        digits.parse::<u64>().unwrap_or(0) / 1024
    };
    println!(
        "{what}: {:.1} s; resident {} MB (anonymous {}, files {}), peak {} MB",
        start.elapsed().as_secs_f64(),
        megabytes("VmRSS:"),
        megabytes("RssAnon:"),
        megabytes("RssFile:"),
        megabytes("VmHWM:")
    );
}
