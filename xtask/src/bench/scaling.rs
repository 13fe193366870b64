//! Ours alone, by number of threads and by number of files, with the memory that it takes.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::corpus::{self, Corpus};
use super::ours::{Memory, Ours};
use super::row::Row;
use super::{Options, table};

/// Threads of the table by files, and of the table by threads if none are asked for.
const THREADS_BY_FILES: u16 = 2;
const MANY_THREADS: u16 = 64;
const THREADS: [u16; 4] = [1, 2, 4, 64];

/// One line of both tables.
#[derive(Debug)]
struct Measured {
    corpus: String,
    files: usize,
    threads: u16,
    /// Images per second of each pass.
    rates: Vec<f64>,
    /// Of a pass before those, in a process of its own.
    memory: Memory,
}

/// Both tables.
#[derive(Debug)]
pub(super) struct Scaling {
    by_threads: Vec<Measured>,
    by_files: Vec<Measured>,
}

pub(super) fn run(options: &Options, ours: &Ours, corpora: &[Corpus]) -> Result<Scaling> {
    let threads = if options.threads.is_empty() { &THREADS[..] } else { &options.threads };
    let jobs = corpora.iter().flat_map(|corpus| threads.iter().map(|threads| (corpus.clone(), *threads)));
    options.progress("by number of threads ...");
    let by_threads = measure(options, ours, &jobs.collect::<Vec<_>>())?;

    options.progress("by number of files ...");
    let place = corpus::folder();
    std::fs::create_dir_all(&place).with_context(|| format!("cannot create {}", place.display()))?;
    let workshop = tempfile::Builder::new().prefix(".files-").tempdir_in(&place).context("cannot make a folder")?;
    let mut jobs = Vec::new();
    if let Some(first) = corpora.first() {
        for files in &options.files {
            let folder = workshop.path().join(files.to_string());
            jobs.push((corpus::repeated(first, *files as usize, &folder)?, THREADS_BY_FILES));
        }
        // The longest pass by many threads as well: for its memory.
        jobs.extend(jobs.last().cloned().map(|(corpus, _)| (corpus, MANY_THREADS)));
    }
    Ok(Scaling { by_threads, by_files: measure(options, ours, &jobs)? })
}

/// Each job in a process of its own: a pass whose memory is watched, then, round after round, one that is timed.
fn measure(options: &Options, ours: &Ours, jobs: &[(Corpus, u16)]) -> Result<Vec<Measured>> {
    let rows: Vec<_> = jobs.iter().map(|(corpus, threads)| (Row::of(corpus).swap_remove(0), *threads)).collect();
    let mut all = Vec::new();
    for (row, threads) in &rows {
        let mut running = ours.start()?;
        let memory = running.memory(row, *threads)?;
        let corpus = row.corpus.name.clone();
        all.push((running, Measured { corpus, files: memory.images, threads: *threads, rates: Vec::new(), memory }));
    }
    for _ in 0..options.passes {
        for ((running, measured), (row, threads)) in all.iter_mut().zip(&rows) {
            measured.rates.push(running.pass(row, *threads)?);
        }
    }
    Ok(all.into_iter().map(|(_, measured)| measured).collect())
}

impl Measured {
    fn rate(&self) -> Option<f64> {
        table::median(&self.rates)
    }
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

impl Scaling {
    /// As a document, and as text.
    pub(super) fn told(&self) -> (Value, String) {
        let document = json!({ "by_threads": document(&self.by_threads), "by_files": document(&self.by_files) });
        let title = "Images per second (nearest, not augmented), and MiB resident at most and before the first pass";
        (document, format!("{title}\n{}\n\n{}", text(&self.by_threads), text(&self.by_files)))
    }
}

fn text(rows: &[Measured]) -> String {
    let number = |value: Option<f64>, format: fn(f64) -> String| value.map_or_else(|| "-".to_owned(), format);
    let cells = |row: &Measured| {
        vec![
            row.corpus.clone(),
            row.files.to_string(),
            row.threads.to_string(),
            number(row.rate(), table::rate),
            number(row.memory.peak_bytes.map(mebibytes), |mib| format!("{mib:.0}")),
            number(row.memory.before_bytes.map(mebibytes), |mib| format!("{mib:.0}")),
        ]
    };
    let header = ["corpus", "files", "threads", "images/s", "MiB", "before"];
    table::render(&header, &rows.iter().map(cells).collect::<Vec<_>>(), 1)
}

fn document(rows: &[Measured]) -> Vec<Value> {
    let row = |row: &Measured| {
        json!({
            "corpus": row.corpus,
            "files": row.files,
            "threads": row.threads,
            "images_per_second": row.rate(),
            "memory": row.memory,
        })
    };
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_medians_and_memory_is_the_most() {
        let measured = |threads, rates: &[f64], mebibytes: u64| Measured {
            corpus: "web".to_owned(),
            files: 800,
            threads,
            rates: rates.to_vec(),
            memory: Memory {
                images: 800,
                before_bytes: None,
                peak_bytes: Some(mebibytes << 20),
                budget_bytes: 1 << 28,
                resident: vec![(32, Some(9 << 20))],
            },
        };
        let rows = [measured(1, &[400.0, 500.0, 450.0], 95), measured(64, &[80.0], 310)];
        let expected = "\
corpus  files  threads  images/s  MiB  before
web       800        1       450   95       -
web       800       64      80.0  310       -";
        assert_eq!(text(&rows), expected);
        assert_eq!(document(&rows)[0]["memory"]["peak_bytes"], 95 << 20);
    }
}
