//! `cargo xtask bench`: how fast the loader is on this machine, beside other loaders, and how it scales.
//!
//! Everything that is compared takes turns, one pass each, over several rounds, so that whatever else the machine does
//! strikes all of them; the medians are told.

mod compare;
pub(crate) mod corpus;
mod counts;
mod ours;
mod overhead;
mod peer;
mod row;
mod scaling;
mod table;
mod texture;
mod worker;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use self::corpus::{Corpus, RECIPES};
use self::ours::Ours;
use self::peer::{LIMIT, PEERS};
use self::row::{KINDS, Row};
use crate::{cargo, workspace};

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Measure other loaders too, those that the Python has: Keras, tf.data, torch's DataLoader, OpenCV, SPDL, DALI.
    #[arg(long)]
    peers: bool,
    /// A Python with other loaders.
    #[arg(long, env = "XFER_BENCH_PYTHON", value_name = "PATH", default_value = "python3")]
    python: PathBuf,
    /// A folder of class folders with photos [default: three corpora drawn for this, once].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Measured passes of each loader.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    passes: u16,
    /// Measure only these, separated by commas: web, phone, small; nearest, bilinear, scaled, augmented; other loaders.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Instead of comparing, measure ours by number of threads and by number of files, and its memory.
    #[arg(long, conflicts_with = "peers")]
    scaling: bool,
    /// Instead of comparing, measure what recording metrics costs.
    #[arg(long, conflicts_with_all = ["peers", "scaling"])]
    overhead: bool,
    /// Instead of timing, count the instructions of each stage, by valgrind; --only takes parts of the cases' names.
    #[arg(long, conflicts_with_all = ["peers", "scaling", "overhead", "data", "passes", "threads"])]
    counts: bool,
    /// Only draw the photos that everything is measured on, and print the folder that they are in.
    #[arg(long, exclusive = true)]
    draw: bool,
    /// Threads or workers of every loader [default: 2; with --scaling 1,2,4,64].
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Vec<u16>,
    /// Files of a folder, with --scaling.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000], requires = "scaling",
        value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    files: Vec<u32>,
    /// The executable xfer-measure of the package xfer-benches [default: built in release mode].
    #[arg(long, value_name = "PATH")]
    executable: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    /// Keep the result where `cargo xtask plots` draws it from.
    #[arg(long)]
    save: bool,
}

/// Side of the images of a batch, in pixels, and images of one.
const SIZE: u16 = 224;
const BATCH: u16 = 32;

/// Where results are kept: `comparison.json`, `scaling.json`, `overhead.json` and `counts.json`.
pub(crate) fn kept() -> PathBuf {
    workspace::root().join("docs").join("bench")
}

pub(crate) fn run(options: &Options) -> Result<()> {
    options.check()?;
    if options.draw {
        RECIPES.iter().try_for_each(|recipe| recipe.corpus().map(drop))?;
        println!("{}", corpus::drawn().display());
        return Ok(());
    }
    let executable = match &options.executable {
        Some(path) => path.clone(),
        None => cargo::build_release("xfer-benches", "xfer-measure")?,
    };
    let ours = Ours::new(&executable);
    let corpora = options.corpora()?;
    let (name, (document, text)) = if options.counts {
        ("counts", counts::run(options, &executable, &corpus::drawn())?.told())
    } else if options.scaling {
        ("scaling", scaling::run(options, &ours, &corpora)?.told())
    } else if options.overhead {
        ("overhead", overhead::run(options, &ours, &options.rows(&corpora))?.told())
    } else {
        ("comparison", compare::run(options, &ours, &corpora)?.told())
    };
    let json = serde_json::to_string_pretty(&document)?;
    if options.save {
        keep(&kept().join(name).with_extension("json"), &json)?;
    }
    println!("{}", if options.json { &json } else { &text });
    Ok(())
}

fn keep(path: &Path, json: &str) -> Result<()> {
    let folder = path.parent().context("a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    fs::write(path, format!("{json}\n")).with_context(|| format!("cannot write {}", path.display()))
}

impl Options {
    /// What clap cannot see.
    fn check(&self) -> Result<()> {
        let known = || RECIPES.iter().map(|recipe| recipe.name).chain(KINDS).chain(PEERS);
        let unknown = self.only.iter().find(|name| !known().any(|known| known == *name));
        if let Some(name) = unknown.filter(|_| !self.counts) {
            bail!("--only {name}: expected one of {}", known().collect::<Vec<_>>().join(", "));
        }
        if !self.scaling && self.threads.len() > 1 {
            bail!("--threads: one number of threads to compare with; --scaling takes several");
        }
        Ok(())
    }

    /// Whether `--only` leaves `name`, one of the names `of` a kind; a kind that it does not speak of stays.
    fn leaves(&self, name: &str, of: impl IntoIterator<Item = &'static str>) -> bool {
        let mut spoken_of = of.into_iter().filter(|other| self.only.iter().any(|only| only == other)).peekable();
        spoken_of.peek().is_none() || spoken_of.any(|other| other == name)
    }

    fn corpora(&self) -> Result<Vec<Corpus>> {
        if let Some(folder) = &self.data {
            return Ok(vec![corpus::own(folder)?]);
        }
        if self.counts {
            return RECIPES.iter().map(corpus::Recipe::corpus).collect();
        }
        let names = || RECIPES.iter().map(|recipe| recipe.name);
        RECIPES.iter().filter(|recipe| self.leaves(recipe.name, names())).map(corpus::Recipe::corpus).collect()
    }

    fn rows(&self, corpora: &[Corpus]) -> Vec<Row> {
        corpora.iter().flat_map(Row::of).filter(|row| self.leaves(row.kind(), KINDS)).collect()
    }

    /// The other loaders to start, and the limit.
    fn peers(&self) -> Vec<&'static str> {
        let peers: &[&str] = if self.peers { &PEERS } else { &[] };
        let limit = self.peers.then_some(LIMIT);
        peers.iter().copied().filter(|peer| self.leaves(peer, PEERS)).chain(limit).collect()
    }

    /// Says where a long run is; never among JSON.
    fn progress(&self, line: &str) {
        if self.json { eprintln!("{line}") } else { println!("{line}") }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(flatten)]
        options: Options,
    }

    fn options(words: &str) -> Result<Options> {
        let typed = Typed::try_parse_from(std::iter::once("bench").chain(words.split_whitespace()))?;
        typed.options.check()?;
        Ok(typed.options)
    }

    fn kinds(words: &str) -> Vec<String> {
        let corpora = [row::tests::row("web", false).corpus];
        options(words).unwrap().rows(&corpora).iter().map(|row| row.kind().to_owned()).collect()
    }

    #[test]
    fn all_is_measured_unless_less_is_asked_for() {
        assert_eq!(kinds(""), ["nearest", "bilinear", "augmented"]);
        assert_eq!(kinds("--only bilinear,web"), ["bilinear"]);
        assert_eq!(kinds("--peers --only keras"), kinds(""));
        assert!(options("").unwrap().peers().is_empty());
        assert_eq!(options("--peers").unwrap().peers(), PEERS.into_iter().chain([LIMIT]).collect::<Vec<_>>());
        assert_eq!(options("--peers --only web,keras,torch").unwrap().peers(), ["keras", "torch", LIMIT]);
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        for words in [
            "--only webb",
            "--threads 1,2",
            "--threads 0",
            "--passes 0",
            "--files 10",
            "--peers --scaling",
            "--scaling --files 0",
            "--counts --peers",
            "--draw --peers",
        ] {
            assert!(options(words).is_err(), "{words}");
        }
        assert_eq!(options("--counts --only resize,decode/web").unwrap().only.len(), 2);
        let scaling = options("--scaling --threads 1,3 --files 10,20").unwrap();
        assert_eq!((scaling.threads, scaling.files), (vec![1, 3], vec![10, 20]));
    }
}
