//! Against Keras itself; `tests/fixtures/make_augment.py` made the expectations.

use super::{Transform, apply_after_warp};
use crate::generator::{Compat, ImageDataGenerator, Shift, ZoomRange};
use crate::random::{Domain, Keras3Draws, KeyedRng, Mt19937};

fn bits(text: &str) -> Option<f64> {
    (text != "-").then(|| f64::from_bits(u64::from_str_radix(text, 16).unwrap()))
}

fn is_on(text: &str) -> bool {
    text == "1"
}

/// Equal to the last bit, but for the sign of zero.
fn assert_same(ours: &[Option<f64>], keras: &str, line: &str) {
    let keras: Vec<Option<f64>> = keras.split(' ').map(bits).collect();
    let bits = |values: &[Option<f64>]| -> Vec<_> { values.iter().map(|v| v.map(|v| (v + 0.0).to_bits())).collect() };
    assert_eq!(bits(ours), bits(&keras), "{ours:?} {keras:?} {line}");
}

fn values(transform: Transform) -> [Option<f64>; 10] {
    let Transform { theta, tx, ty, shear, zx, zy, flip_horizontal, flip_vertical, channel_shift, brightness } =
        transform;
    let flips = [flip_horizontal, flip_vertical].map(|flip| Some(f64::from(u8::from(flip))));
    let warp = [theta, tx, ty, shear, zx, zy].map(Some);
    [warp[0], warp[1], warp[2], warp[3], warp[4], warp[5], flips[0], flips[1], channel_shift, brightness]
}

// invariant 8: draws and affine maps are those of Keras.
#[test]
fn transforms_are_those_of_keras() {
    let mut checked = 0;
    for line in include_str!("../../tests/fixtures/keras_transforms.txt").lines() {
        let f: Vec<&str> = line.split('|').collect();
        let size = (f[1].parse().unwrap(), f[2].parse().unwrap());
        let generator = ImageDataGenerator::new()
            .rotation_range(bits(f[3]).unwrap())
            .height_shift_range(f[4].parse::<Shift>().unwrap())
            .width_shift_range(f[5].parse::<Shift>().unwrap())
            .shear_range(bits(f[6]).unwrap())
            .zoom_range(ZoomRange { low: bits(f[7]).unwrap(), high: bits(f[8]).unwrap() })
            .channel_shift_range(bits(f[9]).unwrap())
            .brightness_range(bits(f[10]).zip(bits(f[11])))
            .horizontal_flip(is_on(f[12]))
            .vertical_flip(is_on(f[13]));
        generator.check().unwrap();
        let mut rng = Mt19937::new(f[0].parse().unwrap());
        assert_same(&values(Transform::draw_keras3(&generator, size, &mut rng)), f[14], line);
        let second = Transform::draw_keras3(&generator, size, &mut rng);
        assert_same(&values(second), f[15], line);
        match second.affine(size, Compat::Keras3) {
            None => assert_eq!(f[16], "-", "{line}"),
            Some(affine) => {
                let [[a, b], [c, d]] = affine.matrix;
                assert_same(&[a, b, c, d, affine.offset[0], affine.offset[1]].map(Some), f[16], line);
            }
        }
        checked += 1;
    }
    assert!(checked >= 40);
}

// The first samples of the first two batches with seed 42, of ten samples shuffled.
#[test]
fn batches_draw_what_keras_draws() {
    let draws = Keras3Draws { seed: 42, samples: 10, batches_per_epoch: 2, shuffle: true };
    let first = [
        -13.760219186551893,
        -19.797854174864664,
        32.80938266143419,
        2.0223002348641756,
        1.0832290311184183,
        0.808233797718321,
        0.0,
        0.0,
        -17.25965335930343,
        0.6818249672071006,
    ];
    let second = [
        -15.397817344408843,
        4.8861809597207655,
        -32.84816960893545,
        -5.1882076006930244,
        0.930855622324456,
        1.1436549963794391,
        0.0,
        0.0,
        -28.259170534538377,
        1.2337482962802828,
    ];
    for (batch, expected) in [(0, first), (1, second)] {
        let mut rng = draws.batch(0, batch).unwrap();
        let transform = Transform::draw_keras3(&everything(), (224, 224), &mut rng);
        assert_eq!(values(transform), expected.map(Some), "batch {batch}");
    }
}

// invariant 8: what follows the warp is what Keras does.
#[test]
fn pixels_are_those_of_keras() {
    let mut checked = 0;
    for line in include_str!("../../tests/fixtures/keras_pixels.txt").lines() {
        let f: Vec<&str> = line.split('|').collect();
        let [height, width, channels] = [0, 1, 2].map(|k: usize| f[k].parse::<usize>().unwrap());
        let [low, span] = [3, 4].map(|k: usize| f[k].parse::<f32>().unwrap());
        let mut pixels = pattern(height * width * channels, low, span, f[5].parse().unwrap());
        let transform = Transform {
            channel_shift: bits(f[6]),
            brightness: bits(f[7]),
            flip_horizontal: is_on(f[8]),
            flip_vertical: is_on(f[9]),
            ..Transform::default()
        };
        apply_after_warp(&transform, &mut pixels, (height, width, channels));
        let hash = pixels
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        assert_eq!(format!("{hash:016x}"), f[10], "{line}");
        checked += 1;
    }
    assert!(checked >= 60);
}

/// `pattern` of `make_augment.py`.
fn pattern(len: usize, low: f32, span: f32, seed: u64) -> Vec<f32> {
    (0..len as u64)
        .map(|k| {
            let k = (k.wrapping_mul(2_654_435_761).wrapping_add(seed * 40_503) % (1 << 32)) >> 8;
            let k = if seed.is_multiple_of(2) { k % 256 * 256 } else { k % 65_281 };
            k as f32 / 65_280.0 * span + low
        })
        .collect()
}

fn everything() -> ImageDataGenerator {
    ImageDataGenerator::new()
        .rotation_range(20.0)
        .width_shift_range(0.2)
        .height_shift_range(0.1)
        .shear_range(10.0)
        .zoom_range(0.2)
        .channel_shift_range(30.0)
        .brightness_range((0.5, 1.5))
        .horizontal_flip(true)
        .vertical_flip(true)
}

fn draw(generator: &ImageDataGenerator, sample: u64) -> Transform {
    Transform::draw(generator, (100, 200), &mut KeyedRng::new(1, Domain::Augmentation, 3, sample))
}

#[test]
fn keyed_draws_are_fixed_for_ever() {
    assert_eq!(draw(&everything(), 7), GOLDEN, "a changed draw changes every user's runs");
}

// Computed once.
const GOLDEN: Transform = Transform {
    theta: 13.386885393347455,
    tx: 4.242750281247054,
    ty: 11.36075548655915,
    shear: -3.3287665998753617,
    zx: 0.8162149167618767,
    zy: 0.9500210476044574,
    flip_horizontal: false,
    flip_vertical: false,
    channel_shift: Some(17.606320714763392),
    brightness: Some(1.3113934370058864),
};

#[test]
fn switching_one_augmentation_leaves_the_draws_of_the_others() {
    for sample in 0..50 {
        let all = draw(&everything(), sample);
        let shifts: [Shift; 4] = [0.0.into(), 30.0.into(), 7_u32.into(), vec![1.0, 5.0].into()];
        for shift in shifts {
            let other = draw(&everything().height_shift_range(shift), sample);
            assert_eq!(Transform { tx: all.tx, ..other }, all);
        }
        let other = draw(&everything().rotation_range(0.0).brightness_range(None).channel_shift_range(0.0), sample);
        assert_eq!(other.theta, 0.0);
        assert_eq!((other.brightness, other.channel_shift), (None, None));
        let Transform { theta, brightness, channel_shift, .. } = all;
        assert_eq!(Transform { theta, brightness, channel_shift, ..other }, all);
        let alone = draw(&ImageDataGenerator::new().horizontal_flip(true), sample);
        assert_eq!(alone, Transform { flip_horizontal: all.flip_horizontal, ..Transform::default() });
        assert_eq!(draw(&ImageDataGenerator::new(), sample), Transform::default());
    }
}

#[test]
fn keyed_draws_fill_their_ranges() {
    let draws: Vec<Transform> = (0..2_000).map(|sample| draw(&everything(), sample)).collect();
    let within = |name: &str, low: f64, high: f64, of: &dyn Fn(&Transform) -> f64| {
        let (least, most) =
            draws.iter().map(of).fold((f64::MAX, f64::MIN), |(least, most), v| (least.min(v), most.max(v)));
        let slack = (high - low) / 100.0;
        assert!(low <= least && least < low + slack && high - slack < most && most < high, "{name} {least} {most}");
    };
    within("theta", -20.0, 20.0, &|t| t.theta);
    within("tx", -10.0, 10.0, &|t| t.tx);
    within("ty", -40.0, 40.0, &|t| t.ty);
    within("shear", -10.0, 10.0, &|t| t.shear);
    within("zx", 0.8, 1.2, &|t| t.zx);
    within("zy", 0.8, 1.2, &|t| t.zy);
    within("channel_shift", -30.0, 30.0, &|t| t.channel_shift.unwrap());
    within("brightness", 0.5, 1.5, &|t| t.brightness.unwrap());
    for of in [|t: &&Transform| t.flip_horizontal, |t: &&Transform| t.flip_vertical] {
        let flipped = draws.iter().filter(of).count();
        assert!((900..1_100).contains(&flipped), "{flipped}");
    }
}

#[test]
fn whole_and_listed_shifts_are_equally_likely() {
    let count = |shift: Shift| {
        let generator = ImageDataGenerator::new().width_shift_range(shift);
        let mut counts = std::collections::BTreeMap::new();
        for sample in 0..5_000 {
            *counts.entry(draw(&generator, sample).ty as i64).or_insert(0) += 1;
        }
        counts
    };
    // 1,000 expected, standard deviation 28.
    let counts = count(3.into());
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [-2, -1, 0, 1, 2]);
    assert!(counts.values().all(|n| (880..1_120).contains(n)), "{counts:?}");
    assert_eq!(count(1.into()).keys().copied().collect::<Vec<_>>(), [0]);
    let counts = count(vec![4.0, 9.0].into());
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [-9, -4, 4, 9]);
    assert!(counts.values().all(|n| (1_130..1_370).contains(n)), "{counts:?}");
    // Fractions of 200 columns.
    assert_eq!(count(vec![0.5].into()).keys().copied().collect::<Vec<_>>(), [-100, 100]);
}
