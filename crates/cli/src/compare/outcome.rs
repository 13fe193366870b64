//! What came of runs, one row a number.

use std::collections::BTreeSet;

use xfer_trainer::{Direction, LEARNING_RATE};

use crate::runs::{Point, Run};

/// One number, and what it was in each run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) cells: Vec<String>,
    /// Places of the best, where there is a best.
    pub(super) winners: Vec<usize>,
}

/// How far each came, every metric at its best and at last, and the time it took.
pub(super) fn rows(runs: &[Run]) -> Vec<Row> {
    let mut rows = vec![
        plain("state", runs, |run| Some(run.state().to_string())),
        plain("epochs", runs, |run| run.epochs().map(|epochs| epochs.to_string())),
    ];
    for metric in metrics(runs) {
        if metric != LEARNING_RATE {
            rows.push(best(metric, runs));
        }
        rows.push(plain(&format!("{metric}, last"), runs, |run| Some(number(run.last(metric)?.value))));
    }
    let result = |value: fn(&crate::runs::RunResult) -> Option<f64>| {
        move |run: &Run| run.result().and_then(value).map(|value| format!("{value:.1}"))
    };
    rows.push(plain("seconds", runs, result(|result| result.seconds)));
    rows.push(plain("seconds of training", runs, result(|result| result.fit_seconds)));
    rows.push(plain("seconds waited for photos", runs, result(|result| result.wait_seconds)));
    rows.push(plain("images/s", runs, result(|result| result.images_per_second)));
    rows.push(plain("files that failed", runs, |run| run.result().map(|result| result.failures.len().to_string())));
    rows.retain(|row| row.cells.iter().any(|cell| cell != NONE));
    rows
}

const NONE: &str = "-";

fn plain(name: &str, runs: &[Run], value: impl Fn(&Run) -> Option<String>) -> Row {
    let cells = runs.iter().map(|run| value(run).unwrap_or_else(|| NONE.to_owned())).collect();
    Row { name: name.to_owned(), cells, winners: Vec::new() }
}

/// Every metric of any run; those of the validation first, which is what runs are judged by.
fn metrics(runs: &[Run]) -> Vec<&str> {
    let all: BTreeSet<_> = runs
        .iter()
        .filter_map(|run| run.history.as_ref())
        .flat_map(crate::runs::Curves::columns)
        .map(|c| c.0)
        .collect();
    let (validation, training): (Vec<_>, Vec<_>) = all.into_iter().partition(|name| name.starts_with("val_"));
    [validation, training].concat()
}

/// `0.9500 (epoch 3)`, epochs from 1 as a person counts them.
fn best(metric: &str, runs: &[Run]) -> Row {
    let points: Vec<Option<Point>> = runs.iter().map(|run| run.best(metric)).collect();
    let values = points.iter().flatten().map(|point| point.value);
    let best = match Direction::of(metric) {
        Ok(Direction::Min) => values.reduce(f64::min),
        Ok(Direction::Max) => values.reduce(f64::max),
        Err(_) => None,
    };
    let wins = |point: &Option<Point>| point.is_some_and(|point| Some(point.value) == best);
    let winners: Vec<usize> = (0..points.len()).filter(|&run| wins(&points[run])).collect();
    let cell = |point: &Option<Point>| {
        point.map_or_else(|| NONE.to_owned(), |point| format!("{} (epoch {})", number(point.value), point.epoch + 1))
    };
    Row {
        name: format!("{metric}, best"),
        cells: points.iter().map(cell).collect(),
        // Where all are as good, none is best.
        winners: if winners.len() < runs.len() { winners } else { Vec::new() },
    }
}

/// Four digits; small ones as they are.
fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.001 { format!("{value:.2e}") } else { format!("{value:.4}") }
}
