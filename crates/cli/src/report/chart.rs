//! Lines over a plane, as SVG that takes its colours from the page.

use std::fmt::Write as _;

/// Units of the picture.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 40.0;

/// Beyond so many points a line has no marks.
const MARKED: usize = 40;

/// A line, its name and its class in the style sheet.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) class: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// What stands around the lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axes<'a> {
    /// For those who do not see the picture.
    pub(super) title: &'a str,
    pub(super) across: &'a str,
    /// What the axes span at least; `None` for what the lines do.
    pub(super) x: Option<(f64, f64)>,
    pub(super) y: Option<(f64, f64)>,
    /// Whether ticks stand at whole numbers only.
    pub(super) whole_x: bool,
}

/// The picture. Points that are no numbers are left out.
pub(super) fn lines(axes: Axes<'_>, lines: &[Line]) -> String {
    let finite = || lines.iter().flat_map(|line| &line.points).filter(|(x, y)| x.is_finite() && y.is_finite());
    let x = span(axes.x, finite().map(|point| point.0));
    let y = span(axes.y, finite().map(|point| point.1));
    let place = |(px, py): (f64, f64)| {
        let across = LEFT + (px - x.0) / (x.1 - x.0) * (WIDTH - LEFT - RIGHT);
        let up = HEIGHT - BOTTOM - (py - y.0) / (y.1 - y.0) * (HEIGHT - TOP - BOTTOM);
        (across, up)
    };
    let mut svg = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        escape(axes.title)
    );
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    for tick in ticks(y, 5) {
        let (_, up) = place((x.0, tick));
        push(
            &mut svg,
            format_args!("<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{up:.1}\" y2=\"{up:.1}\"/>"),
        );
        let (at, down) = (LEFT - 8.0, up + 4.0);
        push(&mut svg, format_args!("<text class=\"tick end\" x=\"{at}\" y=\"{down:.1}\">{}</text>", number(tick)));
    }
    for tick in ticks(x, 8).into_iter().filter(|tick| !axes.whole_x || tick.fract() == 0.0) {
        let (across, _) = place((tick, y.0));
        let down = bottom + 17.0;
        push(
            &mut svg,
            format_args!("<text class=\"tick middle\" x=\"{across:.1}\" y=\"{down}\">{}</text>", number(tick)),
        );
    }
    push(&mut svg, format_args!("<line class=\"axis\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/>"));
    let (middle, lowest) = ((LEFT + right) / 2.0, HEIGHT - 6.0);
    push(
        &mut svg,
        format_args!("<text class=\"tick middle\" x=\"{middle}\" y=\"{lowest}\">{}</text>", escape(axes.across)),
    );
    for line in lines {
        let places: Vec<_> =
            line.points.iter().filter(|(x, y)| x.is_finite() && y.is_finite()).map(|&point| place(point)).collect();
        let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        push(&mut svg, format_args!("<polyline class=\"line {}\" points=\"{}\"/>", line.class, path.join(" ")));
        if places.len() <= MARKED && line.class != "ideal" {
            for (x, y) in places {
                push(
                    &mut svg,
                    format_args!("<circle class=\"mark {}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>", line.class),
                );
            }
        }
    }
    svg.push_str("</svg>");
    svg
}

/// Writing to a String does not fail.
fn push(svg: &mut String, piece: std::fmt::Arguments<'_>) {
    let _ = svg.write_fmt(piece);
}

/// What an axis spans: never nothing.
fn span(least: Option<(f64, f64)>, values: impl Iterator<Item = f64>) -> (f64, f64) {
    let whole = values.fold(least, |span, value| {
        let (low, high) = span.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    });
    match whole {
        None => (0.0, 1.0),
        Some((low, high)) if high - low > f64::EPSILON * high.abs().max(low.abs()) => (low, high),
        Some((0.0, _)) => (0.0, 1.0),
        Some((low, _)) => (low - low.abs() * 0.5, low + low.abs() * 0.5),
    }
}

/// Round numbers in the span, about `wanted` of them.
fn ticks((low, high): (f64, f64), wanted: usize) -> Vec<f64> {
    let rough = (high - low) / wanted as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|step| *step >= rough).unwrap_or(rough);
    if !step.is_finite() || step <= 0.0 {
        return Vec::new();
    }
    let first = (low / step).ceil() as i64;
    (first..first + 2 * wanted as i64 + 2)
        .map(|n| n as f64 * step)
        .take_while(|tick| *tick <= high + step * 1e-9)
        .collect()
}

/// Short, and as exact as a tick.
fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e5).contains(&size) {
        return format!("{value:.0e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text that is harmless between tags and in attributes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks((0.0, 1.0), 5), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(ticks((1.0, 10.0), 8), [2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(number(0.6000000000000001), "0.6");
        assert_eq!(number(1e-5), "1e-5");
    }

    #[test]
    fn nothing_and_no_numbers_are_drawn_as_well() {
        let axes = Axes { title: "<b>", across: "epoch", x: None, y: None, whole_x: true };
        for points in [vec![], vec![(1.0, f64::NAN)], vec![(1.0, 0.5)], vec![(1.0, f64::INFINITY), (2.0, 0.0)]] {
            let svg = lines(axes, &[Line { name: "loss".to_owned(), class: "train", points }]);
            assert!(!svg.contains("NaN") && !svg.contains("inf") && svg.contains("&lt;b&gt;"), "{svg}");
        }
    }
}
