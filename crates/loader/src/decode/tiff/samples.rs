//! Samples as TIFF stores them, brought to Pillow's modes.

use super::directory::{Directory, Order};
use super::layout::{Layout, SampleFormat};
use super::{DecodeError, FORMAT};
use crate::decode::raster::{Mode, Raster, grey_scale, unpack};

/// Undoes the predictor: each sample of a row is added to the one before it.
pub(super) fn sum_up(row: &mut [u8], size: usize, samples: usize, order: Order) {
    match size {
        1 => {
            for at in samples..row.len() {
                row[at] = row[at].wrapping_add(row[at - samples]);
            }
        }
        size => {
            for at in (samples * size..row.len()).step_by(size) {
                let before = at - samples * size;
                let sum = order.number(&row[at..at + size]).wrapping_add(order.number(&row[before..before + size]));
                let sum = sum.to_le_bytes();
                for (index, out) in row[at..at + size].iter_mut().enumerate() {
                    *out = sum[if order.big_endian { size - 1 - index } else { index }];
                }
            }
        }
    }
}

pub(super) fn convert(
    directory: &Directory<'_>,
    layout: &Layout,
    samples: &[u8],
    raster: &mut Raster,
) -> Result<(), DecodeError> {
    let order = directory.order;
    if layout.mode == Mode::Palette {
        palette(directory, layout, raster)?;
    }
    match (layout.mode, layout.format, layout.bits) {
        (Mode::L, SampleFormat::Float, _) => {
            for (out, sample) in raster.bytes.iter_mut().zip(samples.as_chunks::<4>().0) {
                let value = f32::from_bits(order.number(sample) as u32);
                // What is no number is 0 in either.
                raster.clipped |= !(0.0..=255.0).contains(&value);
                *out = value as u8;
            }
        }
        (Mode::L | Mode::Palette, _, 1 | 2 | 4) => {
            let scale = if layout.mode == Mode::L { grey_scale(layout.bits) } else { 1 };
            unpack(samples, raster.width, layout.bits, scale, &mut raster.bytes);
        }
        (Mode::I16 | Mode::I16Big | Mode::I32From16 | Mode::I32, format, bits) => {
            for (value, sample) in raster.values.iter_mut().zip(samples.chunks_exact(bits / 8)) {
                let number = order.number(sample);
                *value = match (bits, format) {
                    (16, SampleFormat::Signed) => (number as i16).into(),
                    _ => number as u32 as i32,
                };
            }
        }
        (mode, _, bits) => {
            // The high byte of each sample that is wanted; those past a pixel's channels are not.
            let (size, channels) = (bits / 8, mode.channels());
            let high = if order.big_endian { 0 } else { size - 1 };
            let pixels = samples.chunks_exact(size * layout.samples);
            for (out, pixel) in raster.bytes.chunks_exact_mut(channels).zip(pixels) {
                for (out, sample) in out.iter_mut().zip(pixel.chunks_exact(size)) {
                    *out = sample[high];
                }
            }
        }
    }
    if layout.inverted {
        raster.bytes.iter_mut().for_each(|value| *value = !*value);
    }
    if layout.premultiplied {
        let channels = layout.mode.channels();
        for pixel in raster.bytes.chunks_exact_mut(channels) {
            divide(pixel);
        }
    }
    Ok(())
}

/// Undoes the multiplication of colours with their opacity, the last value (`unpackRGBa` of `Unpack.c`).
fn divide(pixel: &mut [u8]) {
    if let [colors @ .., alpha] = pixel {
        for color in colors {
            *color = (u32::from(*color) * 255).checked_div(u32::from(*alpha)).map_or(0, |value| value.min(255) as u8);
        }
    }
}

/// Tag 320: all reds, all greens, all blues, 16 bits each.
fn palette(directory: &Directory<'_>, layout: &Layout, raster: &mut Raster) -> Result<(), DecodeError> {
    let count = 1 << layout.bits;
    let colors = directory.numbers(320)?.filter(|colors| colors.len() >= 3 * count);
    let colors =
        colors.ok_or_else(|| DecodeError::corrupt(FORMAT, directory.at, "the palette is missing or too short"))?;
    for (index, entry) in raster.palette.iter_mut().enumerate().take(count) {
        for (channel, out) in entry.iter_mut().enumerate().take(3) {
            *out = (colors[channel * count + index] >> 8) as u8;
        }
    }
    Ok(())
}
