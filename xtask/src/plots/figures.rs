//! What each picture shows.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use plotters::coord::combinators::IntoLogRange;
use serde::Deserialize;
use serde_json::Value;

use super::chart::{self, COLORS, Group, Labels, Line, Style, number};

#[derive(Debug, Deserialize)]
struct Scaling {
    by_threads: Vec<Scaled>,
    by_files: Vec<Scaled>,
}

#[derive(Debug, Deserialize)]
struct Scaled {
    corpus: String,
    files: usize,
    threads: u16,
    images_per_second: f64,
    memory: Memory,
}

#[derive(Debug, Deserialize)]
struct Memory {
    before_bytes: Option<u64>,
    budget_bytes: u64,
    resident: Vec<(usize, Option<u64>)>,
}

#[derive(Debug, Deserialize)]
struct Comparison {
    threads: u16,
    rows: Vec<Compared>,
}

#[derive(Debug, Deserialize)]
struct Compared {
    corpus: String,
    kind: String,
    loaders: BTreeMap<String, Rate>,
}

#[derive(Debug, Deserialize)]
struct Rate {
    images_per_second: Option<f64>,
}

/// The columns of the comparison, in this order, and then the limit.
const LOADERS: [&str; 8] = ["ours", "keras", "tfdata", "torch", "opencv", "spdl", "dali", "limit"];

fn read<T: for<'a> Deserialize<'a>>(document: &Value) -> Result<T> {
    serde_json::from_value(document.clone()).context("it has other fields")
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn most(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::MIN_POSITIVE, f64::max)
}

/// Resident memory over a pass.
pub(super) fn memory(document: &Value) -> Result<String> {
    let scaling: Scaling = read(document)?;
    // The longest passes there are, at few threads and at many.
    let longest = scaling.by_files.iter().map(|row| row.files).max();
    let rows = scaling.by_files.iter().filter(|row| Some(row.files) == longest);
    let mut all = Vec::new();
    let mut budget = 0.0_f64;
    for (row, color) in rows.zip(COLORS) {
        let curve = row.memory.resident.iter().filter_map(|&(images, bytes)| Some((images as f64, mebibytes(bytes?))));
        let name = format!("{}, {} threads", corpus(&row.corpus), row.threads);
        all.push(Line { name, points: curve.collect(), color, style: Style::Solid });
        budget = budget.max(mebibytes(row.memory.before_bytes.unwrap_or(0) + row.memory.budget_bytes));
    }
    let images = most(all.iter().flat_map(|line| line.points.iter().map(|point| point.0)));
    let top = most(all.iter().flat_map(|line| line.points.iter().map(|point| point.1)).chain([budget]));
    let points = vec![(0.0, budget), (images, budget)];
    all.push(Line {
        name: "what was there before, and the budget".to_owned(),
        points,
        color: COLORS[6],
        style: Style::Dashed,
    });
    let labels = Labels { title: "Memory over one pass", across: "images", up: "MiB resident" };
    chart::lines(labels, (0.0..images, 0.0..top * 1.15), &|images| number(*images), &all)
}

/// Images per second by number of threads.
pub(super) fn threads(document: &Value) -> Result<String> {
    let scaling: Scaling = read(document)?;
    let mut all: Vec<Line> = Vec::new();
    let mut by_corpus: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for row in &scaling.by_threads {
        by_corpus.entry(&row.corpus).or_default().push((f64::from(row.threads), row.images_per_second));
    }
    let last = most(scaling.by_threads.iter().map(|row| f64::from(row.threads)));
    let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
    for ((name, points), color) in by_corpus.into_iter().zip(COLORS) {
        // Corpora differ by orders of magnitude.
        let one = points.iter().find(|point| point.0 <= 1.0).map_or(points[0].1 / points[0].0, |point| point.1);
        let name = format!("{name} ({} images/s by one)", number(one));
        let points = points.into_iter().map(|(threads, rate)| (threads, rate / one)).collect();
        all.push(Line { name, points, color, style: Style::Marked });
    }
    let ideal = vec![(1.0, 1.0), (cores, cores), (last, cores)];
    all.push(Line { name: format!("ideal, on {cores} cores"), points: ideal, color: COLORS[6], style: Style::Dashed });
    let top = most(all.iter().flat_map(|line| line.points.iter().map(|point| point.1)));
    let labels = Labels { title: "Speed by number of threads", across: "threads", up: "times one thread" };
    chart::lines(
        labels,
        ((1.0..last.max(2.0)).log_scale().base(2.0), 0.0..top * 1.2),
        &|threads| number(*threads),
        &all,
    )
}

/// Images per second by number of files.
pub(super) fn files(document: &Value) -> Result<String> {
    let scaling: Scaling = read(document)?;
    let threads = scaling.by_files.first().map(|row| row.threads);
    let rows = scaling.by_files.iter().filter(|row| Some(row.threads) == threads);
    let points: Vec<_> = rows.map(|row| (row.files as f64, row.images_per_second)).collect();
    let (last, top) = (most(points.iter().map(|point| point.0)), most(points.iter().map(|point| point.1)));
    let first = points.iter().map(|point| point.0).fold(last, f64::min);
    let row = scaling.by_files.first().context("no files")?;
    let name = format!("{}, {} threads", corpus(&row.corpus), row.threads);
    let all = [Line { name, points, color: COLORS[0], style: Style::Marked }];
    let labels = Labels { title: "Speed by number of files", across: "files", up: "images per second" };
    let across = (first * 0.8..(last * 1.25).max(first * 2.0)).log_scale();
    chart::lines(labels, (across, 0.0..top * 1.2), &|files| number(*files), &all)
}

/// `web` of `web x 1000`.
fn corpus(name: &str) -> &str {
    name.split(" x ").next().unwrap_or(name)
}

/// Ours beside others.
pub(super) fn peers(document: &Value) -> Result<String> {
    let comparison: Comparison = read(document)?;
    let took_part = |name: &&str| comparison.rows.iter().any(|row| row.loaders.contains_key(*name));
    let names: Vec<_> = LOADERS.into_iter().filter(took_part).collect();
    let color = |name: &str| match name {
        "ours" => COLORS[0],
        "limit" => COLORS[6],
        _ => COLORS[5],
    };
    let group = |row: &Compared| Group {
        name: format!("{}, {}", row.corpus, row.kind),
        values: names.iter().map(|name| row.loaders.get(*name).and_then(|rate| rate.images_per_second)).collect(),
    };
    let groups: Vec<_> = comparison.rows.iter().map(group).collect();
    let title = format!("Images per second, {} threads each", comparison.threads);
    let named: Vec<_> = names.iter().map(|name| ((*name).to_owned(), color(name))).collect();
    chart::bars(&title, &named, &groups)
}
