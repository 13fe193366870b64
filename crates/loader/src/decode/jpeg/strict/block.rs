//! The coefficients of a block, by the pair or passed over.

use super::super::Unusual;
use super::super::headers::ZIGZAG;
use super::super::huffman::Huffman;
use super::super::pairs::{self, END, Pairs, Step};
use super::super::partial::Skip;
use super::super::unstuffed::Bits;

/// The largest difference of first coefficients has so many bits.
const MAX_DC_SIZE: u32 = 11;

/// Where a block's coefficients go; more than it has, so that no place is past the end.
pub(super) type Room = [i16; 256];

/// Where coefficients are put, in the order in which they are coded: the natural index of those that are kept, and
/// [`IDLE`] of all others and of those that a run may point to past the last.
pub(super) type Places = [u8; 128];

/// The last one, which is put after those past it.
pub(super) const IDLE: u8 = 63;

/// Of the first `reach` coefficients.
pub(super) const fn places(reach: usize) -> Places {
    let mut places = [IDLE; 128];
    let mut at = 0;
    while at < reach {
        places[at] = ZIGZAG[at];
        at += 1;
    }
    places
}

/// The codes of a block.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode::jpeg) struct Codes<'a> {
    dc: &'a Huffman,
    ac: &'a Huffman,
    pairs: &'a Pairs,
    skip: Option<&'a Skip>,
}

impl<'a> Codes<'a> {
    /// Pairs must have been made.
    pub(in crate::decode::jpeg) fn new(dc: &'a Huffman, ac: &'a Huffman) -> Result<Self, Unusual> {
        Ok(Self { dc, ac, pairs: ac.pairs().ok_or(Unusual)?, skip: ac.skip() })
    }
}

/// Which coefficients are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keep {
    pub(super) places: &'static Places,
    /// Those from here on are not.
    pub(super) reach: usize,
}

/// Adds a block's coefficients, or those that are kept, to zeros; gives how many they are, with [`END`] more if an end
/// is said. The first one is put at the front.
#[inline(always)]
pub(super) fn take(
    codes: &Codes<'_>,
    bits: &mut Bits<'_>,
    prediction: &mut i32,
    block: &mut Room,
    Keep { places, reach }: Keep,
) -> Result<usize, Unusual> {
    first(codes.dc, bits, prediction)?;
    block[0] = *prediction as i16;
    let reach = if codes.skip.is_some() { reach } else { 64 };
    let mut at = 1;
    let mut last = Step::NONE;
    // What is loaded is enough for two symbols whose values are not in the look-up.
    while at < reach {
        last = pair(codes, bits, &mut at, block, places)?;
        if at >= reach {
            break;
        }
        bits.refill()?;
        last = pair(codes, bits, &mut at, block, places)?;
    }
    match codes.skip {
        Some(skip) if at < 64 => pass(codes.ac, skip, bits, at),
        _ if pairs::are_of_a_block(at) => Ok(at),
        _ => {
            bits.rewind(last.total())?;
            singly(codes.ac, bits, at - last.advance(), |place, value| block[usize::from(places[place & 127])] = value)
        }
    }
}

/// Passes over a block, of which nothing is kept; `None` where there are no tables for it.
#[inline(always)]
pub(super) fn pass_over(codes: &Codes<'_>, bits: &mut Bits<'_>, prediction: &mut i32) -> Option<Result<usize, Unusual>> {
    let skip = codes.skip?;
    Some(first(codes.dc, bits, prediction).and_then(|()| pass(codes.ac, skip, bits, 1)))
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

#[inline(always)]
fn pair(
    codes: &Codes<'_>,
    bits: &mut Bits<'_>,
    at: &mut usize,
    block: &mut Room,
    places: &Places,
) -> Result<Step, Unusual> {
    let step = codes.pairs.step(bits.peek());
    if step.is_special() {
        *at = single(codes.ac, bits, *at, |place, value| block[usize::from(places[place & 127])] = value)?;
        return Ok(Step::NONE);
    }
    // The first is put last: where there is no second one, a zero is put in its place, which may be the same.
    block[usize::from(places[(*at + step.second()) & 127])] = step.second_value();
    block[usize::from(places[(*at + step.first()) & 127])] = step.value(bits.peek());
    bits.skip(step.total());
    *at += step.advance();
    Ok(step)
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
    if entry.is_end() {
        return Ok(at + END);
    }
    let place = at + entry.run();
    if place > 63 {
        return Err(Unusual);
    }
    put(place, value);
    Ok(place + 1)
}

/// Takes what is left of a block one by one.
#[cold]
fn singly(
    ac: &Huffman,
    bits: &mut Bits<'_>,
    mut at: usize,
    mut put: impl FnMut(usize, i16),
) -> Result<usize, Unusual> {
    while at < 64 {
        bits.refill()?;
        at = single(ac, bits, at, &mut put)?;
    }
    if pairs::are_of_a_block(at) { Ok(at) } else { Err(Unusual) }
}

/// Passes over the coefficients from `at` on.
#[inline(always)]
fn pass(ac: &Huffman, skip: &Skip, bits: &mut Bits<'_>, mut at: usize) -> Result<usize, Unusual> {
    'loaded: loop {
        bits.refill()?;
        // What is loaded is enough for as many looks.
        for _ in 0..4 {
            let step = skip.step(bits.peek());
            if step.bits() == 0 {
                bits.refill()?;
                at = single(ac, bits, at, |_, _| {})?;
                if at > 63 {
                    return Ok(at);
                }
                continue 'loaded;
            }
            bits.skip(step.bits());
            at += step.coefficients();
            if at > 63 {
                if pairs::are_of_a_block(at) {
                    return Ok(at);
                }
                bits.rewind(step.bits())?;
                return singly(ac, bits, at - step.coefficients(), |_, _| {});
            }
        }
    }
}
