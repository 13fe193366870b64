//! The transforms in plain Rust, which the vector versions are tested against.

use super::{CONST_BITS, EIGHTH, QUARTER, SHIFTS_2, SHIFTS_4, to_sample};

pub(super) fn four(quantised: &[i16; 64], steps: &[i16; 64]) -> [u8; 16] {
    let coefficients: [i16; 64] = std::array::from_fn(|at| quantised[at].wrapping_mul(steps[at]));
    let mut rows = [[0_i16; 8]; 4];
    for column in 0..8 {
        let values: [i16; 8] = std::array::from_fn(|row| coefficients[row * 8 + column]);
        for (row, weights) in rows.iter_mut().zip(&QUARTER) {
            row[column] = saturated(descale(dot(values, *weights), SHIFTS_4[0]));
        }
    }
    std::array::from_fn(|at| to_sample(descale(dot(rows[at / 4], QUARTER[at % 4]), SHIFTS_4[1])))
}

#[inline]
pub(super) fn two_of_corner([first, right, below]: [i16; 3]) -> [u8; 4] {
    let pair = |even: i16, odd: i16, shift| {
        let (even, odd) = (i32::from(even) << (CONST_BITS + 2), i32::from(odd) * i32::from(EIGHTH[1]));
        [descale(even.wrapping_add(odd), shift), descale(even.wrapping_sub(odd), shift)]
    };
    // The second column has but its first.
    let [right, _] = pair(right, 0, SHIFTS_2[0]);
    let [[a, b], [c, d]] = pair(first, below, SHIFTS_2[0])
        .map(|first| pair(saturated(first), saturated(right), SHIFTS_2[1]).map(to_sample));
    [a, b, c, d]
}

/// All of it, of which [`two_of_corner`] is the part that is used.
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

fn descale(value: i32, shift: u32) -> i32 {
    value.wrapping_add(1 << (shift - 1)) >> shift
}

/// As the vector code of libjpeg-turbo keeps what is between the passes.
fn saturated(value: i32) -> i16 {
    value.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}
