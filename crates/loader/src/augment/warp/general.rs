//! Any order and any fill mode: the taps of a pixel are found along both axes, then summed for each channel.

use super::fill::FillMode;
use super::line::Line;
use super::spline::{MAX_TAPS, first_tap, weights};

/// What is interpolated: pixels, or the spline coefficients made of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a, T> {
    /// `[height][width][channels]`.
    pub(super) values: &'a [T],
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    pub(super) fill: FillMode,
    pub(super) cval: f64,
}

/// The taps along one axis.
#[derive(Clone, Copy, Debug)]
struct Taps<const N: usize> {
    /// Index of the first value of each; `None` where it is `cval`.
    offsets: [Option<usize>; N],
    weights: [f64; N],
}

impl<const N: usize> Taps<N> {
    /// The taps around a coordinate on an axis of `len` places, `step` values apart; `None` where all of it is
    /// `cval`.
    fn around(coordinate: f64, len: usize, step: usize, fill: FillMode) -> Option<Self> {
        let coordinate = if fill.maps_coordinates() {
            let mapped = fill.map(coordinate, len);
            if mapped > -1.0 { mapped } else { return None }
        } else {
            coordinate
        };
        let first = first_tap::<N>(coordinate);
        let last = len as f64 - 1.0;
        let offsets = std::array::from_fn(|tap| {
            let place = first + tap as f64;
            if (0.0..=last).contains(&place) {
                Some(place as usize * step)
            } else if fill == FillMode::GridConstant {
                None
            } else {
                // Places far beyond what `f64` counts exactly may be mapped to just outside.
                Some((fill.of_taps().map(place, len) as usize).min(len - 1) * step)
            }
        });
        Some(Self { offsets, weights: weights::<N>(coordinate) })
    }

    /// The taps around a coordinate that has all of them inside the axis.
    #[inline(always)]
    fn inside(coordinate: f64, step: usize) -> Self {
        let first = first_tap::<N>(coordinate) as usize;
        Self { offsets: std::array::from_fn(|tap| Some((first + tap) * step)), weights: weights::<N>(coordinate) }
    }
}

impl<T: Copy + Into<f64>> Source<'_, T> {
    /// One row of the result, in `N` taps along each axis.
    #[inline(always)]
    pub(super) fn row<const N: usize>(&self, line: &Line, out: &mut [f32]) {
        const { assert!(N >= 1 && N <= MAX_TAPS) };
        let columns = out.len() / self.channels;
        let inside = line.inside::<N>(columns, (self.height, self.width));
        self.border::<N>(line, 0..inside.start, out);
        self.border::<N>(line, inside.end..columns, out);
        for column in inside {
            let (y, x) = line.at(column);
            let rows = Taps::<N>::inside(y, self.width * self.channels);
            let columns = Taps::<N>::inside(x, self.channels);
            self.sum(&rows, &columns, &mut out[column * self.channels..][..self.channels]);
        }
    }

    /// Pixels of a row that may have taps outside.
    pub(super) fn border<const N: usize>(&self, line: &Line, columns: std::ops::Range<usize>, out: &mut [f32]) {
        for column in columns {
            let out = &mut out[column * self.channels..][..self.channels];
            let (y, x) = line.at(column);
            let rows = Taps::<N>::around(y, self.height, self.width * self.channels, self.fill);
            let columns = Taps::<N>::around(x, self.width, self.channels, self.fill);
            match (rows, columns) {
                (Some(rows), Some(columns)) => self.sum(&rows, &columns, out),
                _ => out.fill(self.cval as f32),
            }
        }
    }

    #[inline(always)]
    fn sum<const N: usize>(&self, rows: &Taps<N>, columns: &Taps<N>, out: &mut [f32]) {
        if let Ok(out) = <&mut [f32; 3]>::try_from(&mut *out) {
            *out = self.sum_of(rows, columns, 0);
        } else {
            for (channel, out) in out.iter_mut().enumerate() {
                [*out] = self.sum_of(rows, columns, channel);
            }
        }
    }

    /// `C` neighbouring channels from `channel` on. The order of sums and products is scipy's.
    #[inline(always)]
    fn sum_of<const N: usize, const C: usize>(&self, rows: &Taps<N>, columns: &Taps<N>, channel: usize) -> [f32; C] {
        let mut sums = [0.0; C];
        for (row, row_weight) in rows.offsets.iter().zip(rows.weights) {
            for (column, column_weight) in columns.offsets.iter().zip(columns.weights) {
                let values = match (row, column) {
                    (Some(row), Some(column)) => {
                        let values = &self.values[row + column + channel..][..C];
                        std::array::from_fn(|k| values[k].into())
                    }
                    _ => [self.cval; C],
                };
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += if N > 1 { value * row_weight * column_weight } else { value };
                }
            }
        }
        sums.map(|sum| sum as f32)
    }
}
