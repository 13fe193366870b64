//! Blocks of baseline and extended frames, bit by bit, one at a time: what damaged files need, and what
//! [`strict`](super::strict) is tested against (T.81 F.2).

use super::Unusual;
use super::bits::BitReader;
use super::frame::{BLOCK, Component};
use super::headers::ZIGZAG;
use super::idct;
use super::scan::Member;

/// The largest difference of first coefficients has so many bits.
const MAX_DC_SIZE: u8 = 11;

/// 16 bits, as the vector code of libjpeg-turbo has them: more there are only in damaged files.
#[inline]
fn dequantised(coefficient: i32, step: i32) -> i32 {
    i32::from((coefficient as i16).wrapping_mul(step as i16))
}

/// The samples of a block without any data.
pub(super) fn empty(component: &Component, (x, y): (usize, usize), plane: &mut [u8]) {
    let stride = component.blocks.0 * BLOCK;
    idct::flat(0, &mut plane[y * BLOCK * stride + x * BLOCK..], stride);
}

#[inline]
pub(super) fn block(
    member: Member<'_>,
    component: &Component,
    (x, y): (usize, usize),
    bits: &mut BitReader<'_>,
    prediction: &mut i32,
    plane: &mut [u8],
) -> Result<(), Unusual> {
    let (Some(dc), Some(ac), Some(quantization)) = (member.dc, member.ac, &component.quantization) else {
        return Err(Unusual);
    };
    let mut coefficients = [0_i16; 64];
    let size = dc.decode(bits)?;
    if size > MAX_DC_SIZE {
        bits.damage(())?;
    }
    *prediction = prediction.wrapping_add(bits.value(u32::from(size) & 15)?);
    coefficients[0] = *prediction as i16;

    let mut last = 0;
    let mut at = 1;
    while at < 64 {
        let symbol = ac.decode(bits)?;
        let (run, size) = (usize::from(symbol >> 4), symbol & 15);
        if size == 0 {
            if run < 15 {
                break;
            }
            at += 16;
            continue;
        }
        at += run;
        let place = if at > 63 { bits.damage(63)? } else { at };
        coefficients[place] = bits.value(size.into())? as i16;
        last = at;
        at += 1;
    }

    if let Some(part) = &component.part {
        if part.wants((x, y)) {
            let steps = ZIGZAG.map(|at| quantization[usize::from(at)] as i16);
            part.samples(&coefficients, &steps, (component.blocks.0, (x, y)), plane);
        }
        return Ok(());
    }
    let stride = component.blocks.0 * BLOCK;
    let out = &mut plane[y * BLOCK * stride + x * BLOCK..];
    if last == 0 {
        idct::flat(dequantised(*prediction, quantization[0]), out, stride);
    } else {
        idct::block(&idct::natural(&coefficients), &quantization.map(|step| step as i16), out, stride);
    }
    Ok(())
}
