//! Chroma to full size, row by row, and on to pixels: libjpeg's "fancy upsampling" (`jdsample.c`), a
//! triangle filter with fixed rounding.

use crate::cpu::Avx2;

use super::color::ColorSpace;
use super::frame::{Channel, Planes};

/// One row of each channel at full size.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) channels: [Vec<u8>; 4],
    /// Three quarters of one row and a quarter of its neighbour, times 4.
    pub(super) sums: Vec<u16>,
    /// Those of the samples that are wanted, where it is not all.
    pub(super) picked: [Vec<u8>; 4],
}

/// Writes every row of the picture to `out`, in the pixels of `color`.
pub(super) fn each_row(planes: &Planes, samples: &[Vec<u8>], rows: &mut Rows, out: &mut [u8], color: ColorSpace) {
    match Avx2::detect() {
        // SAFETY: an `Avx2` exists only where the processor has the feature.
        #[cfg(target_arch = "x86_64")]
        Some(_) => unsafe { each_row_avx2(planes, samples, rows, out, color) },
        _ => each_row_portable(planes, samples, rows, out, color),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn each_row_avx2(planes: &Planes, samples: &[Vec<u8>], rows: &mut Rows, out: &mut [u8], color: ColorSpace) {
    each_row_portable(planes, samples, rows, out, color);
}

#[inline(always)]
fn each_row_portable(planes: &Planes, samples: &[Vec<u8>], rows: &mut Rows, out: &mut [u8], color: ColorSpace) {
    let Rows { channels, sums, .. } = rows;
    for (y, out) in out.chunks_exact_mut(planes.width * color.channels()).enumerate() {
        for ((channel, plane), row) in planes.channels.iter().zip(samples).zip(channels.iter_mut()) {
            // Replicated samples may reach past the last pixel.
            row.resize(channel.size.0 * channel.scale.0, 0);
            full_row(*channel, plane, y, sums, row);
        }
        let [a, b, c, d] = &*channels;
        color.row([a, b, c, d], out);
    }
}

/// Row `y` of the picture in one channel.
#[inline(always)]
pub(super) fn full_row(channel: Channel, plane: &[u8], y: usize, sums: &mut Vec<u16>, out: &mut [u8]) {
    let (width, height) = channel.size;
    let source = y / channel.scale.1;
    let row = |y: usize| &plane[y * channel.stride..][..width];
    // The row on the other side of the edge that this one is nearer to; at the border, the row itself.
    let neighbour = || {
        let above = y.is_multiple_of(2);
        row(if above { source.saturating_sub(1) } else { (source + 1).min(height - 1) })
    };
    match channel.scale {
        (1, 1) => out.copy_from_slice(row(source)),
        (2, 1) if width > 2 => widen(row(source), out),
        (1, 2) => {
            let bias = 1 + (y % 2) as u16;
            for ((out, &near), &far) in out.iter_mut().zip(row(source)).zip(neighbour()) {
                *out = ((u16::from(near) * 3 + u16::from(far) + bias) >> 2) as u8;
            }
        }
        (2, 2) if width > 2 => {
            sums.clear();
            sums.extend(row(source).iter().zip(neighbour()).map(|(&near, &far)| u16::from(near) * 3 + u16::from(far)));
            widen_sums(sums, out);
        }
        (across, _) => {
            for (out, &sample) in out.chunks_exact_mut(across).zip(row(source)) {
                out.fill(sample);
            }
        }
    }
}

/// Twice as many samples across, each three quarters of the nearer and a quarter of the farther one
/// (`h2v1_fancy_upsample`).
#[inline(always)]
fn widen(row: &[u8], out: &mut [u8]) {
    let quarter = |near: u8, far: u8, bias: u16| ((u16::from(near) * 3 + u16::from(far) + bias) >> 2) as u8;
    let pairs = out.as_chunks_mut::<2>().0;
    let last = row.len() - 1;
    pairs[0] = [row[0], quarter(row[0], row[1], 2)];
    for (out, around) in pairs[1..last].iter_mut().zip(row.windows(3)) {
        *out = [quarter(around[1], around[0], 1), quarter(around[1], around[2], 2)];
    }
    pairs[last] = [quarter(row[last], row[last - 1], 1), row[last]];
}

/// The same for sums of two rows (`h2v2_fancy_upsample`).
#[inline(always)]
fn widen_sums(sums: &[u16], out: &mut [u8]) {
    let sixteenth = |near: u16, far: u16, bias: u16| ((near * 3 + far + bias) >> 4) as u8;
    let pairs = out.as_chunks_mut::<2>().0;
    let last = sums.len() - 1;
    pairs[0] = [sixteenth(sums[0], sums[0], 8), sixteenth(sums[0], sums[1], 7)];
    for (out, around) in pairs[1..last].iter_mut().zip(sums.windows(3)) {
        *out = [sixteenth(around[1], around[0], 8), sixteenth(around[1], around[2], 7)];
    }
    pairs[last] = [sixteenth(sums[last], sums[last - 1], 8), sixteenth(sums[last], sums[last], 7)];
}

#[cfg(test)]
mod tests {
    use super::*;

    // Worked by hand from `jdsample.c`.
    #[test]
    fn a_row_is_widened_with_alternating_bias() {
        let mut out = [0; 8];
        widen(&[10, 20, 30, 41], &mut out);
        assert_eq!(out, [10, 13, 17, 23, 27, 33, 38, 41]);
    }

    #[test]
    fn rows_and_columns_are_blended_nine_three_three_one() {
        let plane = [[10_u8, 20, 30].to_vec(), [50, 60, 70].to_vec()].concat();
        let channel = Channel { stride: 3, size: (3, 2), scale: (2, 2) };
        let row = |y| {
            let mut out = [0; 6];
            full_row(channel, &plane, y, &mut Vec::new(), &mut out);
            out
        };
        assert_eq!(row(0), [10, 12, 18, 22, 28, 30]);
        assert_eq!(row(1), [20, 22, 28, 32, 38, 40]);
        assert_eq!(row(3), [50, 52, 58, 62, 68, 70]);
    }

    #[test]
    fn narrow_and_odd_ratios_are_replicated() {
        let mut out = [0; 4];
        full_row(Channel { stride: 2, size: (2, 1), scale: (2, 1) }, &[3, 9], 0, &mut Vec::new(), &mut out);
        assert_eq!(out, [3, 3, 9, 9]);
        let mut out = [0; 8];
        full_row(Channel { stride: 2, size: (2, 1), scale: (4, 1) }, &[3, 9], 0, &mut Vec::new(), &mut out);
        assert_eq!(out, [3, 3, 3, 3, 9, 9, 9, 9]);
    }
}
