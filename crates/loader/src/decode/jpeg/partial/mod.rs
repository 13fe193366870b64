//! Only as much of a picture as its size afterwards needs: the blocks that hold picked pixels, or all blocks at a
//! fraction of their size. The entropy-coded data is gone through to its end, but most of it need not be kept.
//!
//! Files that do not keep to the rules are none of this: they are decoded whole.

mod picks;
mod skip;

pub(super) use picks::{Gather, Picks, each_row};
pub(super) use skip::{LOOKUP_BITS, Pass, Skip};

use super::frame::{BLOCK, Component, Frame};
use super::headers::ZIGZAG;
use super::idct::{self, reduced};

/// What of a component's blocks becomes samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Samples along a block's side: 8, 4, 2 or 1.
    pub(super) side: usize,
    /// Coefficients that are heeded, in the order in which they are coded.
    pub(super) reach: usize,
    /// Which rows and columns of blocks are wanted; empty: all.
    rows: Vec<bool>,
    columns: Vec<bool>,
}

impl Part {
    #[inline]
    pub(super) fn wants(&self, (x, y): (usize, usize)) -> bool {
        // A place outside of the picture is nobody's.
        let wanted = |all: &[bool], at| all.is_empty() || all.get(at) == Some(&true);
        wanted(&self.rows, y) && wanted(&self.columns, x)
    }

    /// How many of a component's blocks are passed over, from some coefficient on.
    pub(super) fn passed_over(&self, blocks: (usize, usize)) -> usize {
        let wanted =
            |all: &[bool], count| if all.is_empty() { count } else { all.iter().filter(|wanted| **wanted).count() };
        let kept = wanted(&self.rows, blocks.1) * wanted(&self.columns, blocks.0);
        blocks.0 * blocks.1 - if self.side <= 2 { 0 } else { kept }
    }
}

/// Coefficients that are heeded for blocks of so many samples a side, in the order in which they are coded: the first
/// two or four diagonals. What a filter makes of the samples afterwards is no closer to the whole picture
/// with all of them (55 dB either way): it takes out those frequencies itself.
pub(super) const fn reach(side: usize) -> usize {
    match side {
        1 => 1,
        2 => 3,
        4 => 10,
        _ => 64,
    }
}

impl Frame {
    /// Keeps the blocks that `picks` need.
    pub(super) fn pick(&mut self, picks: &Picks) {
        for component in &mut self.components {
            let scale = (self.max_sampling.0 / component.sampling.0, self.max_sampling.1 / component.sampling.1);
            let columns = picks::blocks(&picks.columns, scale.0, component.size.0);
            let rows = picks::blocks(&picks.rows, scale.1, component.size.1);
            // Where every block is wanted there is nothing to gain.
            let some = rows.contains(&false) || columns.contains(&false);
            component.part = some.then_some(Part { side: BLOCK, reach: 64, rows, columns });
        }
    }

    /// Makes a picture of a fraction of the size: 2, 4 or 8 times smaller across and down. Channels of fewer samples
    /// are reduced less, as libjpeg does it (`jdmaster.c`), so that they need not be enlarged afterwards.
    pub(super) fn reduce(&mut self, reduction: usize) {
        self.side = BLOCK / reduction;
        for component in &mut self.components {
            let mut side = self.side;
            let doubles = |side: usize, most: usize, own: usize| (most * self.side).is_multiple_of(own * side * 2);
            while side < BLOCK
                && doubles(side, self.max_sampling.0, component.sampling.0)
                && doubles(side, self.max_sampling.1, component.sampling.1)
            {
                side *= 2;
            }
            component.part = Some(Part { side, reach: reach(side), rows: Vec::new(), columns: Vec::new() });
        }
    }
}

/// The wanted blocks of a progressive frame.
pub(super) fn transform(component: &Component, part: &Part, quantization: &[i32; 64], plane: &mut [u8]) {
    let across = component.blocks.0;
    let steps = ZIGZAG.map(|at| quantization[usize::from(at)] as i16);
    for (index, block) in component.coefficients.as_chunks::<64>().0.iter().enumerate() {
        let place = (index % across, index / across);
        if part.wants(place) {
            part.samples(block, &steps, (across, place), plane);
        }
    }
}

impl Part {
    /// The samples of a block of coefficients in the order in which they are coded; `across` are the blocks of a row.
    #[inline]
    pub(super) fn samples(
        &self,
        coded: &[i16; 64],
        steps: &[i16; 64],
        (across, (x, y)): (usize, (usize, usize)),
        plane: &mut [u8],
    ) {
        let side = self.side;
        let stride = across * side;
        let out = &mut plane[y * side * stride + x * side..];
        let dequantised = |at: usize| coded[at].wrapping_mul(steps[at]);
        match side {
            1 => out[0] = reduced::one(dequantised(0)),
            // Of the diagonals the first is coded to the right.
            2 => put(&reduced::two([0, 1, 2].map(dequantised)), 2, out, stride),
            4 => {
                let first = |of: &[i16; 64]| *of.first_chunk().unwrap_or(&[0; 16]);
                let [samples, _] = reduced::four([&first(coded), &[0; 16]], [&first(steps), &[0; 16]]);
                put(&samples, 4, out, stride);
            }
            _ => idct::block(&idct::natural(coded), &idct::natural(steps), out, stride),
        }
    }
}

/// Puts rows of so many samples at every `stride` of `out`.
#[inline(always)]
pub(super) fn put(samples: &[u8], side: usize, out: &mut [u8], stride: usize) {
    for (out, samples) in out.chunks_mut(stride).zip(samples.chunks_exact(side)) {
        out[..side].copy_from_slice(samples);
    }
}

#[cfg(test)]
mod tests;
