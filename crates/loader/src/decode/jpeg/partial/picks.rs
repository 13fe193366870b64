//! The pixels that nearest neighbour picks.

mod gather;

pub(in crate::decode::jpeg) use gather::Gather;

#[cfg(target_arch = "x86_64")]
use crate::cpu::Avx512;

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
    #[cfg(target_arch = "x86_64")]
    if let Some(avx512) = Avx512::detect() {
        rows.gather.fill(&picks.columns);
        return each_row_with(planes, samples, (rows, picks), out, color, |gather, row, picked| {
            gather.pick(avx512, row, picked);
        });
    }
    each_row_with(planes, samples, (rows, picks), out, color, |_, row, picked| {
        picked.clear();
        picked.extend(picks.columns.iter().map(|&x| row[x]));
    });
}

fn each_row_with(
    planes: &Planes,
    samples: &[Vec<u8>],
    (rows, picks): (&mut Rows, &Picks),
    out: &mut [u8],
    color: ColorSpace,
    pick: impl Fn(&Gather, &[u8], &mut Vec<u8>),
) {
    let Rows { channels, sums, picked, gather } = rows;
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
            pick(gather, row, picked);
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
