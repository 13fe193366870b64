//! What recording metrics costs the loader: the same passes with a recorder that is scraped each second, and without.

use anyhow::Result;
use serde_json::{Value, json};

use super::ours::{Ours, Running};
use super::row::Row;
use super::{Options, table};

/// Passes of one measurement: a single one is too short to see a percent of it.
const PASSES: u16 = 8;
/// Threads, if no number is asked for.
const THREADS: u16 = 2;

/// A corpus, with and without.
#[derive(Debug)]
struct Measured {
    name: String,
    /// Seconds for an image: without, and with.
    rounds: Vec<[f64; 2]>,
}

#[derive(Debug)]
pub(super) struct Overhead {
    rows: Vec<Measured>,
}

pub(super) fn run(options: &Options, ours: &Ours, rows: &[Row]) -> Result<Overhead> {
    let threads = options.threads.first().copied().unwrap_or(THREADS);
    let mut processes = [ours.start()?, ours.start_recorded()?];
    let mut measured: Vec<Measured> = rows
        .iter()
        .map(|row| Measured { name: format!("{} {}", row.corpus.name, row.kind()), rounds: Vec::new() })
        .collect();
    for round in 0..options.passes {
        options.progress(&format!("round {} of {} ...", round + 1, options.passes));
        for (row, measured) in rows.iter().zip(&mut measured) {
            let mut seconds = [0.0; 2];
            // Either is first every other time: whatever the machine does strikes both.
            for pass in 0..PASSES {
                let first = usize::from(pass % 2);
                for which in [first, 1 - first] {
                    seconds[which] += per_image(&mut processes[which], row, threads)?;
                }
            }
            measured.rounds.push(seconds.map(|sum| sum / f64::from(PASSES)));
        }
    }
    Ok(Overhead { rows: measured })
}

fn per_image(process: &mut Running, row: &Row, threads: u16) -> Result<f64> {
    Ok(1.0 / process.pass(row, threads)?)
}

impl Measured {
    /// How much longer an image takes, of each round, as a share, in ascending order.
    fn overheads(&self) -> Vec<f64> {
        let mut shares: Vec<f64> = self.rounds.iter().map(|[without, with]| with / without - 1.0).collect();
        shares.sort_by(f64::total_cmp);
        shares
    }
}

impl Overhead {
    /// As a document, and as text.
    pub(super) fn told(&self) -> (Value, String) {
        let percent = |share: f64| format!("{:+.2} %", share * 100.0);
        let cells = |row: &Measured| {
            let shares = row.overheads();
            let at = |quarter: usize| {
                shares.get((shares.len().max(1) - 1) * quarter / 4).copied().map_or_else(|| "-".to_owned(), percent)
            };
            vec![row.name.clone(), row.rounds.len().to_string(), at(2), at(1), at(3)]
        };
        let header = ["photos", "rounds", "median", "lower quartile", "upper quartile"];
        let text = table::render(&header, &self.rows.iter().map(cells).collect::<Vec<_>>(), 1);
        let rows: Vec<Value> =
            self.rows.iter().map(|row| json!({ "photos": row.name, "overheads": row.overheads() })).collect();
        (
            json!({ "rows": rows }),
            format!("How much longer an image takes while metrics are recorded and scraped\n{text}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_compared_one_by_one() {
        let rounds = vec![[1.0, 1.02], [2.0, 2.02], [4.0, 4.0]];
        let measured = Overhead { rows: vec![Measured { name: "web nearest".to_owned(), rounds }] };
        let (document, text) = measured.told();
        assert!(text.contains("+1.00 %") && text.lines().count() == 3, "{text}");
        assert_eq!(document["rows"][0]["overheads"][0], 0.0);
    }
}
