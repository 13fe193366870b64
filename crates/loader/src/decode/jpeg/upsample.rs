//! Chroma to full size, row by row, and on to pixels: libjpeg's "fancy upsampling" (`jdsample.c`), a
//! triangle filter with fixed rounding.

#[cfg(target_arch = "x86_64")]
mod avx512;

use crate::cpu::Avx2;
#[cfg(target_arch = "x86_64")]
use crate::cpu::Avx512;

use super::color::ColorSpace;
use super::frame::{Channel, Planes};
use super::partial::Gather;

/// What is added before a sum is rounded down, on the left and on the right: of two samples, and of four.
const ROW_BIASES: [u16; 2] = [1, 2];
const BLOCK_BIASES: [u16; 2] = [8, 7];

/// One row of each channel at full size.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) channels: [Vec<u8>; 4],
    /// A row, or three quarters of it and a quarter of its neighbour, times 4; the first and the last twice.
    pub(super) sums: Vec<u16>,
    /// Those of the samples that are wanted, where it is not all.
    pub(super) picked: [Vec<u8>; 4],
    pub(super) gather: Gather,
}

/// Writes every row of the picture to `out`, in the pixels of `color`.
pub(super) fn each_row(planes: &Planes, samples: &[Vec<u8>], rows: &mut Rows, out: &mut [u8], color: ColorSpace) {
    let Rows { channels, sums, .. } = rows;
    for (y, out) in out.chunks_exact_mut(planes.width * color.channels()).enumerate() {
        let mut full: [&[u8]; 4] = [&[]; 4];
        for (((channel, plane), row), full) in
            planes.channels.iter().zip(samples).zip(channels.iter_mut()).zip(&mut full)
        {
            if channel.scale == (1, 1) {
                *full = &plane[y * channel.stride..][..channel.size.0];
                continue;
            }
            // Replicated samples may reach past the last pixel.
            row.resize(channel.size.0 * channel.scale.0, 0);
            full_row(*channel, plane, y, sums, row);
            *full = row;
        }
        color.row(full, out);
    }
}

/// Row `y` of the picture in one channel, which is not of full size.
pub(super) fn full_row(channel: Channel, plane: &[u8], y: usize, sums: &mut Vec<u16>, out: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if let (Some(avx512), true, (2, 1 | 2)) = (Avx512::detect(), channel.size.0 >= avx512::LANES, channel.scale) {
        let (near, far) = near_and_far(channel, plane, y);
        return match channel.scale.1 {
            1 => avx512::double(avx512, (near, None), (2, ROW_BIASES), sums, out),
            _ => avx512::double(avx512, (near, Some(far)), (4, BLOCK_BIASES), sums, out),
        };
    }
    match Avx2::detect() {
        // SAFETY: an `Avx2` exists only where the processor has the feature.
        #[cfg(target_arch = "x86_64")]
        Some(_) => unsafe { full_row_avx2(channel, plane, y, sums, out) },
        _ => full_row_portable(channel, plane, y, sums, out),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn full_row_avx2(channel: Channel, plane: &[u8], y: usize, sums: &mut Vec<u16>, out: &mut [u8]) {
    full_row_portable(channel, plane, y, sums, out);
}

/// The samples of row `y` of the picture, and those on the other side of the edge that it is nearer to; at the border,
/// the same.
#[inline(always)]
fn near_and_far(channel: Channel, plane: &[u8], y: usize) -> (&[u8], &[u8]) {
    let (width, height) = channel.size;
    let source = y / channel.scale.1;
    let row = |y: usize| &plane[y * channel.stride..][..width];
    let above = y.is_multiple_of(2);
    (row(source), row(if above { source.saturating_sub(1) } else { (source + 1).min(height - 1) }))
}

#[inline(always)]
fn full_row_portable(channel: Channel, plane: &[u8], y: usize, sums: &mut Vec<u16>, out: &mut [u8]) {
    let width = channel.size.0;
    let (near, far) = near_and_far(channel, plane, y);
    match channel.scale {
        (2, 1) if width > 2 => {
            sums.resize(width + 2, 0);
            for (sum, &sample) in sums[1..].iter_mut().zip(near) {
                *sum = sample.into();
            }
            widen::<2>(sums, ROW_BIASES, out);
        }
        (1, 2) => {
            let bias = 1 + (y % 2) as u16;
            for ((out, &near), &far) in out.iter_mut().zip(near).zip(far) {
                *out = ((u16::from(near) * 3 + u16::from(far) + bias) >> 2) as u8;
            }
        }
        (2, 2) if width > 2 => {
            sums.resize(width + 2, 0);
            for ((sum, &near), &far) in sums[1..].iter_mut().zip(near).zip(far) {
                *sum = u16::from(near) * 3 + u16::from(far);
            }
            widen::<4>(sums, BLOCK_BIASES, out);
        }
        (across, _) => {
            for (out, &sample) in out.chunks_exact_mut(across).zip(near) {
                out.fill(sample);
            }
        }
    }
}

/// Twice as many samples across, each three quarters of the nearer and a quarter of the farther one
/// (`h2v1_fancy_upsample` and `h2v2_fancy_upsample`), rounded to `SHIFT` fewer bits with a bias on the left and on
/// the right. There is room around `sums` for the neighbours that the first and the last do not have: themselves.
#[inline(always)]
fn widen<const SHIFT: u32>(sums: &mut [u16], [left_bias, right_bias]: [u16; 2], out: &mut [u8]) {
    let end = sums.len() - 1;
    (sums[0], sums[end]) = (sums[1], sums[end - 1]);
    let around = sums.iter().zip(&sums[1..]).zip(&sums[2..]);
    for (out, ((&left, &sum), &right)) in out.as_chunks_mut::<2>().0.iter_mut().zip(around) {
        let near = sum * 3;
        *out = (((near + left + left_bias) >> SHIFT) | (((near + right + right_bias) >> SHIFT) << 8)).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::cpu::at_every_level;

    #[test]
    fn vectors_give_the_samples_of_the_portable_one() {
        let mut state = 3_u64;
        let mut plane: Vec<u8> = (0..3 * 200)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as u8
            })
            .collect();
        for extreme in [false, true] {
            if extreme {
                plane.iter_mut().for_each(|sample| *sample = if *sample < 128 { 0 } else { 255 });
            }
            for width in 1..200 {
                for scale in [(2, 1), (1, 2), (2, 2), (4, 1), (4, 2)] {
                    let channel = Channel { stride: 200, size: (width, 3), scale };
                    for y in 0..3 * scale.1 {
                        let mut simple = vec![0; width * scale.0];
                        full_row_portable(channel, &plane, y, &mut Vec::new(), &mut simple);
                        at_every_level(|level| {
                            let mut out = vec![0; width * scale.0];
                            full_row(channel, &plane, y, &mut Vec::new(), &mut out);
                            assert!(out == simple, "{level:?}, {width} samples, {scale:?}");
                        });
                    }
                }
            }
        }
    }

    // Worked by hand from `jdsample.c`.
    #[test]
    fn a_row_is_widened_with_alternating_bias() {
        let mut out = [0; 8];
        let channel = Channel { stride: 4, size: (4, 1), scale: (2, 1) };
        full_row(channel, &[10, 20, 30, 41], 0, &mut Vec::new(), &mut out);
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
