//! `cargo xtask bench-backbone`: how fast features are computed on this machine, beside other libraries.
//!
//! As in `bench`, everything takes turns over several rounds; what is told are medians, of ratios too, so that a machine
//! that is now faster, now slower strikes all alike. Time on the processor is told beside the rate: it says what a thread
//! that has to share the machine costs.

mod peer;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use serde::Deserialize;

use self::peer::Peer;
use crate::{cargo, process};

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A Python with tensorflow, torch or both.
    #[arg(long, env = "XFER_BENCH_PYTHON", value_name = "PATH", default_value = "python3")]
    python: PathBuf,
    /// Networks, separated by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_values_t = ["resnet50", "xception"].map(str::to_owned),
        value_parser = ["resnet50", "xception"])]
    backbone: Vec<String>,
    /// Rounds, in each of which everything is measured once.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Batches of one measurement.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    passes: u16,
    /// Threads that compute.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// Our executable [default: built in release mode].
    #[arg(long, value_name = "PATH")]
    xfer_cli: Option<PathBuf>,
}

/// Images of one batch.
const BATCH: u16 = 16;
const PRECISIONS: [&str; 2] = ["fp32", "bf16"];

/// One measurement.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
struct Measured {
    images_per_second: f64,
    cpu_ms_per_image: Option<f64>,
    peak_resident_bytes: Option<u64>,
}

/// Everything measured of one contestant, a round each; none where it cannot work.
#[derive(Debug)]
struct Column {
    name: String,
    rounds: Vec<Measured>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let executable = match &options.xfer_cli {
        Some(path) => path.clone(),
        None => cargo::build_release("xfer-cli", "xfer-cli")?,
    };
    for backbone in &options.backbone {
        println!("{backbone}, batches of {BATCH} at 224x224, {} threads", options.threads);
        let (mut peers, missing) = Peer::start(&options.python, backbone, BATCH, options.threads)?;
        for (name, why) in missing {
            println!("  without {name}: {why}");
        }
        let ours = PRECISIONS.map(|precision| (format!("xfer {precision}"), precision));
        let (ours, refused): (Vec<_>, Vec<_>) = ours
            .into_iter()
            .map(|(name, precision)| (name, precision, measure(&executable, backbone, precision, 1, options.threads)))
            .partition(|(_, _, tried)| tried.is_ok());
        for (name, _, why) in refused {
            println!("  without {name}: {:#}", why.err().context("no reason")?);
        }
        let names = ours.iter().map(|(name, ..)| name.clone()).chain(peers.iter().map(Peer::label));
        let mut columns: Vec<_> = names.map(|name| Column { name, rounds: Vec::new() }).collect();
        for _ in 0..options.rounds {
            let mut round = Vec::with_capacity(columns.len());
            for (_, precision, _) in &ours {
                round.push(measure(&executable, backbone, precision, options.passes, options.threads)?);
            }
            for peer in &mut peers {
                round.push(peer.measure(options.passes)?);
            }
            for (column, measured) in columns.iter_mut().zip(round) {
                column.rounds.push(measured);
            }
        }
        println!("{}", table(&columns, ours.len()));
    }
    Ok(())
}

fn measure(executable: &Path, backbone: &str, precision: &str, passes: u16, threads: u16) -> Result<Measured> {
    let mut command = Command::new(executable);
    command.args(["bench", "backbone", "--json", "--device", "cpu", "--backbone", backbone, "--precision", precision]);
    for (name, value) in [("--batch-size", BATCH), ("--passes", passes), ("--threads", threads)] {
        command.args([name, &value.to_string()]);
    }
    let told = process::output(&mut command)?;
    serde_json::from_str(&told).with_context(|| format!("{} said {told}", process::line(&command)))
}

/// A line for each contestant; the first `ours` of them are compared with each of the others.
fn table(columns: &[Column], ours: usize) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"));
    let mut lines = vec![format!("  {:<28}{:>10}{:>14}{:>10}", "", "images/s", "CPU ms/image", "peak MiB")];
    for column in columns {
        let of = |value: fn(&Measured) -> Option<f64>| median(column.rounds.iter().filter_map(value).collect());
        lines.push(format!(
            "  {:<28}{:>10}{:>14}{:>10}",
            column.name,
            number(of(|measured| Some(measured.images_per_second))),
            number(of(|measured| measured.cpu_ms_per_image)),
            number(of(|measured| measured.peak_resident_bytes.map(|bytes| bytes as f64 / f64::from(1 << 20)))),
        ));
    }
    let (ours, peers) = columns.split_at(ours);
    for own in ours {
        for peer in peers {
            let rate = |own: &Measured, peer: &Measured| Some(own.images_per_second / peer.images_per_second);
            let time = |own: &Measured, peer: &Measured| Some(peer.cpu_ms_per_image? / own.cpu_ms_per_image?);
            let of = |ratio: &dyn Fn(&Measured, &Measured) -> Option<f64>| {
                median(own.rounds.iter().zip(&peer.rounds).filter_map(|(own, peer)| ratio(own, peer)).collect())
            };
            let told = |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}x"));
            let (rate, time) = (told(of(&rate)), told(of(&time)));
            lines.push(format!("  {} against {}: {rate} by the clock, {time} by the processor", own.name, peer.name));
        }
    }
    lines.join("\n")
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    Some((values[(values.len() - 1) / 2] + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, rounds: &[(f64, f64)]) -> Column {
        let measured = |&(images_per_second, time)| Measured {
            images_per_second,
            cpu_ms_per_image: Some(time),
            peak_resident_bytes: None,
        };
        Column { name: name.to_owned(), rounds: rounds.iter().map(measured).collect() }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // The machine is twice as fast in the second round, and ours twice as fast as the other in both.
        let columns = [column("xfer", &[(10.0, 20.0), (20.0, 10.0)]), column("peer", &[(5.0, 80.0), (10.0, 40.0)])];
        let text = table(&columns, 1);
        assert!(text.ends_with("  xfer against peer: 2.00x by the clock, 4.00x by the processor"), "{text}");
        assert!(text.contains("15.0"), "{text}");
    }

    #[test]
    fn what_xfer_cli_says_is_understood() {
        let told =
            r#"{"images_per_second": 20.5, "cpu_ms_per_image": null, "peak_resident_bytes": 1048576, "threads": 2}"#;
        let measured: Measured = serde_json::from_str(told).unwrap();
        assert_eq!((measured.images_per_second, measured.peak_resident_bytes), (20.5, Some(1 << 20)));
        assert_eq!(median(vec![4.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }
}
