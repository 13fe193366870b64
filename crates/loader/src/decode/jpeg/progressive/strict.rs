//! Scans that keep to the rules: symbols by one look-up, and the bits that refine a block's coefficients all at a
//! stroke. Which coefficients are not zero is kept in a mask for each block, in which the first is the highest bit.

use std::arch::x86_64::_pdep_u64;

use super::super::Unusual;
use super::super::frame::Component;
use super::super::huffman::Huffman;
use super::super::scan::Member;
use super::super::unstuffed::{self, Bits};
use super::Band;
use crate::cpu::Bmi2;

/// Proof that the processor counts and places bits by single instructions.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode::jpeg) struct Counts(());

impl Counts {
    /// The proof, where there are all of them.
    pub(in crate::decode::jpeg) fn detect() -> Option<Self> {
        let counts = is_x86_feature_detected!("popcnt") && is_x86_feature_detected!("lzcnt");
        (counts && Bmi2::detect().is_some()).then_some(Self(()))
    }
}

/// A scan.
#[derive(Debug)]
pub(in crate::decode::jpeg) struct Units<'a> {
    pub(in crate::decode::jpeg) members: &'a [Member<'a>],
    pub(in crate::decode::jpeg) band: Band,
    /// Across and down.
    pub(in crate::decode::jpeg) count: (usize, usize),
    /// Units between restart markers; 0: none.
    pub(in crate::decode::jpeg) restart_interval: usize,
}

/// Decodes the data that begins at `at`; returns where the marker after it is.
pub(in crate::decode::jpeg) fn decode(
    _: Counts,
    units: &Units<'_>,
    source: (&[u8], usize),
    data: &mut Vec<u8>,
    components: &mut [Component],
) -> Result<usize, Unusual> {
    // SAFETY: a `Counts` exists only where the processor has the features.
    unsafe { decode_bmi2(units, source, data, components) }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn decode_bmi2(
    units: &Units<'_>,
    (bytes, at): (&[u8], usize),
    data: &mut Vec<u8>,
    components: &mut [Component],
) -> Result<usize, Unusual> {
    let Band { first, high, .. } = units.band;
    let (mut length, mut marker) = unstuffed::copy(bytes, at, data);
    let mut state = State::new(Bits::new(data, length));
    let mut number = 0;
    let mut left = if units.restart_interval > 0 { units.restart_interval } else { usize::MAX };
    for y in 0..units.count.1 {
        for x in 0..units.count.0 {
            if left == 0 {
                state.bits.finish()?;
                if bytes.get(marker..marker + 2) != Some(&[0xff, 0xd0 + number]) {
                    return Err(Unusual);
                }
                (length, marker) = unstuffed::copy(bytes, marker + 2, data);
                state = State::new(Bits::new(data, length));
                number = (number + 1) % 8;
                left = units.restart_interval;
            }
            left -= 1;
            for member in units.members {
                let component = components.get_mut(member.component).ok_or(Unusual)?;
                let (across, down) = if units.members.len() == 1 { (1, 1) } else { component.sampling };
                for block in 0..across * down {
                    let place = (x * across + block % across, y * down + block / across);
                    let index = place.1 * component.blocks.0 + place.0;
                    let occupied = component.occupied.get_mut(index).ok_or(Unusual)?;
                    let block = component.coefficients.as_chunks_mut::<64>().0.get_mut(index).ok_or(Unusual)?;
                    match (first, high) {
                        (0, 0) => state.first_dc(units.band, member, block)?,
                        (0, _) => block[0] |= (state.take(1)? as i16) << units.band.low,
                        (_, 0) => state.first_ac(units.band, member.ac.ok_or(Unusual)?, block, occupied)?,
                        _ => state.refine_ac(units.band, member.ac.ok_or(Unusual)?, block, occupied)?,
                    }
                }
            }
        }
    }
    state.bits.finish()?;
    if state.end_of_band_run > 0 { Err(Unusual) } else { Ok(marker) }
}

/// What one block leaves to the next.
#[derive(Debug)]
struct State<'a> {
    bits: Bits<'a>,
    predictions: [i32; 4],
    /// Blocks to come without new coefficients in their band.
    end_of_band_run: u32,
}

/// The bit of a coefficient in masks.
#[inline(always)]
fn bit_of(at: usize) -> u64 {
    1 << (63 - (at & 63))
}

impl<'a> State<'a> {
    fn new(bits: Bits<'a>) -> Self {
        Self { bits, predictions: [0; 4], end_of_band_run: 0 }
    }

    /// The next `count` bits, 0 to 63.
    #[inline(always)]
    fn take(&mut self, count: u32) -> Result<u64, Unusual> {
        const HALF: u32 = 32;
        if count > HALF {
            let upper = self.take_half(count - HALF)?;
            return Ok(upper << HALF | self.take_half(HALF)?);
        }
        self.take_half(count)
    }

    #[inline(always)]
    fn take_half(&mut self, count: u32) -> Result<u64, Unusual> {
        self.bits.refill()?;
        let value = self.bits.peek() >> 1 >> (63 - count);
        self.bits.skip(count);
        Ok(value)
    }

    #[inline(always)]
    fn first_dc(&mut self, band: Band, member: &Member<'_>, block: &mut [i16; 64]) -> Result<(), Unusual> {
        self.bits.refill()?;
        let entry = member.dc.ok_or(Unusual)?.entry(self.bits.peek())?;
        if entry.size() > super::MAX_DC_SIZE {
            return Err(Unusual);
        }
        let prediction = &mut self.predictions[member.component & 3];
        *prediction = prediction.wrapping_add(entry.value(self.bits.peek()));
        self.bits.skip(entry.total());
        block[0] = (*prediction << band.low) as i16;
        Ok(())
    }

    #[inline(always)]
    fn first_ac(
        &mut self,
        band: Band,
        table: &Huffman,
        block: &mut [i16; 64],
        occupied: &mut u64,
    ) -> Result<(), Unusual> {
        if self.end_of_band_run > 0 {
            self.end_of_band_run -= 1;
            return Ok(());
        }
        let mut at = band.first;
        while at <= band.last {
            self.bits.refill()?;
            let entry = table.entry(self.bits.peek())?;
            if entry.is_special() {
                return Err(Unusual);
            }
            let value = entry.value(self.bits.peek());
            self.bits.skip(entry.total());
            if entry.is_end() {
                self.end_of_band_run = (1 << entry.run()) + self.take(entry.run() as u32)? as u32 - 1;
                break;
            }
            at += entry.run();
            if entry.size() > 0 {
                if at > band.last {
                    return Err(Unusual);
                }
                let value = (value << band.low) as i16;
                block[at & 63] = value;
                // Too large a value may have lost all of its bits.
                *occupied = *occupied & !bit_of(at) | if value != 0 { bit_of(at) } else { 0 };
            }
            at += 1;
        }
        Ok(())
    }

    /// One more bit for the coefficients that are not zero, and new ones between them (T.81 G.1.2.3).
    #[inline]
    #[target_feature(enable = "bmi1,bmi2,lzcnt,popcnt")]
    fn refine_ac(
        &mut self,
        band: Band,
        table: &Huffman,
        block: &mut [i16; 64],
        occupied: &mut u64,
    ) -> Result<(), Unusual> {
        // What is still to come of the band.
        let mut rest = u64::MAX >> (band.first & 63) & u64::MAX << (63 - (band.last & 63));
        let old = *occupied & rest;
        let mut corrected = 0;
        if self.end_of_band_run == 0 {
            while rest != 0 {
                self.bits.refill()?;
                let entry = table.entry(self.bits.peek())?;
                if entry.size() > 1 {
                    return Err(Unusual);
                }
                let new = (entry.value(self.bits.peek()) as i16) << band.low;
                self.bits.skip(entry.total());
                if entry.is_end() {
                    self.end_of_band_run = (1 << entry.run()) + self.take(entry.run() as u32)? as u32;
                    break;
                }
                // As many zeros are passed over as the run says, and all coefficients that are there on the way.
                let zeros = rest & !old;
                let (place, passed) = match zeros.count_ones().checked_sub(entry.run() as u32 + 1) {
                    Some(after) => {
                        let place = _pdep_u64(1 << after, zeros);
                        (place, rest & !(place | (place - 1)))
                    }
                    None => (0, rest),
                };
                let there = old & passed;
                corrected |= _pdep_u64(self.take(there.count_ones())?, there);
                if place == 0 {
                    rest = 0;
                    break;
                }
                if new != 0 {
                    block[(place.leading_zeros() & 63) as usize] = new;
                    *occupied |= place;
                }
                rest &= place - 1;
            }
        }
        if self.end_of_band_run > 0 {
            let there = old & rest;
            corrected |= _pdep_u64(self.take(there.count_ones())?, there);
            self.end_of_band_run -= 1;
        }
        let bit = 1_i16 << band.low;
        while corrected != 0 {
            let at = corrected.leading_zeros() as usize & 63;
            corrected &= !bit_of(at);
            super::correct(&mut block[at], bit);
        }
        Ok(())
    }
}
