//! What a batch may be, and that nothing but an image decides its features. One test process of its own, since the
//! number of threads is the process'.

#![expect(clippy::unwrap_used, reason = "helpers of tests are not marked as tests")]

use xfer_backbones::{
    Architecture, Backbone, BackboneError, Device, ImageBatch, PixelData, Precision, Weights, device,
};

const SIDE: usize = 96;

fn pixels(images: usize) -> Vec<u8> {
    (0..images * SIDE * SIDE * 3).map(|i| ((i * 7919) % 251 + i % 5) as u8).collect()
}

fn batch(pixels: &[u8]) -> ImageBatch<'_> {
    ImageBatch { pixels: PixelData::U8(pixels), shape: [pixels.len() / (SIDE * SIDE * 3), SIDE, SIDE, 3] }
}

/// A calibrated backbone; calibration itself must not depend on threads either.
fn calibrated(architecture: Architecture) -> Backbone {
    let mut backbone = Backbone::new(&Weights::random(architecture, 3), None, Device::Cpu).unwrap();
    let images = pixels(3);
    backbone.calibrate([Ok::<_, BackboneError>(batch(&images))]).unwrap();
    backbone
}

/// What this processor can do.
fn cases() -> Vec<(Architecture, Precision)> {
    let precisions = Precision::ALL.into_iter().filter(|precision| precision.check(Device::Cpu).is_ok());
    precisions.flat_map(|precision| Architecture::ALL.map(|architecture| (architecture, precision))).collect()
}

#[test]
fn threads_and_company_change_no_bit_of_a_feature() {
    for (architecture, precision) in cases() {
        device::set_threads(1).unwrap();
        let calibrated_f32 = calibrated(architecture);
        let backbone = Backbone::with_precision(calibrated_f32.weights(), None, Device::Cpu, precision).unwrap();
        let images = pixels(5);
        let expected = backbone.forward(batch(&images)).unwrap();
        assert!(expected.values.iter().all(|v| v.is_finite()) && expected.rows == 5);
        for threads in [2, 3, 4] {
            device::set_threads(threads).unwrap();
            assert_eq!(device::threads(), threads);
            assert_eq!(backbone.forward(batch(&images)).unwrap(), expected, "{architecture} {precision} {threads}");
            assert_eq!(calibrated(architecture).weights().digest(), backbone.weights().digest());
            // Alone, an image gives the same as among others.
            for (image, row) in images.chunks(SIDE * SIDE * 3).zip(expected.rows()) {
                assert_eq!(backbone.forward(batch(image)).unwrap().values, row, "{architecture} {precision} {threads}");
            }
        }
    }
}

/// Mean over the images of the distance between two sets of features, as a part of the first ones' norm.
fn error(backbone: &Backbone, other: &Backbone, images: &[u8], changed: &[u8]) -> f64 {
    let (expected, got) = (backbone.forward(batch(images)).unwrap(), other.forward(batch(changed)).unwrap());
    let square = |v: f32| f64::from(v).powi(2);
    let of_rows = |(expected, got): (&[f32], &[f32])| {
        let distance: f64 = expected.iter().zip(got).map(|(a, b)| square(a - b)).sum();
        (distance / expected.iter().map(|&v| square(v)).sum::<f64>()).sqrt()
    };
    expected.rows().zip(got.rows()).map(of_rows).sum::<f64>() / expected.rows as f64
}

/// An untrained network that normalises at every layer makes more of any difference at every block: of bf16's rounding
/// several percent and more, and as much of a change of its input by less than one level. No trained weights are at hand.
#[test]
fn bf16_changes_features_of_calibrated_networks_less_than_one_level_of_every_pixel_does() {
    for (architecture, precision) in cases().into_iter().filter(|(_, precision)| *precision != Precision::Fp32) {
        let images = pixels(3);
        let changed: Vec<u8> = images.iter().map(|level| level ^ 1).collect();
        let mut f32 = Backbone::new(&Weights::random(architecture, 3), None, Device::Cpu).unwrap();
        f32.calibrate([Ok::<_, BackboneError>(batch(&[&*images, &*changed].concat()))]).unwrap();
        let other = Backbone::with_precision(f32.weights(), None, Device::Cpu, precision).unwrap();
        assert_eq!((f32.precision(), other.precision()), (Precision::Fp32, precision));
        let (rounded, moved) = (error(&f32, &other, &images, &images), error(&f32, &f32, &images, &changed));
        assert!(rounded > 0.0 && rounded < moved, "{architecture} {precision}: {rounded} {moved}");
    }
}

#[test]
fn bytes_and_preprocessed_floats_give_the_same() {
    for architecture in Architecture::ALL {
        let backbone = calibrated(architecture);
        let raw = pixels(1);
        let floats: Vec<f32> = raw
            .chunks(3)
            .flat_map(|p| match architecture {
                Architecture::ResNet50 => {
                    [f32::from(p[2]) - 103.939, f32::from(p[1]) - 116.779, f32::from(p[0]) - 123.68]
                }
                _ => [p[0], p[1], p[2]].map(|v| f32::from(v) / 127.5 - 1.0),
            })
            .collect();
        let prepared = ImageBatch { pixels: PixelData::F32(&floats), shape: [1, SIDE, SIDE, 3] };
        assert_eq!(backbone.forward(prepared).unwrap(), backbone.forward(batch(&raw)).unwrap());
    }
}

#[test]
fn batches_that_do_not_fit_are_refused() {
    let backbone = Backbone::new(&Weights::random(Architecture::ResNet50, 3), None, Device::Cpu).unwrap();
    let raw = pixels(1);
    let forward = |shape| backbone.forward(ImageBatch { pixels: PixelData::U8(&raw), shape });
    for (shape, expected) in [
        ([1, SIDE, SIDE, 4], "must have 3 channels"),
        ([1, 31, SIDE, 3], "at least 32x32"),
        ([2, SIDE, SIDE, 3], "27648 values were given"),
        ([usize::MAX, SIDE, SIDE, 3], "27648 values were given"),
    ] {
        let error = forward(shape).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(forward([0, SIDE, SIDE, 3]).unwrap().rows, 0);

    for epsilon in [-1.0, f64::NAN, f64::INFINITY] {
        let error = Backbone::new(&Weights::random(Architecture::ResNet50, 3), Some(epsilon), Device::Cpu).unwrap_err();
        assert!(error.to_string().contains("batch-norm epsilon"), "{error}");
    }
}

#[test]
fn epsilon_is_the_layouts_unless_another_is_given() {
    let weights = Weights::random(Architecture::ResNet50, 3);
    let raw = pixels(1);
    let features = |epsilon| {
        let backbone = Backbone::new(&weights, epsilon, Device::Cpu).unwrap();
        (backbone.epsilon(), backbone.forward(batch(&raw)).unwrap())
    };
    let own = features(None);
    assert_eq!(own.0, 1.001e-5);
    assert_eq!(own.1, features(Some(1.001e-5)).1);
    assert_ne!(own.1, features(Some(1e-3)).1);
}
