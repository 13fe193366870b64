//! Linear interpolation, the hot path: a block of columns at a time, first where all of them come from, then
//! their values. Both loops are free of branches, so that a compiler vectorises the first over columns and the
//! second over channels.

use std::ops::Range;

use super::fill::FillMode;
use super::general::Source;
use super::line::Line;

/// Columns that are looked up together.
const BLOCK: usize = 32;

/// The 2 x 2 taps of each column of a block: [`FillMode::Nearest`], which is also what every mode does inside.
struct Taps {
    /// Index of the first value of the upper and lower row, and what the left and right column add to it.
    rows: [[u32; BLOCK]; 2],
    columns: [[u32; BLOCK]; 2],
    row_weights: [[f64; BLOCK]; 2],
    column_weights: [[f64; BLOCK]; 2],
}

impl Taps {
    #[inline(always)]
    fn around<T>(line: &Line, first: usize, source: &Source<'_, T>) -> Self {
        let mut taps = Self {
            rows: [[0; BLOCK]; 2],
            columns: [[0; BLOCK]; 2],
            row_weights: [[0.0; BLOCK]; 2],
            column_weights: [[0.0; BLOCK]; 2],
        };
        let (last_row, last_column) = (source.height as f64 - 1.0, source.width as f64 - 1.0);
        let (row_step, column_step) = ((source.width * source.channels) as f64, source.channels as f64);
        for k in 0..BLOCK {
            let (y, x) = line.at(first + k);
            let (row, column) = (y.floor(), x.floor());
            taps.rows[0][k] = index(row.max(0.0).min(last_row) * row_step);
            taps.rows[1][k] = index((row + 1.0).max(0.0).min(last_row) * row_step);
            taps.columns[0][k] = index(column.max(0.0).min(last_column) * column_step);
            taps.columns[1][k] = index((column + 1.0).max(0.0).min(last_column) * column_step);
            taps.row_weights[0][k] = 1.0 - (y - row);
            taps.row_weights[1][k] = 1.0 - taps.row_weights[0][k];
            taps.column_weights[0][k] = 1.0 - (x - column);
            taps.column_weights[1][k] = 1.0 - taps.column_weights[0][k];
        }
        taps
    }
}

/// A whole number of 0 to 2^32 - 1 out of an `f64`: the low bits of its fraction, once the rest is full. A
/// conversion would not be vectorised.
#[inline(always)]
fn index(whole: f64) -> u32 {
    const FULL: f64 = (1_u64 << 52) as f64;
    (whole + FULL).to_bits() as u32
}

impl<T: Copy + Into<f64>> Source<'_, T> {
    /// One row of the result. Unusual numbers of channels, and more values than 32 bits count, are left to
    /// [`row`](Self::row).
    #[inline(always)]
    pub(super) fn linear_row(&self, line: &Line, out: &mut [f32]) {
        if !matches!(self.channels, 1 | 3 | 4) || self.values.len() > u32::MAX as usize {
            return self.row::<2>(line, out);
        }
        let columns = out.len() / self.channels;
        let inside = match self.fill {
            FillMode::Nearest => 0..columns,
            _ => line.inside::<2>(columns, (self.height, self.width)),
        };
        self.border::<2>(line, 0..inside.start, out);
        self.border::<2>(line, inside.end..columns, out);
        match self.channels {
            1 => self.blocks::<1, 1>(line, inside, out),
            3 => self.blocks::<3, 4>(line, inside, out),
            _ => self.blocks::<4, 4>(line, inside, out),
        }
    }

    /// `C` channels in vectors of `V`.
    #[inline(always)]
    fn blocks<const C: usize, const V: usize>(&self, line: &Line, columns: Range<usize>, out: &mut [f32]) {
        let out = &mut out.as_chunks_mut::<C>().0[columns.clone()];
        for (block, out) in out.chunks_mut(BLOCK).enumerate() {
            let taps = Taps::around(line, columns.start + block * BLOCK, self);
            for (k, out) in out.iter_mut().enumerate() {
                let mut sums = [0.0; V];
                for row in 0..2 {
                    for column in 0..2 {
                        let values = self.load::<C, V>((taps.rows[row][k] + taps.columns[column][k]) as usize);
                        let (row_weight, column_weight) = (taps.row_weights[row][k], taps.column_weights[column][k]);
                        for channel in 0..V {
                            sums[channel] += values[channel] * row_weight * column_weight;
                        }
                    }
                }
                let sums = sums.map(|sum| sum as f32);
                out.copy_from_slice(&sums[..C]);
            }
        }
    }
}
