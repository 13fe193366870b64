//! All that can be switched on, at once.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{photos, threads};
use crate::{
    Alpha, BatchTargets, ColorMode, Compat, DecodeOptions, Depth16, DirectoryOptions, ErrorBudget, ExifOrientation,
    FillMode, FlowOptions, ImageDataGenerator, ImageShape, Interpolation, Layout, OnError, PixelType, Pixels,
    Preprocessing, PreprocessingFunction, SaveFormat, SaveTo, Shift, SplineOrder, Statistics,
};

/// Drawn photos, and every file of `tests/fixtures/formats` under the name of a PNG, half of them in each class.
fn every_kind(root: &Path) {
    photos(root, 6);
    let formats = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats");
    let mut files: Vec<_> = fs::read_dir(formats).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for (number, file) in files.iter().enumerate() {
        let class = ["rural", "urban"][number % 2];
        fs::copy(file, root.join(class).join(format!("kind-{number:03}.png"))).unwrap();
    }
    fs::write(root.join("rural/empty.png"), "").unwrap();
}

/// Every augmentation.
fn augmentation(compat: Compat) -> ImageDataGenerator {
    ImageDataGenerator::new()
        .compat(compat)
        .rotation_range(25.0)
        .width_shift_range(0.15)
        .height_shift_range(Shift::OneOf(vec![1.0, 2.5, -3.0]))
        .brightness_range((0.6, 1.4))
        .shear_range(12.0)
        .zoom_range((0.8, 1.3))
        .channel_shift_range(20.0)
        .fill_mode(FillMode::Wrap)
        .cval(7.0)
        .horizontal_flip(true)
        .vertical_flip(true)
}

/// Every standardisation as well, for images of `channels`.
fn standardisation(generator: ImageDataGenerator, channels: usize) -> ImageDataGenerator {
    let shape = ImageShape { height: 20, width: 28, channels };
    let statistics = Statistics::new(shape, vec![0.1; channels], vec![1.5; channels], None).unwrap();
    let preset = if channels == 3 { Preprocessing::Torch } else { Preprocessing::Tf };
    generator
        .interpolation_order(SplineOrder::CUBIC)
        .preprocessing_function(PreprocessingFunction::new(|pixels, _| pixels.iter_mut().for_each(|x| *x = 255.0 - *x)))
        .preprocessing(preset)
        .rescale(0.7)
        .samplewise_center(true)
        .samplewise_std_normalization(true)
        .featurewise_center(true)
        .featurewise_std_normalization(true)
        .statistics(Arc::new(statistics))
}

fn options(pixel_type: PixelType, color_mode: ColorMode, on_error: OnError) -> FlowOptions {
    FlowOptions {
        target_size: (20, 28),
        batch_size: 13,
        seed: 11,
        interpolation: Interpolation::Bilinear,
        keep_aspect_ratio: true,
        decode: DecodeOptions {
            color_mode,
            exif: ExifOrientation::Apply,
            depth16: Depth16::Clip,
            alpha: Alpha::Composite([200, 100, 0]),
        },
        pixel_type,
        layout: Layout::Nchw,
        on_error,
        error_budget: ErrorBudget::Count(30),
        ..FlowOptions::default()
    }
}

/// One digest of all that the batches of an epoch say, and the files that failed.
fn digest(
    root: &Path,
    generator: &ImageDataGenerator,
    options: &FlowOptions,
    epoch: u64,
    count: usize,
) -> (String, Vec<String>) {
    let flow = generator.flow_from_directory(root, &DirectoryOptions::default(), options.clone()).unwrap();
    let mut digest = Sha256::new();
    let stream = flow.stream(epoch..=epoch, &threads(count)).unwrap().blocking();
    let report = stream.report();
    for batch in stream {
        let batch = batch.unwrap();
        digest.update(format!("{} {:?} {:?} {:?}", batch.index, batch.shape(), batch.labels(), batch.sample_indices()));
        match batch.pixels() {
            Pixels::U8(levels) => digest.update(levels),
            Pixels::F32(values) => {
                assert!(values.iter().all(|value| value.is_finite()));
                digest.update(bytemuck::cast_slice::<f32, u8>(values));
            }
        }
        let BatchTargets::Values(targets) = batch.targets() else { panic!("one column a class") };
        digest.update(bytemuck::cast_slice::<f32, u8>(&targets.values));
    }
    let failures = report.read().failures.iter().map(ToString::to_string).collect();
    (digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), failures)
}

// invariant 2: the seed alone decides, whatever is switched on.
#[test]
fn everything_at_once_is_the_same_at_any_number_of_threads() {
    let root = tempfile::tempdir().unwrap();
    every_kind(root.path());
    let mut seen = Vec::new();
    for compat in Compat::ALL {
        for (pixel_type, color_mode, on_error) in [
            (PixelType::F32, ColorMode::Rgb, OnError::Replace),
            (PixelType::F32, ColorMode::Grayscale, OnError::Skip),
            (PixelType::U8, ColorMode::Rgb, OnError::Skip),
            (PixelType::U8, ColorMode::Rgba, OnError::Replace),
        ] {
            let generator = match pixel_type {
                PixelType::F32 => standardisation(augmentation(compat), color_mode.channels()),
                PixelType::U8 => augmentation(compat),
            };
            let options = options(pixel_type, color_mode, on_error);
            let run = |count| digest(root.path(), &generator, &options, 1, count);
            let one = run(1);
            assert!(one.1.iter().any(|failure| failure.contains("rural/empty.png: decode")), "{:?}", one.1);
            for count in [2, 3, 8] {
                assert_eq!(run(count), one, "{compat} {pixel_type:?} {color_mode} at {count} threads");
            }
            seen.push(one.0);
            // Another epoch is another one.
            seen.push(digest(root.path(), &generator, &options, 2, 3).0);
        }
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all, "every mode, kind and epoch is its own");
}

/// The image of `values` (HWC or CHW), HWC.
fn rows(values: &[f32], layout: Layout, channels: usize) -> Vec<f32> {
    let plane = values.len() / channels;
    match layout {
        Layout::Nhwc => values.to_vec(),
        Layout::Nchw => (0..values.len()).map(|at| values[at % channels * plane + at / channels]).collect(),
    }
}

#[test]
fn saved_files_hold_what_the_batch_holds() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 5);
    for compat in Compat::ALL {
        for (pixel_type, layout, color_mode) in [
            (PixelType::F32, Layout::Nchw, ColorMode::Rgb),
            (PixelType::F32, Layout::Nhwc, ColorMode::Grayscale),
            (PixelType::U8, Layout::Nhwc, ColorMode::Rgba),
            (PixelType::U8, Layout::Nchw, ColorMode::Rgb),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let save_to = SaveTo { directory: folder.path().into(), prefix: "aug".to_owned(), format: SaveFormat::Png };
            let channels = color_mode.channels();
            let generator = match pixel_type {
                PixelType::F32 => standardisation(augmentation(compat), channels),
                PixelType::U8 => augmentation(compat),
            };
            let options =
                FlowOptions { layout, save_to: Some(save_to), ..options(pixel_type, color_mode, OnError::Fail) };
            let flow = generator.flow_from_directory(root.path(), &DirectoryOptions::default(), options).unwrap();
            let mut names = Vec::new();
            // Twice: the same run may write the same files again.
            for _ in 0..2 {
                let mut found = 0;
                for batch in flow.stream(3..4, &threads(3)).unwrap().blocking() {
                    let batch = batch.unwrap();
                    let values: Vec<f32> = match batch.pixels() {
                        Pixels::U8(levels) => levels.iter().map(|&level| level.into()).collect(),
                        Pixels::F32(values) => values.to_vec(),
                    };
                    for (sample, values) in batch.sample_indices().iter().zip(values.chunks(20 * 28 * channels)) {
                        let start = format!("aug_{sample}_");
                        names = fs::read_dir(folder.path())
                            .unwrap()
                            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                            .collect();
                        let mut of_sample = names.iter().filter(|name| name.starts_with(&start));
                        let (name, None) = (of_sample.next().unwrap(), of_sample.next()) else {
                            panic!("one a sample")
                        };
                        let saved = image::open(folder.path().join(name)).unwrap();
                        assert_eq!((saved.height(), saved.width()), (20, 28));
                        let mut levels = vec![0; values.len()];
                        crate::stages::save_image_levels(&rows(values, layout, channels), &mut levels);
                        assert_eq!(saved.as_bytes(), levels, "{name} {pixel_type:?} {layout:?} {color_mode}");
                        found += 1;
                    }
                }
                assert_eq!((found, names.len()), (10, 10));
            }
        }
    }
}
