//! A small world to train in: real files, the real loader, and features that need no backbone.

use std::path::Path;

use tempfile::TempDir;
use xfer_loader::{Batch, DirectoryOptions, Flow, FlowOptions, ImageDataGenerator, LoaderOptions, PixelType, Pixels};

use crate::error::TrainerError;
use crate::features::{Extracted, FeatureBatch, FeatureExtractor, FeatureSource};

/// The mean of red, green and blue, and their products: features of which a head can tell green from grey.
pub(super) struct MeanColour;

impl FeatureExtractor for MeanColour {
    fn feature_len(&self) -> usize {
        4
    }

    fn identity(&self) -> Vec<(String, String)> {
        vec![("extractor".to_owned(), "mean colour".to_owned())]
    }

    fn extract(&self, batch: &Batch) -> Result<Vec<f32>, TrainerError> {
        let Pixels::U8(pixels) = batch.pixels() else { panic!("the flow is of bytes") };
        let [_, height, width, _] = batch.shape();
        let of_image = |image: &[u8]| {
            let mean = |channel: usize| {
                let sum: u32 = image.iter().skip(channel).step_by(3).map(|&value| u32::from(value)).sum();
                sum as f32 / (height * width) as f32 / 255.0
            };
            [mean(0), mean(1), mean(2), mean(0) * mean(1)]
        };
        Ok(pixels.chunks_exact(height * width * 3).flat_map(of_image).collect())
    }
}

/// Photos of two classes, `green` and `grey`, in a folder of their own.
pub(super) fn photos(of_each: u8) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (class, base) in [("green", [40u8, 160, 30]), ("grey", [120, 118, 125])] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
        for photo in 0..of_each {
            let pixel = |x: u8, y: u8| base.map(|c| c.wrapping_add(photo.wrapping_mul(3) ^ (x * 5 + y)));
            let pixels = (0..6).flat_map(|y| (0..8).flat_map(move |x| pixel(x, y)));
            let ppm: Vec<u8> = b"P6 8 6 255\n".iter().copied().chain(pixels).collect();
            std::fs::write(folder.path().join(class).join(format!("{photo:02}.ppm")), ppm).unwrap();
        }
    }
    folder
}

pub(super) fn flow(folder: &Path, batch_size: usize, shuffle: bool) -> Flow {
    let options = FlowOptions {
        target_size: (6, 8),
        batch_size,
        shuffle,
        seed: 7,
        pixel_type: PixelType::U8,
        ..FlowOptions::default()
    };
    ImageDataGenerator::new().flow_from_directory(folder, &DirectoryOptions::default(), options).unwrap()
}

/// An endless supply of batches.
pub(super) fn source(flow: &Flow, threads: usize) -> impl FeatureSource + use<> {
    let batches = flow.stream(0.., &LoaderOptions { threads, ..LoaderOptions::default() }).unwrap().blocking();
    Extracted::new(batches, &MeanColour)
}

/// Remembers which batches went by.
pub(super) struct Recorded<S> {
    pub(super) source: S,
    pub(super) seen: Vec<(u64, usize)>,
}

impl<S: FeatureSource> FeatureSource for Recorded<S> {
    fn next_batch(&mut self) -> Option<Result<FeatureBatch, TrainerError>> {
        let batch = self.source.next_batch()?;
        if let Ok(batch) = &batch {
            self.seen.push((batch.pass, batch.index));
        }
        Some(batch)
    }
}
