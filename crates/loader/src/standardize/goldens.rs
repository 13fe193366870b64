//! Standardisation against what Keras itself gave: `goldens/make.py`.

use std::sync::Arc;

use super::*;
use crate::batch::Layout;

const SHAPE: ImageShape = ImageShape { height: 3, width: 2, channels: 3 };

fn image(number: u64) -> Vec<f32> {
    (18 * number..18 * (number + 1)).map(|i| ((i * i * 31 + i * 7919) % 2551) as f32 / 10.0).collect()
}

fn probe() -> Vec<f32> {
    let mut probe = image(60);
    probe.iter_mut().step_by(2).for_each(|value| *value -= 100.0);
    probe
}

/// The rest of every line that begins with `kind`.
fn lines(kind: &str) -> impl Iterator<Item = Vec<&'static str>> {
    let fields = include_str!("goldens/keras.txt").lines().map(|line| line.split(' ').collect::<Vec<_>>());
    fields.filter(move |fields| fields[0] == kind).map(|fields| fields[1..].to_vec())
}

fn floats(fields: &[&str]) -> Vec<f32> {
    fields.iter().map(|bits| f32::from_bits(u32::from_str_radix(bits, 16).unwrap())).collect()
}

fn keras_statistics(name: &str) -> Vec<f32> {
    floats(&lines("statistics").find(|fields| fields[0] == name).unwrap()[1..])
}

fn assert_close(got: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() <= tolerance * largest, "{what}: {got} {expected}");
    }
}

#[test]
fn standardize_is_that_of_keras() {
    let numbers = ["mean", "std", "zca"].map(keras_statistics);
    let [mean, std, zca] = numbers;
    let statistics = Arc::new(Statistics::new(SHAPE, mean, std, Some(zca)).unwrap());
    let mut scratch = StandardizeScratch::default();
    let mut cases = 0;
    for fields in lines("standardize") {
        let [preprocessing, rescale, steps] = fields[..3] else { panic!() };
        let on = |step| steps.split(',').any(|name| name == step);
        let standardization = Standardization {
            preprocessing: preprocessing.parse().unwrap(),
            rescale: Some(rescale.parse().unwrap()),
            samplewise_center: on("samplewise_center"),
            samplewise_std_normalization: on("samplewise_std_normalization"),
            featurewise_center: on("featurewise_center"),
            featurewise_std_normalization: on("featurewise_std_normalization"),
            zca_whitening: on("zca_whitening"),
            statistics: Some(statistics.clone()),
            ..Standardization::default()
        };
        standardization.check(SHAPE).unwrap();
        let expected = floats(&fields[3..]);
        for standardization in [standardization.resolved(), standardization] {
            let mut pixels = probe();
            standardization.standardize(&mut pixels, SHAPE, &mut scratch).unwrap();
            // BLAS sums the products of the whitening in an order of its own.
            let tolerance = if standardization.zca_whitening { 1e-6 } else { 0.0 };
            assert_close(&pixels, &expected, tolerance, &format!("{preprocessing} {rescale} {steps}"));
        }
        cases += 1;
    }
    assert_eq!(cases, 12);
}

#[test]
fn mean_and_deviation_are_those_of_keras() {
    let mut builder = StatisticsBuilder::new(SHAPE).unwrap().rescale(Some(1.0 / 255.0));
    (0..60).for_each(|number| builder.add(&image(number)).unwrap());
    let statistics = builder.finish().unwrap();
    assert_close(statistics.mean(), &keras_statistics("mean"), 1e-6, "mean");
    assert_close(statistics.std(), &keras_statistics("std"), 1e-6, "std");
}

#[test]
fn mean_and_deviation_are_those_of_keras_to_the_bit_where_that_is_asked() {
    let mut cases = 0;
    let mut drifts = 0;
    for fields in lines("fit") {
        let layout = if fields[0] == "channels_first" { Layout::Nchw } else { Layout::Nhwc };
        let [height, width, channels] = [1, 2, 3].map(|field| fields[field].parse().unwrap());
        let asked = Standardization { rescale: Some(fields[4].parse().unwrap()), ..Standardization::default() };
        let shape = ImageShape { height, width, channels };
        let mut images: Vec<f32> =
            (0..7 * shape.values() as u64).map(|i| (i * 7919 % 257 * (i % 31 + 1) % 256) as f32).collect();
        images.chunks_exact_mut(channels).for_each(|pixel| pixel[3.min(channels)..].fill(255.0));
        let expected = floats(&fields[5..]);

        let mut fit = NumpyFit::new(&asked, shape, layout, 7, MAX_NUMPY_FIT_BYTES).unwrap();
        fit.add_batch(&images).unwrap();
        let statistics = fit.finish().unwrap();
        let got: Vec<u32> = statistics.mean().iter().chain(statistics.std()).map(|value| value.to_bits()).collect();
        let bits: Vec<u32> = expected.iter().map(|value| value.to_bits()).collect();
        assert_eq!(got, bits, "{fields:?}");

        let mut exact = StatisticsBuilder::for_standardization(&asked, shape, 0).unwrap();
        exact.add_batch(&images).unwrap();
        let exact = exact.finish().unwrap();
        drifts += usize::from(exact.mean().iter().chain(exact.std()).ne(&expected));
        cases += 1;
    }
    assert_eq!(cases, 48);
    assert!(drifts > 20, "the exact statistics are others, or this shows nothing: {drifts}");
}

#[cfg(feature = "zca")]
#[test]
fn whitening_is_that_of_keras() {
    let asked = Standardization { zca_whitening: true, rescale: Some(1.0 / 255.0), ..Standardization::default() };
    let mut builder = StatisticsBuilder::for_standardization(&asked, SHAPE, DEFAULT_ZCA_BYTES).unwrap();
    builder.add_batch(&(0..60).flat_map(image).collect::<Vec<_>>()).unwrap();
    let statistics = builder.finish().unwrap();
    assert_close(statistics.zca().unwrap(), &keras_statistics("zca"), 1e-5, "zca");

    let mut fit = NumpyFit::new(&asked, SHAPE, Layout::Nhwc, 60, MAX_NUMPY_FIT_BYTES).unwrap();
    fit.add_batch(&(0..60).flat_map(image).collect::<Vec<_>>()).unwrap();
    assert_close(fit.finish().unwrap().zca().unwrap(), &keras_statistics("zca"), 1e-5, "zca");
}

#[test]
fn saved_levels_are_those_of_keras() {
    let expected: Vec<u8> = lines("levels").next().unwrap().iter().map(|level| level.parse().unwrap()).collect();
    let mut levels = vec![0; expected.len()];
    save_image_levels(&probe(), &mut levels);
    assert_eq!(levels, expected);
}
