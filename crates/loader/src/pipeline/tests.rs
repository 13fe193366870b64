//! The whole pipeline on real files.

mod everything;
mod failure;
mod function;
mod lifetime;
mod list;
mod memory;
mod options;
mod reader;
mod schedule;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use image::{Rgb, RgbImage};
use tokio_stream::StreamExt;

use crate::{
    Batch, Compat, DecodeScale, DirectoryOptions, Flow, FlowOptions, ImageDataGenerator, Interpolation, LoaderError,
    LoaderOptions, PixelType, Pixels, Preprocessing,
};

/// Two classes of drawn photos; every other one a JPEG.
fn photos(root: &Path, per_class: u32) {
    for (class, red) in [("rural", 30_u32), ("urban", 160)] {
        fs::create_dir_all(root.join(class)).unwrap();
        for number in 0..per_class {
            let image = RgbImage::from_fn(40 + number, 30 + 2 * number, |x, y| {
                Rgb([(red + x) as u8, (y * 4) as u8, (number * 20) as u8])
            });
            let extension = if number % 2 == 0 { "png" } else { "jpg" };
            image.save(root.join(class).join(format!("{number:02}.{extension}"))).unwrap();
        }
    }
}

fn options() -> FlowOptions {
    FlowOptions { target_size: (24, 32), batch_size: 4, seed: 7, ..FlowOptions::default() }
}

fn generator() -> ImageDataGenerator {
    ImageDataGenerator::new().horizontal_flip(true).preprocessing(Preprocessing::Caffe)
}

fn flow(root: &Path, options: FlowOptions) -> Flow {
    generator().flow_from_directory(root, &DirectoryOptions::default(), options).unwrap()
}

fn threads(threads: usize) -> LoaderOptions {
    LoaderOptions { threads, ..LoaderOptions::default() }
}

/// What of a batch must not depend on how the stream runs.
fn content(batch: &Batch) -> (u64, usize, Vec<u32>, Vec<usize>, Vec<u32>) {
    let bits = match batch.pixels() {
        Pixels::F32(values) => values.iter().map(|value| value.to_bits()).collect(),
        Pixels::U8(values) => values.iter().map(|&value| value.into()).collect(),
    };
    (batch.epoch, batch.index, batch.labels().to_vec(), batch.sample_indices().to_vec(), bits)
}

// invariant 2: the seed alone decides the bytes of every batch.
#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 9);
    for pixel_type in [PixelType::F32, PixelType::U8] {
        let generator = match pixel_type {
            PixelType::F32 => generator(),
            PixelType::U8 => ImageDataGenerator::new().horizontal_flip(true),
        };
        let options = FlowOptions { pixel_type, interpolation: Interpolation::Bilinear, ..options() };
        let flow = generator.flow_from_directory(root.path(), &DirectoryOptions::default(), options).unwrap();
        let run = |loader: &LoaderOptions| -> Vec<_> {
            flow.stream(0..3, loader).unwrap().blocking().map(|batch| content(&batch.unwrap())).collect()
        };
        let one = run(&threads(1));
        assert_eq!(one.len(), 3 * 5);
        for loader in [
            threads(2),
            threads(8),
            LoaderOptions { prefetch_batches: 7, concurrent_reads: 1, ..threads(3) },
            LoaderOptions { prefetch_batches: 1, max_bytes_in_flight: 1 << 20, ..threads(3) },
        ] {
            assert_eq!(run(&loader), one, "{loader:?}");
        }
    }
}

#[test]
fn every_epoch_holds_every_sample_once_with_its_label() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 5);
    let flow = flow(root.path(), options());
    assert_eq!(flow.found(), "Found 10 images belonging to 2 classes.");
    let mut orders = BTreeSet::new();
    for epoch in 0..3 {
        let batches: Vec<Batch> =
            flow.stream(epoch..=epoch, &threads(2)).unwrap().blocking().map(Result::unwrap).collect();
        assert_eq!(batches.iter().map(Batch::len).collect::<Vec<_>>(), [4, 4, 2]);
        assert_eq!(batches[2].shape(), [2, 24, 32, 3]);
        let order: Vec<usize> = batches.iter().flat_map(|batch| batch.sample_indices().to_vec()).collect();
        let labels: Vec<u32> = batches.iter().flat_map(|batch| batch.labels().to_vec()).collect();
        assert!(order.iter().zip(labels).all(|(&sample, label)| flow.labels().unwrap()[sample] == label));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..10).collect::<Vec<_>>());
        orders.insert(order);
    }
    assert_eq!(orders.len(), 3, "each epoch has an order of its own");
}

/// The pipeline gives what its stages give one after the other.
#[test]
fn pixels_are_those_of_the_stages() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 3);
    let plain = ImageDataGenerator::new().preprocessing(Preprocessing::Tf);
    let options = FlowOptions { shuffle: false, ..options() };
    let flow = plain.flow_from_directory(root.path(), &DirectoryOptions::default(), options).unwrap();
    let mut stream = flow.stream(0..1, &threads(2)).unwrap().blocking();
    let batch = stream.next().unwrap().unwrap();
    let Pixels::F32(values) = batch.pixels() else { panic!("f32 by default") };
    for (sample, values) in batch.sample_indices().iter().zip(values.chunks_exact(24 * 32 * 3)) {
        let path = root.path().join(flow.filenames().nth(*sample).unwrap());
        let mut decoder = crate::stages::Decoder::new();
        let image = decoder.decode(&fs::read(path).unwrap(), &crate::DecodeOptions::default()).unwrap();
        let mut resized = vec![0; 24 * 32 * 3];
        crate::stages::Resizer::new().resize(
            crate::stages::View { pixels: &image.pixels, height: image.height, width: image.width, channels: 3 },
            None,
            &mut resized,
            (24, 32),
            Interpolation::Nearest,
        );
        let mut expected = vec![0.0; resized.len()];
        Preprocessing::Tf.apply(&resized, &mut expected);
        assert_eq!(values, expected);
    }
}

/// Scaled decoding is close to exact decoding, and exact where nobody asked for it.
#[test]
fn photos_are_decoded_at_a_fraction_only_when_asked_to() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("urban")).unwrap();
    let light = |x: u32, y: u32| ((x as f32 / 60.0).sin() * 60.0 + (y as f32 / 40.0).cos() * 60.0 + 128.0) as u8;
    let photo = image::RgbImage::from_fn(403, 299, |x, y| image::Rgb([light(x, y), light(y, x), (x * y % 251) as u8]));
    photo.save(root.path().join("urban/01.jpg")).unwrap();
    let pixels = |decode_scale, compat, keep_aspect_ratio, rotation_range| {
        let generator = ImageDataGenerator::new().compat(compat).rotation_range(rotation_range);
        let interpolation = Interpolation::Bilinear;
        let options = FlowOptions { decode_scale, interpolation, keep_aspect_ratio, ..options() };
        let flow = generator.flow_from_directory(root.path(), &DirectoryOptions::default(), options).unwrap();
        let batch = flow.stream(0..1, &threads(1)).unwrap().blocking().next().unwrap().unwrap();
        let Pixels::F32(values) = batch.pixels() else { panic!("f32 by default") };
        values.to_vec()
    };
    for (keep, rotation) in [(false, 0.0), (true, 0.0), (false, 20.0), (true, 20.0)] {
        let exact = pixels(DecodeScale::Exact, Compat::Documented, keep, rotation);
        for scale in [DecodeScale::Scaled, DecodeScale::Auto] {
            let scaled = pixels(scale, Compat::Documented, keep, rotation);
            let differences = exact.iter().zip(&scaled).map(|(a, b)| (a - b).abs());
            let mean = differences.sum::<f32>() / exact.len() as f32;
            assert!(mean > 0.0 && mean < 1.0, "{scale} {keep} {rotation}: {mean}");
        }
        let exact = pixels(DecodeScale::Exact, Compat::Keras3, keep, rotation);
        assert!(pixels(DecodeScale::Auto, Compat::Keras3, keep, rotation) == exact);
        assert!(pixels(DecodeScale::Scaled, Compat::Keras3, keep, rotation) != exact);
    }
}

#[test]
fn a_flipped_sample_is_the_mirror_of_the_plain_one() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 8);
    let options = FlowOptions { pixel_type: PixelType::U8, batch_size: 1, ..options() };
    let all = |flip| -> Vec<Vec<u8>> {
        let generator = ImageDataGenerator::new().horizontal_flip(flip);
        let flow = generator.flow_from_directory(root.path(), &DirectoryOptions::default(), options.clone()).unwrap();
        let batches = flow.stream(0..1, &threads(2)).unwrap().blocking();
        batches
            .map(|batch| match batch.unwrap().pixels() {
                Pixels::U8(values) => values.to_vec(),
                Pixels::F32(_) => panic!("u8 was asked for"),
            })
            .collect()
    };
    let mut flipped = 0;
    for (plain, augmented) in all(false).into_iter().zip(all(true)) {
        let mut mirror = plain.clone();
        for row in mirror.chunks_exact_mut(32 * 3) {
            row.as_chunks_mut::<3>().0.reverse();
        }
        assert!(augmented == plain || augmented == mirror);
        flipped += usize::from(augmented == mirror);
    }
    assert!((1..16).contains(&flipped), "{flipped} of 16");
}

// invariant 5: an error names the file, the stage and the reason.
#[test]
fn a_bad_file_ends_the_stream_with_its_name() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 6);
    fs::write(root.path().join("rural/03.jpg"), "I am text").unwrap();
    let flow = flow(root.path(), FlowOptions { shuffle: false, ..options() });
    for count in [1, 4] {
        let mut stream = flow.stream(0.., &threads(count)).unwrap().blocking();
        let error = stream.next().unwrap().unwrap_err();
        let LoaderError::Decode { path, source } = &error else { panic!("{error:?}") };
        assert_eq!(*path, root.path().join("rural/03.jpg"));
        assert!(source.to_string().starts_with("not an image: begins with \"I am tex"), "{source}");
        assert!(stream.next().is_none(), "nothing follows an error");
    }
}

#[test]
fn the_same_error_is_reported_at_any_number_of_threads() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 6);
    fs::write(root.path().join("rural/02.png"), "").unwrap();
    fs::remove_file(root.path().join("rural/03.jpg")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.path().join("rural/03.jpg")).unwrap();
    let flow = flow(root.path(), FlowOptions { shuffle: false, ..options() });
    for count in [1, 2, 5] {
        let mut stream = flow.stream(0..1, &threads(count)).unwrap().blocking();
        let error = stream.next().unwrap().unwrap_err();
        assert!(error.to_string().ends_with("02.png: cannot decode"), "{error}");
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 1);
    let path = root.path().join("rural/pipe.jpg");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let flow = flow(root.path(), options());
    let error = flow.stream(0..1, &threads(2)).unwrap().blocking().find_map(Result::err).unwrap();
    let LoaderError::Io { path: named, source, .. } = &error else { panic!("{error:?}") };
    assert_eq!((named, source.to_string().as_str()), (&path, "not a regular file"));
}

#[test]
fn a_file_larger_than_the_budget_is_named() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 2);
    fs::write(root.path().join("rural/00.png"), vec![0; 3 << 20]).unwrap();
    let loader = LoaderOptions { max_bytes_in_flight: 1 << 20, ..LoaderOptions::default() };
    let flow = flow(root.path(), options());
    let error = flow.stream(0..1, &loader).unwrap().blocking().find_map(Result::err).unwrap();
    assert!(matches!(error, LoaderError::FileTooLarge { bytes: 3_145_728, limit: 1_048_576, .. }), "{error:?}");
}

#[tokio::test]
async fn batches_can_be_awaited() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 5);
    let flow = flow(root.path(), options());
    let awaited: Vec<_> = flow.stream(0..2, &threads(2)).unwrap().map(|batch| content(&batch.unwrap())).collect().await;
    let blocking = flow.clone();
    let expected = tokio::task::spawn_blocking(move || {
        blocking.stream(0..2, &threads(1)).unwrap().blocking().map(|batch| content(&batch.unwrap())).collect::<Vec<_>>()
    });
    assert_eq!(awaited, expected.await.unwrap());
}

// invariant 4: what is in flight is bounded, however slow the consumer is.
#[test]
fn reading_ahead_stops_at_the_bounds() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 10);
    let flow = flow(root.path(), FlowOptions { batch_size: 2, ..options() });
    let loader = LoaderOptions { prefetch_batches: 2, ..threads(2) };
    let stream = flow.stream(0.., &loader).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert!(stream.in_flight.undelivered() <= 2, "{} batches begun", stream.in_flight.undelivered());
    let mut batches = stream.blocking();
    let first = batches.next().unwrap().unwrap();
    assert_eq!((first.epoch, first.index), (0, 0));
}

#[test]
fn epochs_may_begin_anywhere_and_never_end() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 2);
    let flow = flow(root.path(), FlowOptions { max_batches: Some(1), batch_size: 3, ..options() });
    let batches: Vec<(u64, usize)> = flow
        .stream(5.., &threads(1))
        .unwrap()
        .blocking()
        .take(3)
        .map(|batch| batch.map(|batch| (batch.epoch, batch.index)).unwrap())
        .collect();
    assert_eq!(batches, [(5, 0), (6, 0), (7, 0)]);
    assert!(flow.stream(3..3, &threads(1)).unwrap().blocking().next().is_none());
}

#[test]
fn a_spread_takes_samples_from_all_over() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 10);
    let flow = flow(root.path(), options()).spread(4);
    let names: Vec<String> = flow.filenames().map(|name| name.display().to_string()).collect();
    assert_eq!(names, ["rural/00.png", "rural/05.jpg", "urban/00.png", "urban/05.jpg"]);
    assert_eq!(flow.labels().unwrap(), [0, 0, 1, 1]);
    assert_eq!(flow.stream(0..1, &threads(1)).unwrap().blocking().count(), 1);
}

#[test]
fn options_that_cannot_be_are_refused() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 1);
    let message = |options| {
        generator().flow_from_directory(root.path(), &DirectoryOptions::default(), options).unwrap_err().to_string()
    };
    assert_eq!(message(FlowOptions { batch_size: 0, ..options() }), "batch_size: expected at least 1, got 0");
    assert_eq!(
        message(FlowOptions { target_size: (0, 5), ..options() }),
        "target_size: expected sides of 1 to 65535 pixels, got 0x5"
    );
    assert_eq!(
        message(FlowOptions { pixel_type: PixelType::U8, ..options() }),
        "pixel_type: expected f32 where pixels are standardised, got u8"
    );
    let flow = flow(root.path(), options());
    let error = flow.stream(0..1, &LoaderOptions { prefetch_batches: 0, ..threads(1) }).unwrap_err();
    assert_eq!(error.to_string(), "prefetch_batches: expected 1 to 1024, got 0");
}
