//! Warps against scipy, whose results `tests/fixtures/make_warp.py` wrote down, and against the oracle.

use std::collections::HashMap;

use super::*;

fn order(order: u8) -> SplineOrder {
    SplineOrder::new(order).unwrap()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

// invariant 8: warped pixels are those of scipy, which Keras warps with.
#[test]
fn every_mode_and_order_is_bit_equal_to_scipy() {
    let mut affines = HashMap::new();
    let mut warper = Warper::default();
    let mut checked = 0;
    for line in include_str!("../../../tests/fixtures/scipy_affine.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        if fields[0] == "affine" {
            let number = |at: usize| f64::from_bits(u64::from_str_radix(fields[at], 16).unwrap());
            let affine = Affine { matrix: [[2, 3], [4, 5]].map(|row| row.map(number)), offset: [6, 7].map(number) };
            affines.insert(fields[1], affine);
            continue;
        }
        let [height, width, channels] = [0, 1, 2].map(|at: usize| fields[at].parse::<usize>().unwrap());
        let shape = (height, width, channels);
        let (affine, fill) = (affines[fields[4]], fields[5].parse().unwrap());
        let (order, cval) = (fields[6].parse().unwrap(), fields[7].parse().unwrap());
        let pattern = pattern(shape);
        let mut out = vec![f32::NAN; pattern.len()];
        let plain = if fields[3] == "u8" {
            warper.warp(&pattern, shape, &affine, fill, cval, order, &mut out);
            oracle::warp(&pattern, shape, &affine, fill, cval, order)
        } else {
            let pattern: Vec<f32> = pattern.iter().map(|&value| f32::from(value) * 0.75 - 40.0).collect();
            warper.warp(&pattern, shape, &affine, fill, cval, order, &mut out);
            oracle::warp(&pattern, shape, &affine, fill, cval, order)
        };
        assert_eq!(fnv(&out), fields[8], "{line}");
        assert_eq!(fnv(&plain), fields[8], "oracle, {line}");
        checked += 1;
    }
    assert_eq!(checked, 8 * 6 * 7);
}

/// The row 10 20 30 40 at places inside and outside, as scipy reads it.
#[test]
fn rows_are_continued_as_scipy_continues_them() {
    const PLACES: [f64; 9] = [-5.3, -1.0, -0.7, -0.3, 2.6, 3.3, 3.6, 4.0, 6.2];
    let cases: [(u8, &str, [f32; 9]); 16] = [
        (0, "nearest", [10.0, 10.0, 10.0, 10.0, 40.0, 40.0, 40.0, 40.0, 40.0]),
        (0, "reflect", [40.0, 10.0, 10.0, 10.0, 40.0, 40.0, 40.0, 40.0, 20.0]),
        (0, "wrap", [20.0, 30.0, 30.0, 40.0, 40.0, 10.0, 20.0, 20.0, 10.0]),
        (1, "nearest", [10.0, 10.0, 10.0, 10.0, 36.0, 40.0, 40.0, 40.0, 40.0]),
        (1, "constant", [0.0, 0.0, 0.0, 0.0, 36.0, 0.0, 0.0, 0.0, 0.0]),
        (1, "reflect", [37.0, 10.0, 10.0, 10.0, 36.0, 40.0, 40.0, 40.0, 18.0]),
        (1, "wrap", [17.0, 30.0, 33.0, 37.0, 36.0, 13.0, 16.0, 20.0, 12.0]),
        (1, "mirror", [17.0, 20.0, 17.0, 13.0, 36.0, 37.0, 34.0, 30.0, 12.0]),
        (1, "grid-wrap", [37.0, 40.0, 31.0, 19.0, 36.0, 31.0, 22.0, 10.0, 32.0]),
        (1, "grid-constant", [0.0, 0.0, 3.0, 7.0, 36.0, 28.0, 16.0, 0.0, 0.0]),
        (3, "nearest", [10.001_154, 10.0, 9.478_209, 9.164_832, 36.8003, 40.835_167, 40.685_867, 40.0, 39.986_61]),
        (3, "constant", [0.0, 0.0, 0.0, 0.0, 37.632, 0.0, 0.0, 0.0, 0.0]),
        (3, "reflect", [37.57, 9.999_89, 8.649_871, 8.649_871, 36.582_855, 41.350_002, 41.542_86, 40.0, 17.794_27]),
        (3, "wrap", [16.076, 30.0, 33.924, 38.596, 37.632, 11.404, 14.752, 20.0, 10.656]),
        (3, "mirror", [16.076, 20.0, 16.076, 11.404, 37.632, 38.596, 35.248, 30.0, 10.656]),
        (3, "grid-wrap", [40.99, 40.0, 32.26, 17.74, 40.08, 32.26, 21.28, 10.0, 33.44]),
    ];
    for (spline, mode, expected) in cases {
        for (place, expected) in PLACES.into_iter().zip(expected) {
            let affine = Affine { matrix: [[0.0; 2]; 2], offset: [0.0, place] };
            let mut out = [f32::NAN; 4];
            let fill = mode.parse().unwrap();
            Warper::default().warp(&[10_u8, 20, 30, 40], (1, 4, 1), &affine, fill, 0.0, order(spline), &mut out);
            assert_eq!(out, [expected; 4], "{mode}, order {spline}, at {place}");
        }
    }
}

#[test]
fn fast_and_plain_code_agree() {
    let mut draws = Draws(5);
    let mut warpers = [Warper::default(), Warper::with_kernel(Kernel::Scalar)];
    for round in 0..600 {
        let shape = match round % 6 {
            0 => (1, 1, 3),
            1 => (1, 1 + draws.below(40), 3),
            2 => (1 + draws.below(40), 1, 1),
            _ => (1 + draws.below(30), 1 + draws.below(80), [1, 3, 4, 2][draws.below(4)]),
        };
        let affine = draws.affine(shape);
        let (fill, order) = (FillMode::ALL[draws.below(8)], order([0, 1, 1, 1, 2, 3, 4, 5][draws.below(8)]));
        let count = shape.0 * shape.1 * shape.2;
        let pixels: Vec<u8> = (0..count).map(|_| draws.below(256) as u8).collect();
        // Zeros of either sign: a sum of nothing but negative ones is positive.
        let floats: Vec<f32> = (0..count).map(|_| [-0.0, 0.0, -1e-45, 3.7e20, -123.4][draws.below(5)]).collect();
        let plain = bits(&oracle::warp(&pixels, shape, &affine, fill, 7.3, order));
        let plain_floats = bits(&oracle::warp(&floats, shape, &affine, fill, -7.3, order));
        for warper in &mut warpers {
            let what = format!("{:?} {shape:?} {affine:?} {fill} {order}", warper.kernel);
            let mut out = vec![f32::NAN; count];
            warper.warp(&pixels, shape, &affine, fill, 7.3, order, &mut out);
            assert_eq!(bits(&out), plain, "u8, {what}");
            warper.warp(&floats, shape, &affine, fill, -7.3, order, &mut out);
            assert_eq!(bits(&out), plain_floats, "f32, {what}");
        }
    }
}

#[test]
fn the_identity_is_a_copy() {
    let affine = Affine { matrix: [[1.0, 0.0], [0.0, 1.0]], offset: [0.0; 2] };
    let pixels = pattern((9, 14, 3));
    let expected: Vec<f32> = pixels.iter().copied().map(f32::from).collect();
    for fill in FillMode::ALL {
        for spline in [SplineOrder::NEAREST, SplineOrder::LINEAR] {
            let mut out = vec![f32::NAN; pixels.len()];
            Warper::default().warp(&pixels, (9, 14, 3), &affine, fill, 1.0, spline, &mut out);
            assert_eq!(out, expected, "{fill}, order {spline}");
        }
    }
}

#[test]
fn impossible_places_do_not_panic() {
    for number in [f64::MAX, -f64::MAX, 1e300, f64::NAN, f64::INFINITY] {
        for (matrix, offset) in [([[number, 0.0], [1.0, number]], [0.0; 2]), ([[1.0; 2]; 2], [number; 2])] {
            for fill in FillMode::ALL {
                for spline in 0..=5 {
                    let mut out = [0.0; 5 * 7 * 3];
                    let affine = Affine { matrix, offset };
                    Warper::default().warp(&pattern((5, 7, 3)), (5, 7, 3), &affine, fill, 0.0, order(spline), &mut out);
                }
            }
        }
    }
    let affine = Affine { matrix: [[1.0; 2]; 2], offset: [0.0; 2] };
    Warper::default().warp::<u8>(&[], (0, 7, 3), &affine, FillMode::Wrap, 0.0, SplineOrder::CUBIC, &mut []);
}

struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    fn below(&mut self, count: usize) -> usize {
        (self.uniform() * count as f64) as usize
    }

    fn affine(&mut self, (height, width, _): Shape) -> Affine {
        let mut matrix = [[0.0; 2]; 2];
        let scale = [1.0, 0.1, 1e-16, 1e-3, 40.0, 1e7][self.below(6)];
        for entry in matrix.as_flattened_mut() {
            *entry = [0.0, 1.0, -1.0, 0.5][self.below(4)];
            if self.below(2) == 0 {
                *entry = self.between(-1.5, 1.5) * scale;
            }
        }
        // About the middle, and somewhat off it.
        let middle = [(height as f64 - 1.0) / 2.0, (width as f64 - 1.0) / 2.0];
        let off = [0.0, 0.0, 0.5, 4.0, 300.0][self.below(5)];
        let offset = [0, 1].map(|axis: usize| {
            middle[axis] - matrix[axis][0] * middle[0] - matrix[axis][1] * middle[1] + self.between(-off, off)
        });
        Affine { matrix, offset }
    }
}

/// `source` of `make_warp.py`.
fn pattern((height, width, channels): Shape) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(height * width * channels);
    for y in 0..height {
        for x in 0..width {
            for c in 0..channels {
                pixels.push(((x * 7 + y * 13 + c * 29 + x * y * 3 + (x * x * y) % 11) & 255) as u8);
            }
        }
    }
    pixels
}

/// FNV-1a, 64 bits, of the little-endian bytes.
fn fnv(values: &[f32]) -> String {
    let hash = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}
