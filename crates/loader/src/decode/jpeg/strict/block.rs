//! The coefficients of a block, by the step or passed over.

use super::super::Unusual;
use super::super::huffman::{Huffman, LOOKUP_BITS};
use super::super::partial::{self, Pass, Skip};
use super::super::steps::{END, MAX_BITS, MOST, Step, Steps, VALUES, are_of_a_block, is_special};
use super::super::unstuffed::Bits;

/// The largest difference of first coefficients has so many bits.
const MAX_DC_SIZE: u32 = 11;

/// The first values of a step.
pub(super) trait Values: Fn(Step) -> [i16; VALUES] + Copy {}

impl<F: Fn(Step) -> [i16; VALUES] + Copy> Values for F {}

/// Where a block's coefficients go, in the order in which they are coded; room for what is written past the last.
pub(super) type Room = [i16; ROOM];
pub(super) const ROOM: usize = 512;
const _: () = assert!(ROOM > 64 + Step::SPECIAL && ROOM > 64 + MOST + END);

/// So many looks are had at what is loaded.
const LOOKS: usize = 56 / MAX_BITS as usize;

/// The codes of a block.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode::jpeg) struct Codes<'a> {
    dc: &'a Huffman,
    ac: &'a Huffman,
    steps: Option<&'a [Step; 1 << LOOKUP_BITS]>,
    passes: Option<&'a [Pass; 1 << partial::LOOKUP_BITS]>,
}

impl<'a> Codes<'a> {
    pub(in crate::decode::jpeg) fn new(dc: &'a Huffman, ac: &'a Huffman) -> Self {
        Self { dc, ac, steps: ac.steps().map(Steps::all), passes: ac.skip().map(Skip::all) }
    }
}

/// Adds a block's coefficients to zeros, or those before `reach` at least if it is to be `REDUCED`; gives the place
/// after them, with [`END`] more if an end is said.
#[inline(always)]
pub(super) fn take<const REDUCED: bool>(
    codes: &Codes<'_>,
    bits: &mut Bits<'_>,
    prediction: &mut i32,
    room: &mut Room,
    reach: usize,
    values: impl Values,
) -> Result<usize, Unusual> {
    first(codes.dc, bits, prediction)?;
    room[0] = *prediction as i16;
    let mut at = 1;
    let Some(steps) = codes.steps else {
        return singly(codes.ac, bits, at, |place, value| room[place & 63] = value);
    };
    // After as many looks as may be needed for the first few, the others are passed over: the same number for every
    // block, which is foreseen. For more, it is no gain.
    let enough = reach - at;
    let passes = codes.passes.filter(|_| REDUCED && enough < LOOKS);
    if let (Some(passes), 0) = (passes, enough) {
        return pass(codes.ac, passes, bits, at);
    }
    'loaded: while at < 64 {
        bits.refill()?;
        for look in 1..=LOOKS {
            let step = steps[(bits.peek() >> (64 - LOOKUP_BITS)) as usize];
            let (values, last) = (values(step), step.last(bits.peek()));
            bits.skip(step.bits());
            room[at & 63..][..VALUES].copy_from_slice(&values);
            at += step.advance();
            // A zero, and past the block, if there is no last one.
            room[(at - 1) & (ROOM - 1)] = last;
            if at > 63 {
                if is_special(at, Step::SPECIAL) {
                    bits.refill()?;
                    at = single(codes.ac, bits, at - Step::SPECIAL, |place, value| room[place & 63] = value)?;
                    continue 'loaded;
                }
                if !are_of_a_block(at) {
                    room[64..128].fill(0);
                    let put = |place: usize, value| room[place & 63] = value;
                    let (end, after) = singly_again(codes.ac, *bits, step.bits(), at - step.advance(), put)?;
                    *bits = after;
                    return Ok(end);
                }
                return Ok(at);
            }
            if let Some(passes) = passes
                && look == enough
            {
                return pass(codes.ac, passes, bits, at);
            }
        }
    }
    Ok(at)
}

/// Passes over a block, of which nothing is kept; `None` where there are no tables for it.
#[inline(always)]
pub(super) fn pass_over(
    codes: &Codes<'_>,
    bits: &mut Bits<'_>,
    prediction: &mut i32,
) -> Option<Result<usize, Unusual>> {
    let passes = codes.passes?;
    if let Err(unusual) = first(codes.dc, bits, prediction) {
        return Some(Err(unusual));
    }
    Some(pass(codes.ac, passes, bits, 1))
}

#[inline(always)]
fn first(dc: &Huffman, bits: &mut Bits<'_>, prediction: &mut i32) -> Result<(), Unusual> {
    bits.refill()?;
    let entry = dc.entry(bits.peek())?;
    if entry.size() > MAX_DC_SIZE {
        return Err(Unusual);
    }
    *prediction = prediction.wrapping_add(entry.value(bits.peek()));
    bits.skip(entry.total());
    Ok(())
}

/// Takes one symbol with its value, for which enough must be loaded; gives the place after it.
#[inline(always)]
fn single(ac: &Huffman, bits: &mut Bits<'_>, at: usize, put: impl FnOnce(usize, i16)) -> Result<usize, Unusual> {
    let entry = ac.entry(bits.peek())?;
    if entry.is_special() {
        return Err(Unusual);
    }
    let value = entry.value(bits.peek()) as i16;
    bits.skip(entry.total());
    let place = at + entry.passes();
    if place > 63 {
        return if entry.is_end() { Ok(at + END) } else { Err(Unusual) };
    }
    put(place, value);
    Ok(place + 1)
}

/// Takes the coefficients from `at` on one by one. There must be enough loaded for one.
#[inline(always)]
fn singly(ac: &Huffman, bits: &mut Bits<'_>, at: usize, put: impl FnMut(usize, i16)) -> Result<usize, Unusual> {
    // A copy, so that the original can be kept in registers.
    let (end, after) = singly_with(ac, *bits, at, put)?;
    *bits = after;
    Ok(end)
}

/// The same, once the last `count` bits have been given back.
#[cold]
#[inline(never)]
fn singly_again<'a>(
    ac: &Huffman,
    mut bits: Bits<'a>,
    count: u32,
    at: usize,
    put: impl FnMut(usize, i16),
) -> Result<(usize, Bits<'a>), Unusual> {
    bits.rewind(count)?;
    singly_with(ac, bits, at, put)
}

#[inline(always)]
fn singly_with<'a>(
    ac: &Huffman,
    mut bits: Bits<'a>,
    mut at: usize,
    mut put: impl FnMut(usize, i16),
) -> Result<(usize, Bits<'a>), Unusual> {
    loop {
        at = single(ac, &mut bits, at, &mut put)?;
        if at > 63 {
            break;
        }
        bits.refill()?;
        at = single(ac, &mut bits, at, &mut put)?;
        if at > 63 {
            break;
        }
    }
    if are_of_a_block(at) { Ok((at, bits)) } else { Err(Unusual) }
}

/// Passes over the coefficients from `at` on.
#[inline(always)]
fn pass(
    ac: &Huffman,
    passes: &[Pass; 1 << partial::LOOKUP_BITS],
    bits: &mut Bits<'_>,
    mut at: usize,
) -> Result<usize, Unusual> {
    'loaded: loop {
        bits.refill()?;
        // What is loaded is enough for as many looks.
        for _ in 0..4 {
            let pass = passes[(bits.peek() >> (64 - partial::LOOKUP_BITS)) as usize];
            bits.skip(pass.bits());
            at += pass.coefficients();
            if at > 63 {
                if is_special(at, Pass::SPECIAL) {
                    bits.refill()?;
                    at = single(ac, bits, at - Pass::SPECIAL, |_, _| {})?;
                    if at > 63 {
                        return Ok(at);
                    }
                    continue 'loaded;
                }
                if are_of_a_block(at) {
                    return Ok(at);
                }
                let (end, after) = singly_again(ac, *bits, pass.bits(), at - pass.coefficients(), |_, _| {})?;
                *bits = after;
                return Ok(end);
            }
        }
    }
}
