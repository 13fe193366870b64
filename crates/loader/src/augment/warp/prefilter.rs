//! From pixels to spline coefficients: the recursive filters of scipy's `spline_filter`, in `f64`.
//!
//! Lines of an axis are filtered side by side, place by place, which leaves each line's arithmetic as it is and
//! lets a compiler vectorise. scipy 1.17 is followed; 1.18 sums the reflected first place in another order.

use super::fill::FillMode;
use super::spline::poles;

/// How an image goes on outside, as far as the filter knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    Mirror,
    Reflect,
    Wrap,
}

impl Extension {
    pub(super) const fn of(fill: FillMode) -> Self {
        match fill {
            FillMode::Nearest | FillMode::Reflect | FillMode::GridMirror => Self::Reflect,
            FillMode::GridWrap => Self::Wrap,
            FillMode::Constant | FillMode::Mirror | FillMode::Wrap | FillMode::GridConstant => Self::Mirror,
        }
    }
}

/// Lines that are filtered together, and room for them.
const LINES: usize = 16;
pub(super) type Lines = Vec<[f64; LINES]>;

/// Filters an image (`shape` = height, width, channels) along its columns and then along its rows.
#[inline(always)]
pub(super) fn filter_image(
    values: &mut [f64],
    (height, width, channels): (usize, usize, usize),
    order: u8,
    extension: Extension,
    lines: &mut Lines,
) {
    let row = width * channels;
    filter_axis(values, (row, |line| line), (height, row), order, extension, lines);
    let along_rows = (height * channels, |line| line / channels * row + line % channels);
    filter_axis(values, along_rows, (width, channels), order, extension, lines);
}

/// Filters `count` lines, each from `begin` of its number on, of `places` values `step` apart.
#[inline(always)]
fn filter_axis(
    values: &mut [f64],
    (count, begin): (usize, impl Fn(usize) -> usize),
    (places, step): (usize, usize),
    order: u8,
    extension: Extension,
    lines: &mut Lines,
) {
    if places <= 1 {
        return;
    }
    lines.resize(places, [0.0; LINES]);
    for first in (0..count).step_by(LINES) {
        // The last block repeats its last line.
        let starts: [usize; LINES] = std::array::from_fn(|k| begin((first + k).min(count - 1)));
        for (place, line) in lines.iter_mut().enumerate() {
            *line = starts.map(|start| values[start + place * step]);
        }
        filter(lines, order, extension);
        for (place, line) in lines.iter().enumerate() {
            for (start, value) in starts.iter().zip(line) {
                values[start + place * step] = *value;
            }
        }
    }
}

/// Filters [`LINES`] lines of two places or more.
#[inline(always)]
fn filter(lines: &mut [[f64; LINES]], order: u8, extension: Extension) {
    let gain = poles(order).iter().fold(1.0, |gain, &pole| gain * ((1.0 - pole) * (1.0 - 1.0 / pole)));
    for value in lines.as_flattened_mut() {
        *value *= gain;
    }
    for &pole in poles(order) {
        let mut before = begin_forwards(lines, pole, extension);
        lines[0] = before;
        for line in &mut lines[1..] {
            before = each(|k| line[k] + pole * before[k]);
            *line = before;
        }
        let last = lines.len() - 1;
        let mut after = begin_backwards(lines, pole, extension);
        lines[last] = after;
        for line in lines[..last].iter_mut().rev() {
            after = each(|k| pole * (after[k] - line[k]));
            *line = after;
        }
    }
}

/// The first place of the forward pass: the sum of everything before it.
#[inline(always)]
fn begin_forwards(lines: &[[f64; LINES]], pole: f64, extension: Extension) -> [f64; LINES] {
    let places = lines.len();
    let mut sum = lines[0];
    let mut near = pole;
    match extension {
        Extension::Mirror => {
            let far = power(pole, places - 1);
            sum = each(|k| sum[k] + far * lines[places - 1][k]);
            for place in 1..places - 1 {
                let (here, mirrored) = (&lines[place], &lines[places - 1 - place]);
                sum = each(|k| sum[k] + near * (here[k] + far * mirrored[k]));
                near *= pole;
            }
            each(|k| sum[k] / (1.0 - far * far))
        }
        Extension::Reflect => {
            let far = power(pole, places);
            sum = each(|k| sum[k] + far * lines[places - 1][k]);
            for place in 1..places {
                // scipy keeps the sum in the first place, and so adds it to itself at the end.
                let so_far = sum;
                let (here, mirrored) =
                    (&lines[place], if place == places - 1 { &so_far } else { &lines[places - 1 - place] });
                sum = each(|k| so_far[k] + near * (here[k] + far * mirrored[k]));
                near *= pole;
            }
            let scale = pole / (1.0 - far * far);
            each(|k| sum[k] * scale + lines[0][k])
        }
        Extension::Wrap => {
            for before in lines[1..].iter().rev() {
                sum = each(|k| sum[k] + near * before[k]);
                near *= pole;
            }
            each(|k| sum[k] / (1.0 - near))
        }
    }
}

/// The last place of the backward pass.
#[inline(always)]
fn begin_backwards(lines: &[[f64; LINES]], pole: f64, extension: Extension) -> [f64; LINES] {
    let last = lines[lines.len() - 1];
    match extension {
        Extension::Mirror => {
            let before = lines[lines.len() - 2];
            each(|k| (pole * before[k] + last[k]) * pole / (pole * pole - 1.0))
        }
        Extension::Reflect => each(|k| last[k] * (pole / (pole - 1.0))),
        Extension::Wrap => {
            let (mut sum, mut near) = (last, pole);
            for after in &lines[..lines.len() - 1] {
                sum = each(|k| sum[k] + near * after[k]);
                near *= pole;
            }
            each(|k| sum[k] * (pole / (near - 1.0)))
        }
    }
}

#[inline(always)]
fn each(value: impl Fn(usize) -> f64) -> [f64; LINES] {
    std::array::from_fn(value)
}

/// `base` to a whole power, rounded once: as the C library of scipy's wheels for every power over 1e-110 of the
/// poles, and the same on every machine, which `powi` is not.
pub(super) fn power(base: f64, mut exponent: usize) -> f64 {
    // Products as unevaluated sums of two numbers.
    let times = |(a, a_rest): (f64, f64), (b, b_rest): (f64, f64)| {
        let product = a * b;
        let rest = a.mul_add(b, -product) + (a * b_rest + a_rest * b);
        let sum = product + rest;
        (sum, rest - (sum - product))
    };
    let mut result = (1.0, 0.0);
    let mut square = (base, 0.0);
    while exponent > 0 {
        if exponent % 2 == 1 {
            result = times(result, square);
        }
        square = times(square, square);
        exponent /= 2;
    }
    result.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_rounded_once() {
        // math.pow of Python.
        assert_eq!(power(-0.267_949_192_431_122_7, 3), -0.019_237_886_466_840_593);
        assert_eq!(power(-0.430_575_347_099_973_8, 37), -2.882_829_338_582_344e-14);
        assert_eq!(power(-0.171_572_875_253_809_9, 0), 1.0);
        assert_eq!(power(-0.430_575_347_099_973_8, 100_000), 0.0);
    }
}
