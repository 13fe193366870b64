//! Tables on a terminal: columns that line up, whatever colours are in them.

use console::measure_text_width;

use crate::terminal::Terminal;

/// Spaces between columns.
const GAP: &str = "  ";

/// Lines of cells under a header.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    lines: Vec<Vec<String>>,
    /// Columns of numbers, which line up on their right.
    right: Vec<usize>,
}

impl Table {
    /// A table with these headings; those of `right` stand over numbers.
    pub(crate) fn new<S: Into<String>>(header: impl IntoIterator<Item = S>, right: &[usize]) -> Self {
        Self { lines: vec![header.into_iter().map(Into::into).collect()], right: right.to_vec() }
    }

    /// Adds a line.
    pub(crate) fn push(&mut self, cells: Vec<String>) {
        self.lines.push(cells);
    }

    /// Every line, without spaces at its end.
    pub(crate) fn lines(&self) -> Vec<String> {
        let columns = self.lines.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |line: &[String], column: usize| line.get(column).map_or(0, |text| measure_text_width(text));
        let widths: Vec<usize> =
            (0..columns).map(|column| self.lines.iter().map(|line| cell(line, column)).max().unwrap_or(0)).collect();
        let pad = |(column, text): (usize, &String)| {
            let spaces = " ".repeat(widths[column] - measure_text_width(text));
            if self.right.contains(&column) { format!("{spaces}{text}") } else { format!("{text}{spaces}") }
        };
        let whole = |line: &Vec<String>| {
            let padded: Vec<String> = line.iter().enumerate().map(pad).collect();
            padded.join(GAP).trim_end().to_owned()
        };
        self.lines.iter().map(whole).collect()
    }

    /// Writes it, with its header in bold.
    pub(crate) fn write(&self, terminal: &Terminal) {
        for (number, line) in self.lines().into_iter().enumerate() {
            terminal.line(if number == 0 { terminal.bold(line) } else { line });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_is_in_them() {
        let mut table = Table::new(["run", "loss", "state"], &[1]);
        table.push(vec!["a".to_owned(), "0.5".to_owned(), "finished".to_owned()]);
        table.push(vec!["\u{1b}[1müber\u{1b}[0m".to_owned(), "10.25".to_owned(), String::new()]);
        table.push(vec!["short".to_owned()]);
        let lines: Vec<String> =
            table.lines().iter().map(|line| console::strip_ansi_codes(line).into_owned()).collect();
        assert_eq!(lines, ["run     loss  state", "a        0.5  finished", "über   10.25", "short"]);
    }
}
