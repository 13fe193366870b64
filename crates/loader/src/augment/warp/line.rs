//! Where the pixels of one row of the result come from.

use std::ops::Range;

use super::Affine;

/// The coordinates of a row, in the order of operations that scipy (since 1.16) computes them in:
/// `((offset + row * m0) + column * m1) + padding`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) rows: Run,
    pub(super) columns: Run,
}

/// One coordinate along a row; it never turns back, since rounding keeps order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) base: f64,
    pub(super) step: f64,
    pub(super) padding: f64,
}

impl Line {
    pub(super) fn new(affine: &Affine, row: usize, padding: usize) -> Self {
        let run = |axis: usize| Run {
            base: affine.offset[axis] + row as f64 * affine.matrix[axis][0],
            step: affine.matrix[axis][1],
            padding: padding as f64,
        };
        Self { rows: run(0), columns: run(1) }
    }

    /// Input row and column of an output column.
    #[inline(always)]
    pub(super) fn at(&self, column: usize) -> (f64, f64) {
        (self.rows.at(column), self.columns.at(column))
    }

    /// The output columns among the first `count` that have all `N` taps of both axes inside the image: no
    /// others, but perhaps not all.
    pub(super) fn inside<const N: usize>(&self, count: usize, (height, width): (usize, usize)) -> Range<usize> {
        let (rows, columns) = (self.rows.inside::<N>(count, height), self.columns.inside::<N>(count, width));
        let start = rows.start.max(columns.start);
        start..rows.end.min(columns.end).max(start)
    }
}

impl Run {
    #[inline(always)]
    pub(super) fn at(&self, column: usize) -> f64 {
        self.base + column as f64 * self.step + self.padding
    }

    fn inside<const N: usize>(&self, count: usize, len: usize) -> Range<usize> {
        if N > len {
            return 0..0;
        }
        let order = N - 1;
        let low = (order / 2) as f64;
        // Taps reach one further up in odd orders, so the last place itself is out.
        let high = (len - order.div_ceil(2)) as f64;
        let high = if order % 2 == 1 { high } else { (high - 1.0).next_up() };
        self.between(count, low, high)
    }

    /// The columns whose coordinate is in `low..high`.
    fn between(&self, count: usize, low: f64, high: f64) -> Range<usize> {
        let guess = |bound: f64| (bound - self.padding - self.base) / self.step;
        if self.step > 0.0 {
            let start = first(count, guess(low), |column| self.at(column) >= low);
            start..first(count, guess(high), |column| self.at(column) >= high).max(start)
        } else if self.step < 0.0 {
            let start = first(count, guess(high), |column| self.at(column) < high);
            start..first(count, guess(low), |column| self.at(column) < low).max(start)
        } else if (low..high).contains(&self.at(0)) {
            0..count
        } else {
            0..0
        }
    }
}

/// The first column that passes, when all after it pass too; `guess` says where to begin to look.
fn first(count: usize, guess: f64, passes: impl Fn(usize) -> bool) -> usize {
    let mut column = (guess.max(0.0) as usize).min(count);
    while column > 0 && passes(column - 1) {
        column -= 1;
    }
    while column < count && !passes(column) {
        column += 1;
    }
    column
}
