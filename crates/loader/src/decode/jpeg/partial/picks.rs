//! The pixels that nearest neighbour picks.

use crate::cpu::Avx2;

use super::super::color::ColorSpace;
use super::super::frame::{BLOCK, Planes};
use super::super::upsample::{Rows, full_row};

/// Rows and columns of a picture whose crossings are wanted, as often as they are listed and in that order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::decode::jpeg) struct Picks {
    pub(in crate::decode::jpeg) rows: Vec<usize>,
    pub(in crate::decode::jpeg) columns: Vec<usize>,
}

/// Which blocks along an axis of a channel of `size` samples, each `scale` pixels long, the picked `pixels` need:
/// those of their own samples, and of the nearer neighbours that upsampling blends in.
pub(super) fn blocks(pixels: &[usize], scale: usize, size: usize) -> Vec<bool> {
    let mut blocks = vec![false; size.div_ceil(BLOCK)];
    let mut want = |sample: usize| {
        if let Some(block) = blocks.get_mut(sample.min(size - 1) / BLOCK) {
            *block = true;
        }
    };
    for &pixel in pixels {
        let sample = pixel / scale;
        want(sample);
        if scale == 2 {
            want(if pixel.is_multiple_of(2) { sample.saturating_sub(1) } else { sample + 1 });
        }
    }
    blocks
}

/// Writes the picked pixels to `out`, in `color`.
pub(in crate::decode::jpeg) fn each_row(
    planes: &Planes,
    samples: &[Vec<u8>],
    (rows, picks): (&mut Rows, &Picks),
    out: &mut [u8],
    color: ColorSpace,
) {
    match Avx2::detect() {
        // SAFETY: an `Avx2` exists only where the processor has the feature.
        #[cfg(target_arch = "x86_64")]
        Some(_) => unsafe { each_row_avx2(planes, samples, (rows, picks), out, color) },
        _ => each_row_portable(planes, samples, (rows, picks), out, color),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn each_row_avx2(planes: &Planes, samples: &[Vec<u8>], picked: (&mut Rows, &Picks), out: &mut [u8], color: ColorSpace) {
    each_row_portable(planes, samples, picked, out, color);
}

#[inline(always)]
fn each_row_portable(
    planes: &Planes,
    samples: &[Vec<u8>],
    (rows, picks): (&mut Rows, &Picks),
    out: &mut [u8],
    color: ColorSpace,
) {
    let Rows { channels, sums, picked } = rows;
    for (&y, out) in picks.rows.iter().zip(out.chunks_exact_mut(picks.columns.len() * color.channels())) {
        for (((channel, plane), row), picked) in
            planes.channels.iter().zip(samples).zip(channels.iter_mut()).zip(picked.iter_mut())
        {
            let row = if channel.scale == (1, 1) {
                &plane[y * channel.stride..][..channel.size.0]
            } else {
                row.resize(channel.size.0 * channel.scale.0, 0);
                full_row(*channel, plane, y, sums, row);
                &row[..]
            };
            picked.clear();
            picked.extend(picks.columns.iter().map(|&x| row[x]));
        }
        let [a, b, c, d] = &*picked;
        color.row([a, b, c, d], out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_picked_pixels_and_of_their_neighbours() {
        let of = |pixels: &[usize], scale, size| {
            let blocks = blocks(pixels, scale, size);
            blocks.iter().enumerate().filter(|(_, wanted)| **wanted).map(|(at, _)| at).collect::<Vec<_>>()
        };
        assert_eq!(of(&[3, 9, 31], 1, 32), [0, 1, 3]);
        assert_eq!(of(&[16], 2, 32), [0, 1], "the sample left of the block");
        assert_eq!(of(&[17], 2, 32), [1]);
        assert_eq!(of(&[15], 2, 32), [0, 1], "the sample right of the block");
        assert_eq!(of(&[0, 63], 2, 32), [0, 3]);
        assert_eq!(of(&[31, 32], 4, 32), [0, 1]);
    }
}
