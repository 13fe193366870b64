//! The transforms in plain Rust, of whole blocks: what the others are tested against.

use super::super::natural;
#[cfg(test)]
use super::{CONST_BITS, EIGHTH, SHIFTS_2};
use super::{QUARTER, SHIFTS_4, descale, saturated, to_sample};

/// Of the coefficients that are coded first.
pub(super) fn four_of_corner(coded: &[i16; 16], steps: &[i16; 16]) -> [u8; 16] {
    let mut kept = [0; 64];
    for (kept, (&coded, &step)) in kept.iter_mut().zip(coded.iter().zip(steps)).take(10) {
        *kept = coded.wrapping_mul(step);
    }
    four(&natural(&kept))
}

pub(super) fn four(coefficients: &[i16; 64]) -> [u8; 16] {
    let mut rows = [[0_i16; 8]; 4];
    for column in 0..8 {
        let values: [i16; 8] = std::array::from_fn(|row| coefficients[row * 8 + column]);
        for (row, weights) in rows.iter_mut().zip(&QUARTER) {
            row[column] = saturated(descale(dot(values, *weights), SHIFTS_4[0]));
        }
    }
    std::array::from_fn(|at| to_sample(descale(dot(rows[at / 4], QUARTER[at % 4]), SHIFTS_4[1])))
}

#[cfg(test)]
pub(super) fn two(coefficients: &[i16; 64]) -> [u8; 4] {
    let mut rows = [[0_i16; 8]; 2];
    for column in 0..8 {
        let values: [i16; 8] = std::array::from_fn(|row| coefficients[row * 8 + column]);
        let [first, second] = pair(values, SHIFTS_2[0]).map(saturated);
        (rows[0][column], rows[1][column]) = (first, second);
    }
    let [[a, b], [c, d]] = rows.map(|row| pair(row, SHIFTS_2[1]).map(to_sample));
    [a, b, c, d]
}

#[cfg(test)]
fn pair(values: [i16; 8], shift: u32) -> [i32; 2] {
    let (even, odd) = (i32::from(values[0]) << (CONST_BITS + 2), dot(values, EIGHTH));
    [descale(even.wrapping_add(odd), shift), descale(even.wrapping_sub(odd), shift)]
}

fn dot(values: [i16; 8], weights: [i16; 8]) -> i32 {
    values.iter().zip(&weights).fold(0, |sum, (&value, &weight)| sum.wrapping_add(i32::from(value) * i32::from(weight)))
}
