//! Ours beside other loaders: one table of rates.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use super::corpus::Corpus;
use super::ours::{Latency, OURS, Ours, Running};
use super::peer::{LIMIT, Peer};
use super::row::Row;
use super::{Options, table};

/// Every row's rates, and who took part.
#[derive(Debug)]
pub(super) struct Comparison {
    threads: u16,
    rows: Vec<Measured>,
    /// Loaders in the order of the columns, with their versions.
    peers: Vec<(&'static str, String)>,
    missing: Vec<(&'static str, String)>,
}

#[derive(Debug)]
struct Measured {
    corpus: String,
    kind: &'static str,
    /// Images per second of each pass, by loader.
    rates: BTreeMap<&'static str, Vec<f64>>,
    /// Why a loader has none.
    failures: Vec<(&'static str, String)>,
    /// Ours, in each round.
    latencies: Vec<Latency>,
}

pub(super) fn run(options: &Options, ours: &Ours, corpora: &[Corpus]) -> Result<Comparison> {
    let threads = options.threads.first().copied().unwrap_or(2);
    let names = options.peers();
    let (mut peers, missing) = Peer::start(&options.python, &names)?;
    let mut running = ours.start()?;
    let rows = options.rows(corpora);
    let mut measured = Vec::new();
    for ways in rows.chunk_by(|a, b| b.is_another_way_of(a)) {
        let kinds: Vec<_> = ways.iter().map(Row::kind).collect();
        options.progress(&format!("{} {} ...", ways[0].corpus.name, kinds.join(" and ")));
        measured.extend(measure(options, ways, threads, &mut running, &mut peers)?);
    }
    let peers = peers.iter().map(|peer| (peer.name, peer.versions.clone())).collect();
    Ok(Comparison { threads, rows: measured, peers, missing })
}

/// Round after round, every loader does one pass, ours and the limit one for each of the `ways` in which they do the same
/// work. A peer that fails is out of it.
fn measure(
    options: &Options,
    ways: &[Row],
    threads: u16,
    ours: &mut Running,
    peers: &mut [Peer],
) -> Result<Vec<Measured>> {
    let mut measured: Vec<_> = ways.iter().map(Measured::nothing_yet).collect();
    for _ in 0..options.passes {
        for (row, measured) in ways.iter().zip(&mut measured) {
            measured.add(OURS, Ok(ours.pass(row, threads)?));
            measured.latencies.push(ours.latency(row)?);
        }
        for peer in &mut *peers {
            let together = if peer.name == LIMIT { 1 } else { ways.len() };
            for (rows, measured) in ways.chunks(together).zip(measured.chunks_mut(together)) {
                if rows[0].is_for(peer.name) && !measured[0].failed(peer.name) {
                    let rate = peer.pass(&rows[0], threads).map_err(|error| format!("{error:#}"));
                    measured.iter_mut().for_each(|measured| measured.add(peer.name, rate.clone()));
                }
            }
        }
    }
    Ok(measured)
}

impl Measured {
    fn nothing_yet(row: &Row) -> Measured {
        Measured {
            corpus: row.corpus.name.clone(),
            kind: row.kind(),
            rates: BTreeMap::new(),
            failures: Vec::new(),
            latencies: Vec::new(),
        }
    }

    fn add(&mut self, name: &'static str, rate: Result<f64, String>) {
        match rate {
            Ok(rate) => self.rates.entry(name).or_default().push(rate),
            Err(why) => {
                self.rates.remove(name);
                self.failures.push((name, why));
            }
        }
    }

    fn failed(&self, name: &str) -> bool {
        self.failures.iter().any(|(failed, _)| *failed == name)
    }

    /// Medians over the rounds.
    fn latency(&self) -> Option<Latency> {
        let median = |of: fn(&Latency) -> f64| table::median(&self.latencies.iter().map(of).collect::<Vec<_>>());
        Some(Latency { p50_ms: median(|latency| latency.p50_ms)?, p99_ms: median(|latency| latency.p99_ms)? })
    }

    fn median(&self, name: &str) -> Option<f64> {
        self.rates.get(name).and_then(|rates| table::median(rates))
    }

    /// The fastest of the other loaders; the limit is none.
    fn best_peer(&self) -> Option<(&'static str, f64)> {
        let peers = self.rates.keys().copied().filter(|name| ![OURS, LIMIT].contains(name));
        peers.filter_map(|name| Some((name, self.median(name)?))).max_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn to_best(&self) -> Option<f64> {
        Some(self.median(OURS)? / self.best_peer()?.1)
    }

    fn to_limit(&self) -> Option<f64> {
        Some(self.median(OURS)? / self.median(LIMIT)?)
    }
}

impl Comparison {
    /// As a document, and as text.
    pub(super) fn told(&self) -> (Value, String) {
        (self.document(), self.text())
    }

    fn text(&self) -> String {
        let mut header = vec!["corpus", "", OURS];
        header.extend(self.peers.iter().map(|(name, _)| *name));
        let compared = !self.peers.is_empty();
        if compared {
            header.extend(["to best", "to limit"]);
        }
        header.extend(["p50 ms", "p99 ms"]);
        let cells = |row: &Measured| {
            let rate = |name: &str| row.median(name).map_or_else(|| "-".to_owned(), table::rate);
            let mut cells = vec![row.corpus.clone(), row.kind.to_owned(), rate(OURS)];
            cells.extend(self.peers.iter().map(|(name, _)| rate(name)));
            if compared {
                cells.extend([table::ratio(row.to_best()), table::ratio(row.to_limit())]);
            }
            let latency = row.latency();
            let milliseconds =
                |of: fn(Latency) -> f64| latency.map_or_else(|| "-".to_owned(), |it| format!("{:.2}", of(it)));
            cells.extend([milliseconds(|it| it.p50_ms), milliseconds(|it| it.p99_ms)]);
            cells
        };
        let mut lines = vec![format!(
            "Images per second, {0}x{0}, batches of {1}, {2} threads each, medians of {3} passes",
            super::SIZE,
            super::BATCH,
            self.threads,
            self.rows.first().and_then(|row| row.rates.get(OURS)).map_or(0, Vec::len)
        )];
        lines.push(table::render(&header, &self.rows.iter().map(cells).collect::<Vec<_>>(), 2));
        lines.push("p50 ms, p99 ms: ours, one image by one thread, from bytes in memory to its final size".to_owned());
        if self.rows.iter().any(|row| row.kind == "scaled") {
            lines.push("scaled: as bilinear, with --decode scaled; other loaders do the same in both rows".to_owned());
        }
        if self.peers.iter().any(|(name, _)| *name == LIMIT) {
            lines.push(
                "limit: libjpeg-turbo decodes files that are in memory, and nothing else; in scaled rows at the"
                    .to_owned(),
            );
            lines.push("smallest scale that is not smaller than the result".to_owned());
        }
        lines.extend(self.peers.iter().map(|(name, versions)| format!("{name}: {versions}")));
        lines.extend(self.missing.iter().map(|(name, why)| format!("{name}: {why}")));
        let failures = self.rows.iter().flat_map(|row| row.failures.iter().map(move |failure| (row, failure)));
        lines.extend(failures.map(|(row, (name, why))| format!("{name} failed on {} {}: {why}", row.corpus, row.kind)));
        lines.join("\n")
    }

    fn document(&self) -> Value {
        let row = |row: &Measured| {
            let of = |name: &str| json!({ "images_per_second": row.median(name), "passes": row.rates.get(name) });
            let all: BTreeMap<_, _> = row.rates.keys().map(|name| (*name, of(name))).collect();
            json!({
                "corpus": row.corpus,
                "kind": row.kind,
                "loaders": all,
                "best_peer": row.best_peer().map(|(name, _)| name),
                "ratio_to_best_peer": row.to_best(),
                "ratio_to_limit": row.to_limit(),
                "latency": row.latency(),
                "failures": row.failures.iter().cloned().collect::<BTreeMap<_, _>>(),
            })
        };
        json!({
            "image_size": super::SIZE,
            "batch_size": super::BATCH,
            "threads": self.threads,
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
            "peers": self.peers.iter().cloned().collect::<BTreeMap<_, _>>(),
            "missing": self.missing.iter().cloned().collect::<BTreeMap<_, _>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison() -> Comparison {
        let rates =
            |rates: &[(&'static str, &[f64])]| rates.iter().map(|(name, rates)| (*name, rates.to_vec())).collect();
        let web = rates(&[
            (OURS, &[900.0, 1000.0, 950.0]),
            ("keras", &[300.0, 310.0, 290.0]),
            ("opencv", &[475.0, 480.0, 400.0]),
            (LIMIT, &[1000.0, 1000.0, 900.0]),
        ]);
        let augmented = rates(&[(OURS, &[500.0]), ("keras", &[50.0])]);
        let latencies = vec![Latency { p50_ms: 1.0, p99_ms: 2.5 }, Latency { p50_ms: 1.5, p99_ms: 2.5 }];
        let measured =
            |kind, rates, failures, latencies| Measured { corpus: "web".to_owned(), kind, rates, failures, latencies };
        Comparison {
            threads: 2,
            rows: vec![
                measured("nearest", web, Vec::new(), latencies),
                measured("augmented", augmented, vec![("opencv", "no such file".to_owned())], Vec::new()),
            ],
            peers: vec![("keras", "keras 3".to_owned()), ("opencv", "cv 5".to_owned()), (LIMIT, "turbo 3".to_owned())],
            missing: vec![("dali", "not installed (no nvidia)".to_owned())],
        }
    }

    #[test]
    fn the_table_names_everyone() {
        let expected = "\
Images per second, 224x224, batches of 32, 2 threads each, medians of 3 passes
corpus             ours  keras  opencv  limit  to best  to limit  p50 ms  p99 ms
web     nearest     950    300     475   1000    2.00x     0.95x    1.25    2.50
web     augmented   500   50.0       -      -   10.00x         -       -       -
p50 ms, p99 ms: ours, one image by one thread, from bytes in memory to its final size
limit: libjpeg-turbo decodes files that are in memory, and nothing else; in scaled rows at the
smallest scale that is not smaller than the result
keras: keras 3
opencv: cv 5
limit: turbo 3
dali: not installed (no nvidia)
opencv failed on web augmented: no such file";
        assert_eq!(comparison().text(), expected);
    }

    #[test]
    fn the_limit_is_no_peer() {
        let document = comparison().document();
        assert_eq!(document["rows"][0]["best_peer"], "opencv");
        assert_eq!(document["rows"][0]["ratio_to_limit"], 0.95);
        assert!(document["rows"][1]["ratio_to_limit"].is_null());
        assert_eq!(document["missing"]["dali"], "not installed (no nvidia)");
    }

    #[test]
    fn ours_alone_is_compared_with_nobody() {
        let alone = Comparison { peers: Vec::new(), missing: Vec::new(), ..comparison() };
        assert!(!alone.text().contains("to best") && alone.text().contains("ours"), "{}", alone.text());
    }
}
