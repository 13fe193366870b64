//! Pixels against what Pillow gives for the same file or size; `fixtures/make.py` and
//! `fixtures/make_formats.py` made the expectations.

use std::path::PathBuf;

use xfer_loader::stages::{ColorMode, DecodeOptions, Decoder, DeepKind, ExifOrientation, Resizer, format_of};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn fixture(name: &str) -> Vec<u8> {
    let path = path(name);
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

// invariant 8: whatever a file holds, its pixels are those of Pillow in every colour mode, turned or not.
#[test]
fn every_format_and_mode_is_bit_equal() {
    let cases = String::from_utf8(fixture("formats.txt")).unwrap();
    let mut decoder = Decoder::new();
    let mut checked = 0;
    for case in cases.lines() {
        let [name, color_mode, exif, width, height, kind, hash] = case.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{case}");
        };
        let bytes = fixture(&format!("formats/{name}"));
        let color_mode: ColorMode = color_mode.parse().unwrap();
        let exif: ExifOrientation = exif.parse().unwrap();
        let options = DecodeOptions { color_mode, exif, ..DecodeOptions::default() };
        let image = decoder.decode(&bytes, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!([image.width.to_string(), image.height.to_string()], [width, height], "{case}");
        assert_eq!(image.channels, color_mode.channels(), "{case}");
        assert_eq!(image.animated, name.contains("animated") || name.starts_with("pages"), "{case}");
        let (found, pixels) = match &image.deep {
            Some(deep) => {
                let kind = if deep.kind == DeepKind::I16 { "I16" } else { "I32" };
                (kind, deep.values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
            None => ("u8", image.pixels.clone()),
        };
        assert_eq!((found, format!("{:016x}", fnv(&pixels))), (kind, hash.to_owned()), "{case}");
        let (_, extension) = name.rsplit_once('.').unwrap();
        assert!(format_of(&bytes).unwrap().has_extension(extension), "{case}");
        checked += 1;
    }
    assert_eq!(checked, 6 * std::fs::read_dir(path("formats")).unwrap().count());
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
        resizer.resize(&pattern, (height, width), &mut out, (to_height, to_width), fields[4].parse().unwrap());
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
