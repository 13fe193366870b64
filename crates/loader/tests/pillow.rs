//! Pixels against what Pillow gives for the same file or size; `fixtures/make.py` made the expectations.

use std::path::PathBuf;

use xfer_loader::stages::{DecodeOptions, Decoder, Resizer, View};

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

// invariant 8: decoded pixels are those of Pillow.
#[test]
fn jpeg_is_bit_equal() {
    let mut decoder = Decoder::new();
    for (name, width, height) in [("photo", 16, 16), ("progressive", 16, 16), ("cmyk", 16, 16), ("sampled-1x2", 33, 34)]
    {
        let image = decoder.decode(&fixture(&format!("{name}.jpg")), &DecodeOptions::default()).unwrap();
        assert_eq!((image.width, image.height), (width, height), "{name}");
        assert!(image.pixels == fixture(&format!("{name}.rgb")), "{name}");
    }
}

// invariant 8: resized pixels are those of Pillow, which Keras resizes with.
#[test]
fn every_interpolation_is_bit_equal() {
    let cases = String::from_utf8(fixture("pillow_resize.txt")).unwrap();
    let mut resizer = Resizer::new();
    let mut checked = 0;
    for case in cases.lines() {
        let fields: Vec<&str> = case.split(' ').collect();
        let [height, width, to_height, to_width] = [0, 1, 2, 3].map(|k: usize| fields[k].parse::<usize>().unwrap());
        let mut out = vec![0; to_height * to_width * 3];
        let pattern = pattern(width, height);
        let view = View { pixels: &pattern, height, width, channels: 3 };
        resizer.resize(view, None, &mut out, (to_height, to_width), fields[4].parse().unwrap());
        assert_eq!(format!("{:016x}", fnv(&out)), fields[5], "{case}");
        checked += 1;
    }
    assert_eq!(checked, 13 * 6);
}

/// `source` of `fixtures/make.py`.
fn pattern(width: usize, height: usize) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            for c in 0..3 {
                pixels.push(((x * 7 + y * 13 + c * 29 + x * y * 3 + (x * x * y) % 11) & 255) as u8);
            }
        }
    }
    pixels
}

/// FNV-1a, 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
