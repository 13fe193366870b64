//! Blocks of progressive frames: coefficients gathered over the scans, in the order in which they are coded, then
//! transformed (T.81 G). Here bit by bit, as damaged files need it, and what [`strict`] is tested against.

#[cfg(target_arch = "x86_64")]
pub(super) mod strict;

use super::Unusual;
use super::bits::BitReader;
use super::frame::{BLOCK, Component};
use super::idct;
use super::scan::{Member, State};

/// The largest difference of first coefficients has so many bits.
const MAX_DC_SIZE: u32 = 11;

/// Which coefficients a scan has, and which of their bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Band {
    pub(super) first: usize,
    pub(super) last: usize,
    /// The lowest bit that an earlier scan had; 0 for the first scan of the band.
    pub(super) high: u8,
    /// The lowest bit of this scan.
    pub(super) low: u8,
}

impl Band {
    /// Whether a scan of so many components may have it.
    pub(super) fn is_valid(self, components: usize) -> bool {
        let coefficients = if self.first == 0 { self.last == 0 } else { self.last <= 63 && components == 1 };
        let refines = self.high == 0 || self.high == self.low + 1;
        coefficients && self.first <= self.last && refines && self.low <= 13
    }

    pub(super) fn block(
        self,
        member: Member<'_>,
        component: &mut Component,
        (x, y): (usize, usize),
        bits: &mut BitReader<'_>,
        state: &mut State,
    ) -> Result<(), Unusual> {
        let at = (y * component.blocks.0 + x) * 64;
        let block = component.coefficients[at..].first_chunk_mut::<64>().ok_or(Unusual)?;
        match (self.first, self.high) {
            (0, 0) => self.first_dc(member, block, bits, &mut state.predictions[member.component]),
            (0, _) => {
                block[0] |= (bits.take(1)? << self.low) as i16;
                Ok(())
            }
            (_, 0) => self.first_ac(member, block, bits, &mut state.end_of_band_run),
            _ => self.refine_ac(member, block, bits, &mut state.end_of_band_run),
        }
    }

    fn first_dc(
        self,
        member: Member<'_>,
        block: &mut [i16; 64],
        bits: &mut BitReader<'_>,
        prediction: &mut i32,
    ) -> Result<(), Unusual> {
        let size = member.dc.ok_or(Unusual)?.decode(bits)?;
        if u32::from(size) > MAX_DC_SIZE {
            bits.damage(())?;
        }
        *prediction = prediction.wrapping_add(bits.value(u32::from(size) & 15)?);
        block[0] = (*prediction << self.low) as i16;
        Ok(())
    }

    fn first_ac(
        self,
        member: Member<'_>,
        block: &mut [i16; 64],
        bits: &mut BitReader<'_>,
        end_of_band_run: &mut u32,
    ) -> Result<(), Unusual> {
        if *end_of_band_run > 0 {
            *end_of_band_run -= 1;
            return Ok(());
        }
        let table = member.ac.ok_or(Unusual)?;
        let mut at = self.first;
        while at <= self.last {
            let symbol = table.decode(bits)?;
            let (run, size) = (symbol >> 4, symbol & 15);
            if size == 0 {
                if run < 15 {
                    *end_of_band_run = end_of_band(run, bits)? - 1;
                    break;
                }
                at += 16;
                continue;
            }
            at += usize::from(run);
            if at > self.last {
                bits.damage(())?;
            }
            block[at.min(63)] = (bits.value(size.into())? << self.low) as i16;
            at += 1;
        }
        Ok(())
    }

    /// One more bit for the coefficients that are not zero, and new ones between them (T.81 G.1.2.3).
    fn refine_ac(
        self,
        member: Member<'_>,
        block: &mut [i16; 64],
        bits: &mut BitReader<'_>,
        end_of_band_run: &mut u32,
    ) -> Result<(), Unusual> {
        let bit = 1_i16 << self.low;
        let table = member.ac.ok_or(Unusual)?;
        let mut at = self.first;
        if *end_of_band_run == 0 {
            while at <= self.last {
                let symbol = table.decode(bits)?;
                let (mut run, size) = (symbol >> 4, symbol & 15);
                let new = match size {
                    0 if run < 15 => {
                        *end_of_band_run = end_of_band(run, bits)?;
                        break;
                    }
                    0 => 0,
                    size => {
                        if size != 1 {
                            bits.damage(())?;
                        }
                        if bits.take(1)? == 1 { bit } else { -bit }
                    }
                };
                // Over the coefficients that are there, and as many zeros as the run says.
                while at <= self.last {
                    let coefficient = &mut block[at];
                    if *coefficient != 0 {
                        refine(coefficient, bit, bits)?;
                    } else if run == 0 {
                        *coefficient = new;
                        break;
                    } else {
                        run -= 1;
                    }
                    at += 1;
                }
                at += 1;
            }
        }
        if *end_of_band_run > 0 {
            for coefficient in block.get_mut(at..=self.last).unwrap_or_default() {
                if *coefficient != 0 {
                    refine(coefficient, bit, bits)?;
                }
            }
            *end_of_band_run -= 1;
        }
        Ok(())
    }
}

/// The number of blocks, this one included, that have no more in the band.
fn end_of_band(run: u8, bits: &mut BitReader<'_>) -> Result<u32, Unusual> {
    Ok((1 << run) + bits.take(run.into())? as u32)
}

fn refine(coefficient: &mut i16, bit: i16, bits: &mut BitReader<'_>) -> Result<(), Unusual> {
    if bits.take(1)? == 1 {
        correct(coefficient, bit);
    }
    Ok(())
}

/// Adds a bit to a coefficient's amount, unless it is there.
#[inline(always)]
fn correct(coefficient: &mut i16, bit: i16) {
    if *coefficient & bit == 0 {
        *coefficient = coefficient.wrapping_add(if *coefficient > 0 { bit } else { -bit });
    }
}

/// Turns the gathered coefficients of a component into samples, four blocks at a time.
pub(super) fn transform(component: &Component, quantization: &[i32; 64], plane: &mut [u8]) {
    let across = component.blocks.0;
    let stride = across * BLOCK;
    let steps = quantization.map(|step| step as i16);
    let blocks = component.coefficients.as_chunks::<64>().0;
    for (index, blocks) in blocks.chunks(4).enumerate() {
        // One that is not there is the first once more.
        let samples = idct::four_coded(std::array::from_fn(|at| blocks.get(at).unwrap_or(&blocks[0])), &steps);
        for (within, samples) in samples[..blocks.len()].iter().enumerate() {
            let (x, y) = ((4 * index + within) % across, (4 * index + within) / across);
            idct::put(samples, &mut plane[y * BLOCK * stride + x * BLOCK..], stride);
        }
    }
}

#[cfg(test)]
mod tests;
