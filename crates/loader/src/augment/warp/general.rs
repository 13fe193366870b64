//! Any order and any fill mode: the taps of a pixel are found along both axes, then summed for each channel.

use std::ops::Range;

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
    #[inline(always)]
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
}

impl<T: Copy + Into<f64>> Source<'_, T> {
    /// The same with other values in the same shape.
    pub(super) fn of<'a, U>(&self, values: &'a [U]) -> Source<'a, U> {
        let Self { height, width, channels, fill, cval, .. } = *self;
        Source { values, height, width, channels, fill, cval }
    }

    /// One row of the result, in `N` taps along each axis.
    #[inline(always)]
    pub(super) fn row<const N: usize>(&self, line: &Line, out: &mut [f32]) {
        const { assert!(N >= 1 && N <= MAX_TAPS) };
        let columns = out.len() / self.channels;
        let inside = line.inside::<N>(columns, (self.height, self.width));
        self.border::<N>(line, 0..inside.start, out);
        self.border::<N>(line, inside.end..columns, out);
        match self.channels {
            1 => self.interior::<N, 1, 1>(line, inside, out),
            3 => self.interior::<N, 3, 4>(line, inside, out),
            4 => self.interior::<N, 4, 4>(line, inside, out),
            _ => self.border::<N>(line, inside, out),
        }
    }

    /// Pixels of a row that have all taps inside; `C` channels in vectors of `V`.
    #[inline(always)]
    fn interior<const N: usize, const C: usize, const V: usize>(
        &self,
        line: &Line,
        columns: Range<usize>,
        out: &mut [f32],
    ) {
        let step = self.width * C;
        let out = &mut out.as_chunks_mut::<C>().0[columns.clone()];
        for (column, out) in columns.zip(out) {
            let (y, x) = line.at(column);
            let (row_weights, column_weights) = (weights::<N>(y), weights::<N>(x));
            let first = first_tap::<N>(y) as usize * step + first_tap::<N>(x) as usize * C;
            let mut sums = [0.0; V];
            for (row, row_weight) in row_weights.into_iter().enumerate() {
                for (column, column_weight) in column_weights.into_iter().enumerate() {
                    let values = self.load::<C, V>(first + row * step + column * C);
                    for channel in 0..V {
                        let value = values[channel];
                        sums[channel] += if N > 1 { value * row_weight * column_weight } else { value };
                    }
                }
            }
            out.copy_from_slice(&sums.map(|sum| sum as f32)[..C]);
        }
    }

    /// The `C` channels from `at` on, and what comes after them to fill a vector.
    #[inline(always)]
    pub(super) fn load<const C: usize, const V: usize>(&self, at: usize) -> [f64; V] {
        let values = &self.values[at..];
        match values.first_chunk::<V>() {
            Some(values) => values.map(Into::into),
            None => std::array::from_fn(|channel| values[channel.min(C - 1)].into()),
        }
    }

    /// Pixels of a row that may have taps outside.
    #[inline(always)]
    pub(super) fn border<const N: usize>(&self, line: &Line, columns: Range<usize>, out: &mut [f32]) {
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
