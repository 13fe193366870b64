//! The confusion matrix: numbers where they can be read, a heat map where they cannot.

use std::fmt::Write as _;

use super::chart::escape;

/// Classes up to which there are numbers.
const NUMBERED: usize = 20;

/// True classes are rows, predicted ones columns; the darker a cell, the larger its share of the row.
pub(super) fn draw(classes: &[String], confusion: &[Vec<u64>]) -> String {
    if classes.len() <= NUMBERED { table(classes, confusion) } else { map(classes.len(), confusion) }
}

fn share(row: &[u64], count: u64) -> f64 {
    count as f64 / row.iter().sum::<u64>().max(1) as f64
}

fn table(classes: &[String], confusion: &[Vec<u64>]) -> String {
    let mut html = String::from(
        "<table class=\"matrix\"><thead><tr><th scope=\"col\"><span class=\"quiet\">true \u{2193} predicted \u{2192}</span></th>",
    );
    for class in classes {
        // Writing to a String does not fail.
        let _ = write!(html, "<th scope=\"col\">{}</th>", escape(class));
    }
    html.push_str("</tr></thead><tbody>");
    for (number, row) in confusion.iter().enumerate() {
        let _ = write!(html, "<tr><th scope=\"row\">{}</th>", escape(classes.get(number).map_or("", |name| name)));
        for (column, &count) in row.iter().enumerate() {
            let kind = if column == number { "hit" } else { "miss" };
            let share = share(row, count) * 100.0;
            let dark = if share > 55.0 { " dark" } else { "" };
            let _ = write!(html, "<td class=\"{kind}{dark}\" style=\"--share:{share:.0}%\">{count}</td>");
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table>");
    html
}

fn map(classes: usize, confusion: &[Vec<u64>]) -> String {
    let mut svg = format!(
        "<svg class=\"map\" viewBox=\"-1 -1 {0} {0}\" role=\"img\" aria-label=\"confusion matrix of {classes} classes; \
         rows are true classes, columns predicted ones\"><rect class=\"ground\" width=\"{classes}\" height=\"{classes}\"/>",
        classes + 2
    );
    for (y, row) in confusion.iter().enumerate() {
        for (x, &count) in row.iter().enumerate().filter(|(_, count)| **count > 0) {
            let kind = if x == y { "hit" } else { "miss" };
            let opacity = 0.15 + 0.85 * share(row, count);
            let _ = write!(
                svg,
                "<rect class=\"{kind}\" x=\"{x}\" y=\"{y}\" width=\"1\" height=\"1\" fill-opacity=\"{opacity:.2}\"/>"
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_classes_have_numbers_and_many_have_colours() {
        let classes = |count: usize| (0..count).map(|class| format!("<c{class}>")).collect::<Vec<_>>();
        let counts = |count: usize| {
            (0..count).map(|row| (0..count).map(|column| u64::from(row == column) * 3).collect()).collect::<Vec<_>>()
        };
        let small = draw(&classes(3), &counts(3));
        assert_eq!((small.matches("<td").count(), small.matches("--share:100%").count()), (9, 3));
        assert!(small.contains("&lt;c0&gt;") && !small.contains("<c0>"), "{small}");
        let large = draw(&classes(100), &counts(100));
        assert_eq!(large.matches("class=\"hit\"").count(), 100);
        assert!(!large.contains("<td"));
    }
}
