//! Pixels against what Pillow gives for the same file or size; `fixtures/make.py` and
//! `fixtures/make_formats.py` made the expectations.

use std::path::PathBuf;

use xfer_loader::stages::{
    Crop, Decoder, DeepKind, DeepView, Extent, Resizer, View, Wanted, format_of, keep_aspect_box,
};
use xfer_loader::{ColorMode, DecodeOptions, ExifOrientation, Interpolation};

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
        assert_eq!((found, format!("{:016x}", fnv(&pixels, FNV))), (kind, hash.to_owned()), "{case}");
        let (_, extension) = name.rsplit_once('.').unwrap();
        assert!(format_of(&bytes).unwrap().has_extension(extension), "{case}");
        checked += 1;
    }
    assert_eq!(checked, 6 * std::fs::read_dir(path("formats")).unwrap().count());
}

// Reduced pictures are those of libjpeg, but for the coefficients left out; these files have none of those.
#[test]
fn reduced_pictures_are_bit_equal() {
    let cases = String::from_utf8(fixture("scaled.txt")).unwrap();
    let mut decoder = Decoder::new();
    for case in cases.lines() {
        let [name, reduction, width, height, hash] = case.split(' ').collect::<Vec<_>>()[..] else { panic!("{case}") };
        let reduction: usize = reduction.parse().unwrap();
        let target = (85 / (2 * reduction), 107 / (2 * reduction));
        let wanted = Wanted { target, interpolation: Interpolation::Hamming, keep_aspect_ratio: false, scaled: true };
        let bytes = fixture(&format!("scaled/{name}.jpg"));
        let image = decoder.decode_for(&bytes, &DecodeOptions::default(), &wanted).unwrap();
        assert_eq!((image.extent, image.picture), (Extent::Reduced(reduction), (85, 107)), "{case}");
        assert_eq!([image.width.to_string(), image.height.to_string()], [width, height], "{case}");
        assert_eq!(format!("{:016x}", fnv(&image.pixels, FNV)), hash, "{case}");
    }
    assert_eq!(cases.lines().count(), 20);
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
        assert_eq!(format!("{:016x}", fnv(&out, FNV)), fields[5], "{case}");
        checked += 1;
    }
    assert_eq!(checked, 13 * 6);
}

// invariant 8: so are those of 1,000 random sizes of every kind of image, whole and in parts.
#[test]
fn random_sizes_and_parts_are_bit_equal() {
    let blocks = String::from_utf8(fixture("pillow_resize_random.txt")).unwrap();
    let mut resizer = Resizer::new();
    let mut checked = 0;
    for block in blocks.lines() {
        let fields: Vec<&str> = block.split(' ').collect();
        let first = fields[2].parse::<u64>().unwrap() * 100;
        for (name, expected) in INTERPOLATIONS.iter().zip(&fields[3..]) {
            let mut hash = FNV;
            for number in first..first + 100 {
                let (from, to, crop) = case(number, fields[1]);
                hash = fnv(&resized(&mut resizer, number, fields[0], (from, to), crop, name.parse().unwrap()), hash);
                checked += 1;
            }
            assert_eq!(format!("{hash:016x}"), *expected, "{name}: {block}");
        }
    }
    assert_eq!(checked, 5 * 3 * 6 * 1_000);
}

/// `FILTERS` of `fixtures/make.py`.
const INTERPOLATIONS: [&str; 6] = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"];

/// The bytes of the image `pixels` of `fixtures/make.py` when resized.
fn resized(
    resizer: &mut Resizer,
    number: u64,
    mode: &str,
    (from, to): (Size, Size),
    crop: Option<Crop>,
    interpolation: Interpolation,
) -> Vec<u8> {
    let (height, width) = from;
    let channels = match mode {
        "RGB" => 3,
        "RGBA" => 4,
        _ => 1,
    };
    let values = (0..(height * width * channels) as u64).map(|k| match mix((number << 32) + 16 + k) {
        value if !number.is_multiple_of(4) => value,
        value if value >> 63 == 1 => u64::MAX,
        _ => 0,
    });
    let kind = match mode {
        "I;16" => DeepKind::I16,
        "I" => DeepKind::I32,
        _ => {
            let pixels: Vec<u8> = values.map(|value| (value >> 56) as u8).collect();
            let mut out = vec![0; to.0 * to.1 * channels];
            resizer.resize(View { pixels: &pixels, height, width, channels }, crop, &mut out, to, interpolation);
            return out;
        }
    };
    let pixels: Vec<i32> = match kind {
        DeepKind::I16 => values.map(|value| (value >> 48) as i32).collect(),
        DeepKind::I32 => values.map(|value| (value >> 32) as i32 ^ i32::MIN).collect(),
    };
    let mut out = vec![0; to.0 * to.1];
    resizer.resize_deep(DeepView { pixels: &pixels, height, width, kind }, crop, &mut out, to, interpolation);
    let bytes = if kind == DeepKind::I16 { 2 } else { 4 };
    out.iter().flat_map(|value| value.to_le_bytes().into_iter().take(bytes)).collect()
}

type Size = (usize, usize);

/// `case` of `fixtures/make.py`.
fn case(number: u64, part: &str) -> (Size, Size, Option<Crop>) {
    let mut draws = number << 32;
    let mut draw = || {
        draws += 1;
        (mix(draws - 1) >> 33) as usize
    };
    let most = [4, 12, 24, 40][draw() % 4];
    let mut sides = [0; 4].map(|_: usize| 1 + draw() % most);
    if draw().is_multiple_of(8) {
        sides[draw() % 4] = 50 + draw() % 250;
    }
    let [height, width, to_height, to_width] = sides;
    let (from, to) = ((height, width), (to_height, to_width));
    let crop = match part {
        "whole" => None,
        "aspect" => Some(keep_aspect_box(from, to)),
        _ => {
            let (top, left) = (draw() % height, draw() % width);
            Some(Crop { top, left, height: draw() % (height - top + 1), width: draw() % (width - left + 1) })
        }
    };
    (from, to, crop)
}

/// SplitMix64.
fn mix(k: u64) -> u64 {
    let z = k.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
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

/// Where FNV-1a of 64 bits begins.
const FNV: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(bytes: &[u8], hash: u64) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
