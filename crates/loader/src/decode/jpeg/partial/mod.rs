//! Only as much of a picture as its size afterwards needs: the blocks that hold picked pixels, or all blocks at a
//! fraction of their size. The entropy-coded data is gone through to its end, but most of it need not be kept.
//!
//! Files that do not keep to the rules are none of this: they are decoded whole.

mod picks;
mod skip;

pub(super) use picks::{Gather, Picks, each_row};
pub(super) use skip::{Skips, rest_of_block};

use super::Unusual;
use super::bits::BitReader;
use super::frame::{BLOCK, Component, Frame};
use super::headers::ZIGZAG;
use super::idct::{self, reduced};
use super::scan::Member;
use super::sequential::{self, MAX_DC_SIZE, dequantised};

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

    /// Whether so little is kept that tables for passing over the rest are worth making.
    pub(super) fn passes_over_much(&self, blocks: (usize, usize)) -> bool {
        const ENOUGH: usize = 4_096;
        let wanted =
            |all: &[bool], count| if all.is_empty() { count } else { all.iter().filter(|wanted| **wanted).count() };
        let kept = wanted(&self.rows, blocks.1) * wanted(&self.columns, blocks.0);
        let all = blocks.0 * blocks.1;
        if self.reach < 64 { all > ENOUGH } else { all - kept > ENOUGH }
    }
}

/// Coefficients that are heeded for blocks of so many samples a side, in the order in which they are coded: the first
/// two or four diagonals. What a filter makes of the samples afterwards is no closer to the whole picture
/// with all of them (55 dB either way): it takes out those frequencies itself.
fn reach(side: usize) -> usize {
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

/// A block of a sequential frame: [`sequential::block`](super::sequential::block) of what is wanted.
#[inline]
pub(super) fn block(
    member: Member<'_>,
    (component, part): (&Component, &Part),
    place: (usize, usize),
    (bits, prediction): (&mut BitReader<'_>, &mut i32),
    plane: &mut [u8],
    skips: &Skips,
) -> Result<(), Unusual> {
    let wanted = part.wants(place);
    if wanted && part.side == BLOCK {
        return sequential::block(member, component, place, bits, prediction, plane);
    }
    let (Some(dc), Some(ac), Some(quantization)) = (member.dc, member.ac, &component.quantization) else {
        return Err(Unusual);
    };
    let size = dc.decode(bits)?;
    if size > MAX_DC_SIZE {
        bits.damage(())?;
    }
    *prediction = prediction.wrapping_add(bits.value(u32::from(size) & 15)?);
    let skip = skips.of(member.component);
    if !wanted {
        return rest_of_block(1, ac, skip, bits);
    }
    let mut coefficients = [0_i16; 64];
    coefficients[0] = dequantised(*prediction, quantization[0]) as i16;
    let mut last = 0;
    let mut at = 1;
    while at < part.reach {
        let symbol = ac.decode(bits)?;
        let (run, size) = (usize::from(symbol >> 4), symbol & 15);
        if size == 0 {
            if run < 15 {
                at = 64;
                break;
            }
            at += 16;
            continue;
        }
        at += run;
        let natural = match ZIGZAG.get(at) {
            Some(&natural) => usize::from(natural),
            None => bits.damage(63)?,
        };
        let value = bits.value(size.into())?;
        if at < part.reach {
            coefficients[natural] = dequantised(value, quantization[natural]) as i16;
            last = at;
        }
        at += 1;
    }
    if at < 64 {
        rest_of_block(at, ac, skip, bits)?;
    }
    samples(&coefficients, last == 0, part.side, (component.blocks.0, place), plane);
    Ok(())
}

/// The wanted blocks of a progressive frame.
pub(super) fn transform(component: &Component, part: &Part, quantization: &[i32; 64], plane: &mut [u8]) {
    let across = component.blocks.0;
    for (index, block) in component.coefficients.as_chunks::<64>().0.iter().enumerate() {
        let place = (index % across, index / across);
        if !part.wants(place) {
            continue;
        }
        let mut coefficients = [0; 64];
        for ((coefficient, &quantised), &step) in coefficients.iter_mut().zip(block).zip(quantization) {
            *coefficient = dequantised(quantised.into(), step) as i16;
        }
        if part.reach < 64 {
            for &natural in &ZIGZAG[part.reach..] {
                coefficients[usize::from(natural)] = 0;
            }
        }
        samples(&coefficients, false, part.side, (across, place), plane);
    }
}

#[inline]
fn samples(
    coefficients: &[i16; 64],
    is_flat: bool,
    side: usize,
    (across, (x, y)): (usize, (usize, usize)),
    plane: &mut [u8],
) {
    let stride = across * side;
    let out = &mut plane[y * side * stride + x * side..];
    if is_flat || side == 1 {
        let sample = reduced::one(coefficients[0]);
        for row in out.chunks_mut(stride).take(side) {
            row[..side].fill(sample);
        }
        return;
    }
    match side {
        2 => reduced::two(coefficients, out, stride),
        4 => reduced::four(coefficients, out, stride),
        _ => idct::block(coefficients, &[1; 64], out, stride),
    }
}

#[cfg(test)]
mod tests;
