//! Grey of 16 and 32 bits, in Pillow's double precision.

use super::convolution::columns_first;
use super::crop::Axis;
use super::filter::Filter;
use super::nearest::Steps;
use super::weights::Windows;

/// What a grey image of more than 8 bits holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeepKind {
    /// `0..=65535`: Pillow's mode `I;16`.
    I16,
    /// Any `i32`: Pillow's mode `I`.
    I32,
}

impl DeepKind {
    pub(super) const fn steps(self) -> Steps {
        match self {
            Self::I16 => Steps::Multiplied,
            Self::I32 => Steps::Added,
        }
    }

    /// `ROUND_UP`, half away from zero, and then `CLIP16` for 16 bits.
    fn round(self, sum: f64) -> i32 {
        let rounded = if sum >= 0.0 { sum + 0.5 } else { sum - 0.5 };
        match self {
            Self::I16 => rounded.clamp(0.0, 65_535.0) as i32,
            // C leaves open what is too large; this is what x86 makes of it.
            Self::I32 if rounded >= -f64::from(i32::MIN) => i32::MIN,
            Self::I32 => rounded as i32,
        }
    }
}

/// Tables and scratch, kept from one image to the next.
#[derive(Debug, Default)]
pub(super) struct DeepConvolution {
    down: Windows,
    across: Windows,
    between: Vec<i32>,
    sums: Vec<f64>,
}

impl DeepConvolution {
    /// Resizes `pixels` along `rows` (the vertical axis) and `columns` into `out`.
    pub(super) fn resize(
        &mut self,
        pixels: &[i32],
        kind: DeepKind,
        (rows, columns): (Axis, Axis),
        out: &mut [i32],
        filter: Filter,
    ) {
        let Self { down, across, between, sums } = self;
        down.fill(rows, filter);
        across.fill(columns, filter);
        let (from, to) = (columns.source, columns.target);
        match (columns.is_identity(), rows.is_identity()) {
            (true, _) => vertical(pixels, from, 0, (down, sums), kind, out),
            (false, true) => horizontal(pixels, from, across, kind, out),
            (false, false) if columns_first(rows, columns) => {
                between.resize(rows.target * from, 0);
                vertical(pixels, from, 0, (down, sums), kind, between);
                horizontal(between, from, across, kind, out);
            }
            (false, false) => {
                let covered = down.covered();
                between.resize(covered.len() * to, 0);
                horizontal(&pixels[covered.start * from..covered.end * from], from, across, kind, between);
                vertical(between, to, covered.start, (down, sums), kind, out);
            }
        }
    }
}

/// Every row of `pixels` (`width` each) to a row of `out`.
fn horizontal(pixels: &[i32], width: usize, across: &Windows, kind: DeepKind, out: &mut [i32]) {
    for (row, out) in pixels.chunks_exact(width).zip(out.chunks_exact_mut(across.places())) {
        for (out, (start, weights)) in out.iter_mut().zip(across.iter()) {
            let sum =
                row[start..].iter().zip(weights).fold(0.0, |sum, (&value, weight)| sum + f64::from(value) * weight);
            *out = kind.round(sum);
        }
    }
}

/// Every column of `pixels`, whose first row is row `first` of the source, to a column of `out`.
fn vertical(
    pixels: &[i32],
    width: usize,
    first: usize,
    (down, sums): (&Windows, &mut Vec<f64>),
    kind: DeepKind,
    out: &mut [i32],
) {
    for (out, (start, weights)) in out.chunks_exact_mut(width).zip(down.iter()) {
        sums.clear();
        sums.resize(width, 0.0);
        for (row, weight) in pixels[(start - first) * width..].chunks_exact(width).zip(weights) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += f64::from(value) * weight;
            }
        }
        for (out, &sum) in out.iter_mut().zip(&*sums) {
            *out = kind.round(sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded_away_from_zero() {
        for (sum, expected) in [(0.5, 1), (-0.5, -1), (2.4, 2), (-2.4, -2), (2.5, 3), (-2.5, -3), (0.0, 0)] {
            assert_eq!(DeepKind::I32.round(sum), expected, "{sum}");
        }
        assert_eq!([-7.0, 65_534.5, 70_000.0].map(|sum| DeepKind::I16.round(sum)), [0, 65_535, 65_535]);
    }

    #[test]
    fn what_is_too_large_is_what_x86_gives() {
        let most = f64::from(i32::MAX);
        assert_eq!(
            [most, most + 0.4, most + 0.5, 1e300].map(|sum| DeepKind::I32.round(sum)),
            [i32::MAX, i32::MAX, i32::MIN, i32::MIN]
        );
        assert_eq!([-most - 1.0, -1e300].map(|sum| DeepKind::I32.round(sum)), [i32::MIN; 2]);
    }
}
