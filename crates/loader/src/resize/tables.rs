//! The weights of the last few sizes: folders of photos mix a handful.

use super::convolution::Lanes;
use super::crop::Axis;
use super::filter::Filter;
use super::weights::{Weights, Windows};

/// Tables kept: two for each of four sizes. One has some 100 bytes (Lanczos) to a pixel along its axis, at most.
const KEPT: usize = 8;

/// A cache that evicts what was used least recently, and allocates nothing once it is full of tables of its sizes.
#[derive(Debug, Default)]
pub(super) struct Tables {
    kept: Vec<Table>,
    windows: Windows,
    lookups: u64,
}

#[derive(Debug)]
struct Table {
    axis: Axis,
    filter: Filter,
    weights: Weights,
    lanes: Lanes,
    used: u64,
}

impl Tables {
    /// The weights of the vertical axis and of the other, with the latter's lanes where there are `channels` for them.
    pub(super) fn pair(
        &mut self,
        rows: Axis,
        columns: Axis,
        filter: Filter,
        channels: Option<usize>,
    ) -> (&Weights, &Weights, &Lanes) {
        // The second cannot evict the first, which is the most recent of several.
        let (rows, columns) = (self.index(rows, filter), self.index(columns, filter));
        if let Some(channels) = channels {
            let Table { axis, weights, lanes, .. } = &mut self.kept[columns];
            lanes.prepare(weights, channels, axis.source);
        }
        let (rows, columns) = (&self.kept[rows], &self.kept[columns]);
        (&rows.weights, &columns.weights, &columns.lanes)
    }

    fn index(&mut self, axis: Axis, filter: Filter) -> usize {
        self.lookups += 1;
        let found = self.kept.iter().position(|table| table.axis == axis && table.filter == filter);
        let index = found.unwrap_or_else(|| self.make(axis, filter));
        self.kept[index].used = self.lookups;
        index
    }

    fn make(&mut self, axis: Axis, filter: Filter) -> usize {
        if self.kept.len() < KEPT {
            self.kept.push(Table { axis, filter, weights: Weights::default(), lanes: Lanes::default(), used: 0 });
        }
        let fresh = self.kept.iter().enumerate().min_by_key(|(_, table)| table.used).map_or(0, |(index, _)| index);
        let table = &mut self.kept[fresh];
        self.windows.fill(axis, filter);
        table.weights.fill(&self.windows);
        table.lanes.clear();
        (table.axis, table.filter) = (axis, filter);
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(source: usize) -> Axis {
        Axis { source, start: 0, len: source, target: 3, reduction: 1 }
    }

    #[test]
    fn the_most_recent_tables_are_kept() {
        let mut tables = Tables::default();
        for source in 1..40 {
            let (first, second, _) = tables.pair(axis(7), axis(source), Filter::Bilinear, None);
            assert_eq!(first.covered(), 0..7);
            assert_eq!(second.covered(), 0..source);
        }
        assert_eq!(tables.kept.len(), KEPT);
        let mut sources: Vec<usize> = tables.kept.iter().map(|table| table.axis.source).collect();
        sources.sort_unstable();
        assert_eq!(sources, [7, 33, 34, 35, 36, 37, 38, 39]);
    }

    #[test]
    fn filters_and_parts_have_their_own_tables() {
        let mut tables = Tables::default();
        let part = Axis { source: 9, start: 4, len: 2, target: 3, reduction: 1 };
        let box_ = tables.pair(axis(9), part, Filter::Box, None).0.iter().count();
        assert_eq!(box_, 3);
        assert_eq!(tables.pair(axis(9), part, Filter::Box, None).1.covered(), 4..6);
        assert_eq!(tables.pair(axis(9), part, Filter::Lanczos, None).1.covered(), 1..9);
    }
}
