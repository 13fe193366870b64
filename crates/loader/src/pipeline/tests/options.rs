//! Options of decoding reach the pixels of batches.

use std::fs;
use std::path::Path;

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage, Rgba, RgbaImage};

use super::threads;
use crate::{
    Alpha, ColorMode, DecodeOptions, Depth16, ExifOrientation, FlowOptions, ImageDataGenerator, Layout, PixelType,
    Pixels, Report,
};

/// The values of the only photo in `root`, (height, width, channels) as given, and the report.
fn values(
    root: &Path,
    generator: &ImageDataGenerator,
    target_size: (usize, usize),
    pixel_type: PixelType,
    decode: DecodeOptions,
) -> (Vec<f32>, Report) {
    let options = FlowOptions { target_size, pixel_type, decode, ..FlowOptions::default() };
    let flow = generator.flow_from_files(root, options).unwrap();
    let mut stream = flow.stream(0..1, &threads(1)).unwrap().blocking();
    let report = stream.report();
    let batch = stream.next().unwrap().unwrap();
    let channels = decode.color_mode.channels();
    assert_eq!(batch.shape(), [1, target_size.0, target_size.1, channels]);
    let values = match batch.pixels() {
        Pixels::U8(levels) => levels.iter().map(|&level| level.into()).collect(),
        Pixels::F32(values) => values.to_vec(),
    };
    (values, report.read())
}

#[test]
fn deep_grey_is_kept_clipped_or_scaled() {
    let root = tempfile::tempdir().unwrap();
    let deep = [200_u16, 255, 0x1234, 65_535];
    let image = ImageBuffer::from_fn(4, 1, |x, _| Luma([deep[x as usize]]));
    DynamicImage::from(image).save(root.path().join("deep.png")).unwrap();
    let plain = ImageDataGenerator::new();
    let run = |generator: &ImageDataGenerator, pixel_type, color_mode, depth16| {
        let decode = DecodeOptions { color_mode, depth16, ..DecodeOptions::default() };
        let (values, report) = values(root.path(), generator, (1, 4), pixel_type, decode);
        (values, report.clipped)
    };
    let (kept, clipped, scaled) =
        ([200.0, 255.0, 4660.0, 65_535.0], [200.0, 255.0, 255.0, 255.0], [0.0, 0.0, 18.0, 255.0]);
    use ColorMode::{Grayscale, Rgb};
    use PixelType::{F32, U8};
    assert_eq!(run(&plain, F32, Grayscale, Depth16::Clip), (kept.to_vec(), 0));
    assert_eq!(run(&plain, U8, Grayscale, Depth16::Clip), (clipped.to_vec(), 0), "no room for more");
    assert_eq!(run(&plain, F32, Grayscale, Depth16::Scale), (scaled.to_vec(), 0));
    assert_eq!(run(&plain, U8, Grayscale, Depth16::Scale), (scaled.to_vec(), 0));
    let three = |grey: [f32; 4]| grey.iter().flat_map(|&grey| [grey; 3]).collect::<Vec<f32>>();
    assert_eq!(run(&plain, F32, Rgb, Depth16::Clip), (three(clipped), 1));
    assert_eq!(run(&plain, F32, Rgb, Depth16::Scale), (three(scaled), 0));
    // Standardisation and augmentation take the deep values.
    assert_eq!(run(&plain.clone().rescale(0.5), F32, Grayscale, Depth16::Clip).0, kept.map(|value| value / 2.0));
    // One whole pixel to the left or to the right, or none.
    let shifted = run(&plain.width_shift_range(2), F32, Grayscale, Depth16::Clip).0;
    let [a, b, c, d] = kept;
    assert!([[a, b, c, d], [b, c, d, d], [a, a, b, c]].iter().any(|row| row[..] == shifted), "{shifted:?}");
}

#[test]
fn transparency_is_dropped_laid_over_a_colour_or_kept() {
    let root = tempfile::tempdir().unwrap();
    let image = RgbaImage::from_pixel(3, 2, Rgba([10, 20, 30, 128]));
    image.save(root.path().join("clear.png")).unwrap();
    for (color_mode, alpha, expected) in [
        (ColorMode::Rgb, Alpha::Drop, &[10.0, 20.0, 30.0][..]),
        // By Pillow 13: alpha_composite(Image.new("RGBA", (1, 1), (200, 100, 0)), image).
        (ColorMode::Rgb, Alpha::Composite([200, 100, 0]), &[105.0, 60.0, 15.0]),
        (ColorMode::Grayscale, Alpha::Composite([200, 100, 0]), &[68.0]),
        (ColorMode::Rgba, Alpha::Composite([200, 100, 0]), &[10.0, 20.0, 30.0, 128.0]),
    ] {
        for pixel_type in [PixelType::F32, PixelType::U8] {
            let decode = DecodeOptions { color_mode, alpha, ..DecodeOptions::default() };
            let (values, _) = values(root.path(), &ImageDataGenerator::new(), (2, 3), pixel_type, decode);
            assert_eq!(values, expected.repeat(6), "{color_mode} {alpha} {pixel_type:?}");
        }
    }
}

#[test]
fn photos_are_turned_where_that_is_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats");
    // 13 x 9 as stored; orientation 6 is a camera turned clockwise.
    fs::copy(fixtures.join("orientation6.jpg"), root.path().join("turned.jpg")).unwrap();
    let run = |target_size, exif| {
        let decode = DecodeOptions { exif, ..DecodeOptions::default() };
        values(root.path(), &ImageDataGenerator::new(), target_size, PixelType::U8, decode)
    };
    let (stored, report) = run((9, 13), ExifOrientation::Ignore);
    assert_eq!(report.rotated, 1, "told, since it is ignored");
    let (turned, report) = run((13, 9), ExifOrientation::Apply);
    assert_eq!(report.rotated, 0);
    for (row, column) in (0..13).flat_map(|row| (0..9).map(move |column| (row, column))) {
        let from = (8 - column) * 13 + row;
        assert_eq!(turned[(row * 9 + column) * 3..][..3], stored[from * 3..][..3], "{row} {column}");
    }
}

#[test]
fn layouts_hold_the_same_values() {
    let root = tempfile::tempdir().unwrap();
    RgbImage::from_fn(5, 4, |x, y| Rgb([x as u8, y as u8, 9])).save(root.path().join("a.png")).unwrap();
    GrayImage::from_fn(5, 4, |x, y| Luma([(10 * x + y) as u8])).save(root.path().join("b.png")).unwrap();
    let run = |layout, pixel_type| {
        let options = FlowOptions { target_size: (4, 5), layout, pixel_type, shuffle: false, ..FlowOptions::default() };
        let flow = ImageDataGenerator::new().flow_from_files(root.path(), options).unwrap();
        let batch = flow.stream(0..1, &threads(2)).unwrap().blocking().next().unwrap().unwrap();
        let values: Vec<f32> = match batch.pixels() {
            Pixels::U8(levels) => levels.iter().map(|&level| level.into()).collect(),
            Pixels::F32(values) => values.to_vec(),
        };
        (batch.shape(), values)
    };
    for pixel_type in [PixelType::F32, PixelType::U8] {
        let (shape, last) = run(Layout::Nhwc, pixel_type);
        assert_eq!(shape, [2, 4, 5, 3]);
        let (shape, first) = run(Layout::Nchw, pixel_type);
        assert_eq!(shape, [2, 3, 4, 5]);
        for (at, &value) in first.iter().enumerate() {
            let (sample, channel, place) = (at / 60, at / 20 % 3, at % 20);
            assert_eq!(value, last[sample * 60 + place * 3 + channel]);
        }
    }
}
