//! Rows of text in columns, wrapped as `print_summary` of Keras 2.15 wraps them.

use std::fmt;

pub(super) type Cell = String;

/// Columns by the position at which each ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    pub(super) width: usize,
    pub(super) ends: &'static [usize],
}

impl Table {
    /// Writes one row, on as many lines as its longest cell takes. Two blanks part the columns, and a cell also
    /// breaks after the end of a tuple or of a name in a list. Cells are ASCII.
    pub(super) fn row(&self, f: &mut fmt::Formatter<'_>, cells: &[Cell]) -> fmt::Result {
        let mut left: Vec<&str> = cells.iter().map(String::as_str).collect();
        while left.iter().any(|cell| !cell.is_empty()) {
            let mut line = String::with_capacity(self.width);
            let mut start = 0;
            for (column, (cell, &end)) in left.iter_mut().zip(self.ends).enumerate() {
                let is_last = column + 1 == self.ends.len();
                // Keras keeps two blanks, and one for the blank at the start of the line.
                let room = end - start - if is_last { 0 } else { 3 };
                let (now, later) = cell.split_at(break_at(cell, room));
                if column == 0 {
                    line.push(' ');
                }
                line.push_str(now);
                if !is_last {
                    line.push_str("  ");
                }
                *cell = later;
                start = end;
                let blanks = end.saturating_sub(line.len());
                line.extend(std::iter::repeat_n(' ', blanks));
            }
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

/// Where to break `cell` to fit into `room`.
fn break_at(cell: &str, room: usize) -> usize {
    let fit = cell.get(..room).unwrap_or(cell);
    let ends = ["),", "},", "],", "',"].into_iter().filter_map(|end| fit.find(end).map(|at| at + end.len()));
    ends.min().unwrap_or(fit.len())
}
