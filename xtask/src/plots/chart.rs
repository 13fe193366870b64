//! Lines over a plane, in the colours of this project's pictures: readable on light and on dark pages.

use anyhow::{Result, anyhow};
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Pixels.
pub(super) const WIDTH: u32 = 820;
pub(super) const HEIGHT: u32 = 440;

const PAPER: RGBColor = RGBColor(255, 255, 255);
const INK: RGBColor = RGBColor(40, 44, 52);
const FAINT: RGBColor = RGBColor(226, 229, 234);
/// Told apart by people who do not see colours as most do (Okabe and Ito).
pub(super) const COLORS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(110, 110, 110),
];
const FONT: &str = "sans-serif";

/// A line and its name.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) color: RGBColor,
    pub(super) style: Style,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Measured everywhere.
    Solid,
    /// Measured where there are marks.
    Marked,
    /// A bound, or what would be ideal.
    Dashed,
}

/// What stands around the lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels<'a> {
    pub(super) title: &'a str,
    pub(super) across: &'a str,
    pub(super) up: &'a str,
}

/// `x` and `y` are what the axes span; `tick` writes a place on the first.
pub(super) fn lines<X, Y>(
    labels: Labels<'_>,
    (x, y): (X, Y),
    tick: &dyn Fn(&f64) -> String,
    all: &[Line],
) -> Result<String>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let mut picture = String::new();
    let drawn = draw_lines(&mut picture, labels, (x, y), tick, all);
    drawn.map_err(|error| anyhow!("{error}"))?;
    Ok(picture)
}

fn draw_lines<X, Y>(
    picture: &mut String,
    labels: Labels<'_>,
    (x, y): (X, Y),
    tick: &dyn Fn(&f64) -> String,
    all: &[Line],
) -> Result<(), Box<dyn std::error::Error>>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let root = SVGBackend::with_string(picture, (WIDTH, HEIGHT)).into_drawing_area();
    root.fill(&PAPER)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(labels.title, text(19))
        .margin(14)
        .margin_right(28)
        .x_label_area_size(46)
        .y_label_area_size(66)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(FAINT)
        .axis_style(INK)
        .label_style(text(13))
        .axis_desc_style(text(14))
        .x_desc(labels.across)
        .y_desc(labels.up)
        .x_label_formatter(tick)
        .y_label_formatter(&|value| number(*value))
        .draw()?;
    for line in all {
        let style = line.color.stroke_width(2);
        let points = line.points.iter().copied();
        let series = match line.style {
            Style::Dashed => chart.draw_series(DashedLineSeries::new(points, 7, 5, line.color.stroke_width(1)))?,
            Style::Solid => chart.draw_series(LineSeries::new(points, style))?,
            Style::Marked => {
                chart.draw_series(points.clone().map(|point| Circle::new(point, 4, line.color.filled())))?;
                chart.draw_series(LineSeries::new(points, style))?
            }
        };
        let color = line.color;
        let thin = u32::from(line.style != Style::Dashed) + 1;
        series
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], color.stroke_width(thin)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(PAPER.mix(0.9))
        .border_style(FAINT)
        .label_font(text(13))
        .draw()?;
    root.present()?;
    Ok(())
}

/// Groups of bars: in each group one bar for each name that has a value.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) name: String,
    /// In the order of the names; `None` where there is nothing to show.
    pub(super) values: Vec<Option<f64>>,
}

/// One panel for each group, each with a scale of its own, since photos differ by orders of magnitude.
pub(super) fn bars(title: &str, names: &[(String, RGBColor)], groups: &[Group]) -> Result<String> {
    let mut picture = String::new();
    draw_bars(&mut picture, title, names, groups).map_err(|error| anyhow!("{error}"))?;
    Ok(picture)
}

const COLUMNS: usize = 3;
const PANEL_HEIGHT: u32 = 230;
/// Room for names to the left of bars, and for numbers to the right of the longest.
const NAMES_WIDTH: i32 = 62;
const NUMBERS_WIDTH: i32 = 60;

fn draw_bars(
    picture: &mut String,
    title: &str,
    names: &[(String, RGBColor)],
    groups: &[Group],
) -> Result<(), Box<dyn std::error::Error>> {
    let rows = groups.len().div_ceil(COLUMNS).max(1);
    let height = 50 + PANEL_HEIGHT * u32::try_from(rows)?;
    let root = SVGBackend::with_string(picture, (WIDTH, height)).into_drawing_area();
    root.fill(&PAPER)?;
    let root = root.titled(title, text(19))?;
    for (panel, group) in root.split_evenly((rows, COLUMNS)).iter().zip(groups) {
        panel.draw(&Text::new(group.name.clone(), (NAMES_WIDTH, 10), text(14)))?;
        let most = group.values.iter().flatten().copied().fold(f64::MIN_POSITIVE, f64::max);
        let room = f64::from(panel.dim_in_pixel().0) - f64::from(NAMES_WIDTH + NUMBERS_WIDTH);
        let step = (PANEL_HEIGHT as i32 - 44) / names.len().max(1) as i32;
        for (at, ((name, color), value)) in names.iter().zip(&group.values).enumerate() {
            let (top, bottom) = (34 + step * at as i32 + step / 8, 34 + step * (at as i32 + 1) - step / 8);
            let middle = (top + bottom) / 2;
            let end = NAMES_WIDTH + (room * value.unwrap_or(0.0) / most) as i32;
            panel.draw(&Rectangle::new([(NAMES_WIDTH, top), (end, bottom)], color.filled()))?;
            let beside = |horizontal| text(12).pos(Pos::new(horizontal, VPos::Center));
            panel.draw(&Text::new(name.clone(), (NAMES_WIDTH - 6, middle), beside(HPos::Right)))?;
            let told = value.map_or_else(|| "-".to_owned(), number);
            panel.draw(&Text::new(told, (end + 5, middle), beside(HPos::Left)))?;
        }
    }
    root.present()?;
    Ok(())
}

fn text(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK)
}

/// Few digits, and thousands apart.
pub(super) fn number(value: f64) -> String {
    if value.abs() < 99.95 {
        let text = format!("{value:.1}");
        return text.strip_suffix(".0").map_or(text.clone(), str::to_owned);
    }
    let digits = format!("{value:.0}");
    let grouped = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned());
    grouped.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let numbers = [0.0, 8.04, 99.96, 1234.4, 100_000.0].map(number);
        assert_eq!(numbers, ["0", "8", "100", "1,234", "100,000"]);
    }

    #[test]
    fn every_bar_has_its_name_and_number() {
        let names = [("ours".to_owned(), COLORS[0]), ("keras".to_owned(), COLORS[1])];
        let groups = [Group { name: "web, nearest".to_owned(), values: vec![Some(1800.0), None] }];
        let picture = bars("Images per second", &names, &groups).unwrap();
        for word in ["ours", "keras", "web, nearest", "1,800", "Images per second"] {
            assert!(picture.contains(word), "{word}");
        }
    }
}
