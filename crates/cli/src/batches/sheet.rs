//! A contact sheet: batches as a picture to look at, a row of tiles after the other.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, imageops};
use xfer_loader::{Batch, Layout, Pixels};
use xfer_trainer::{AtomicFile, Existing};

/// Pixels between tiles.
const GAP: u32 = 4;
const BACKGROUND: Rgb<u8> = Rgb([32, 32, 32]);
/// Frames tell classes apart; after the last one they begin again.
const FRAMES: [Rgb<u8>; 8] = [
    Rgb([78, 121, 167]),
    Rgb([242, 142, 43]),
    Rgb([89, 161, 79]),
    Rgb([225, 87, 89]),
    Rgb([176, 122, 161]),
    Rgb([237, 201, 72]),
    Rgb([118, 183, 178]),
    Rgb([156, 117, 95]),
];
const FRAME: u32 = 2;

/// Tiles, in the order of the batches.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    tiles: Vec<RgbImage>,
}

impl Sheet {
    /// Adds every sample of a batch, framed in the colour of its class. Standardised pixels are stretched to 0..255,
    /// from the smallest of the image to the largest.
    pub(super) fn add(&mut self, batch: &Batch, layout: Layout) {
        let [samples, a, b, c] = batch.shape();
        let (height, width, channels) = match layout {
            Layout::Nhwc => (a, b, c),
            Layout::Nchw => (b, c, a),
        };
        let size = height * width * channels;
        for sample in 0..samples {
            let values: Vec<f32> = match batch.pixels() {
                Pixels::U8(pixels) => pixels[sample * size..][..size].iter().map(|&value| value.into()).collect(),
                Pixels::F32(pixels) => pixels[sample * size..][..size].to_vec(),
            };
            let at = |x: usize, y: usize, channel: usize| match layout {
                Layout::Nhwc => values[(y * width + x) * channels + channel],
                Layout::Nchw => values[(channel * height + y) * width + x],
            };
            let levels = Levels::of(&values);
            let tile = RgbImage::from_fn(width as u32, height as u32, |x, y| {
                let value = |channel| levels.apply(at(x as usize, y as usize, channel));
                // Grey is one channel, or one and its alpha.
                if channels < 3 { Rgb([value(0); 3]) } else { Rgb([value(0), value(1), value(2)]) }
            });
            let frame = batch.labels().get(sample).map_or(BACKGROUND, |&label| FRAMES[label as usize % FRAMES.len()]);
            let mut framed = RgbImage::from_pixel(tile.width() + 2 * FRAME, tile.height() + 2 * FRAME, frame);
            imageops::replace(&mut framed, &tile, FRAME.into(), FRAME.into());
            self.tiles.push(framed);
        }
    }

    /// Writes the sheet as a PNG, about as wide as it is high.
    pub(super) fn write(&self, path: &Path, existing: Existing) -> anyhow::Result<()> {
        let (tile_width, tile_height) = self.tiles.first().map_or((1, 1), RgbImage::dimensions);
        let cells = self.tiles.len().max(1) as f64;
        let columns = ((cells * f64::from(tile_height) / f64::from(tile_width)).sqrt().ceil() as u32).max(1);
        let rows = (self.tiles.len() as u32).div_ceil(columns).max(1);
        let side = |tiles: u32, size: u32| tiles * (size + GAP) + GAP;
        let mut sheet = RgbImage::from_pixel(side(columns, tile_width), side(rows, tile_height), BACKGROUND);
        for (number, tile) in (0_u32..).zip(&self.tiles) {
            let (x, y) = (side(number % columns, tile_width), side(number / columns, tile_height));
            imageops::replace(&mut sheet, tile, x.into(), y.into());
        }
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::from(sheet).write_to(&mut bytes, ImageFormat::Png)?;
        Ok(AtomicFile::write_all(path, bytes.get_ref(), existing)?)
    }
}

/// How values become levels of 0..255.
#[derive(Clone, Copy, Debug)]
struct Levels {
    low: f32,
    scale: f32,
}

impl Levels {
    /// What already looks like pixels is left as it is.
    fn of(values: &[f32]) -> Self {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (low, high) = (finite().fold(f32::INFINITY, f32::min), finite().fold(f32::NEG_INFINITY, f32::max));
        if low >= 0.0 && high <= 255.0 && high > 2.0 {
            return Self { low: 0.0, scale: 1.0 };
        }
        Self { low, scale: if high > low { 255.0 / (high - low) } else { 0.0 } }
    }

    fn apply(self, value: f32) -> u8 {
        ((value - self.low) * self.scale).round().clamp(0.0, 255.0) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_stay_and_standardised_values_are_stretched() {
        let plain = Levels::of(&[0.0, 17.0, 255.0]);
        assert_eq!([0.0, 17.0, 255.0].map(|value| plain.apply(value)), [0, 17, 255]);
        let scaled = Levels::of(&[-1.0, 0.0, 1.0]);
        assert_eq!([-1.0, 0.0, 1.0].map(|value| scaled.apply(value)), [0, 128, 255]);
        let flat = Levels::of(&[-3.0, -3.0]);
        assert_eq!(flat.apply(-3.0), 0);
    }
}
