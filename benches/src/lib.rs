//! Pictures to measure on: drawn, seeded, and about as hard to compress as photographs.

use std::fs;
use std::io;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// An RGB picture, HWC: octaves of value noise from the size of the picture down to single pixels, each
/// half as strong as the one before, down to a floor that sensor noise has too.
fn draw(width: usize, height: usize, seed: u64) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut light = vec![0.0_f32; width * height * 3];
    for octave in 0..=width.max(height).ilog2() {
        let cell = (width.max(height) >> octave).max(1);
        let strength = 96.0 / f32::from(1_u16 << octave.min(4));
        let columns = width / cell + 2;
        let lattice: Vec<f32> =
            (0..columns * (height / cell + 2) * 3).map(|_| rng.next_u32() as f32 / u32::MAX as f32 - 0.5).collect();
        for (at, value) in light.iter_mut().enumerate() {
            let (pixel, channel) = (at / 3, at % 3);
            let (x, y) = (pixel % width, pixel / width);
            let corner = |dx: usize, dy: usize| lattice[((y / cell + dy) * columns + x / cell + dx) * 3 + channel];
            let (fx, fy) = ((x % cell) as f32 / cell as f32, (y % cell) as f32 / cell as f32);
            let top = corner(0, 0) * (1.0 - fx) + corner(1, 0) * fx;
            let bottom = corner(0, 1) * (1.0 - fx) + corner(1, 1) * fx;
            *value += strength * (top * (1.0 - fy) + bottom * fy);
        }
    }
    light.into_iter().map(|value| (value + 128.0).clamp(0.0, 255.0) as u8).collect()
}

/// A drawn RGB picture, HWC; tiled where it is larger than 1024 pixels.
pub fn picture(width: usize, height: usize, seed: u64) -> Vec<u8> {
    const TILE: usize = 1024;
    let (tile_width, tile_height) = (width.min(TILE), height.min(TILE));
    let tile = draw(tile_width, tile_height, seed);
    let row = |y: usize| tile[(y % tile_height) * tile_width * 3..][..tile_width * 3].iter().copied();
    (0..height).flat_map(|y| row(y).cycle().take(width * 3)).collect()
}

/// A [`picture`], as a baseline JPEG of quality 92.
///
/// # Errors
///
/// The encoder refuses the size.
pub fn jpeg(width: usize, height: usize, seed: u64) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 92).write_image(
        &picture(width, height, seed),
        width as u32,
        height as u32,
        ExtendedColorType::Rgb8,
    )?;
    Ok(bytes)
}

/// Writes `count` JPEGs into two class folders of `root`.
///
/// # Errors
///
/// A file cannot be written or encoded.
pub fn corpus(root: &Path, count: usize, width: usize, height: usize) -> io::Result<()> {
    // A few pictures are drawn, and written many times: decoding does not remember them.
    let pictures: Vec<Vec<u8>> =
        (0..8).map(|seed| jpeg(width, height, seed)).collect::<Result<_, _>>().map_err(io::Error::other)?;
    for class in ["a", "b"] {
        fs::create_dir_all(root.join(class))?;
    }
    for number in 0..count {
        let class = if number % 2 == 0 { "a" } else { "b" };
        fs::write(root.join(class).join(format!("{number:05}.jpg")), &pictures[number % pictures.len()])?;
    }
    Ok(())
}
