//! `cargo xtask observe soak`: a training that is scraped each second for a long time grows by nothing.

use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::training::Training;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// How long.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
    minutes: u16,
    /// Our executable [default: built in debug mode].
    #[arg(long, value_name = "PATH")]
    xfer_cli: Option<PathBuf>,
}

const SCRAPES: Duration = Duration::from_secs(1);
const MINUTE: usize = 60;
/// The history of a training grows with its epochs, and so may the whole by that much in any length of time.
const MOST_GROWTH: f64 = 0.02;
/// Files that are open for a moment only.
const MOST_DESCRIPTORS: usize = 8;

/// At one scrape.
#[derive(Clone, Copy, Debug)]
struct Sample {
    resident_kib: u64,
    descriptors: usize,
    epoch: f64,
    scraped_bytes: usize,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let training = Training::start(options.xfer_cli.as_deref())?;
    let url = format!("http://{}/metrics", training.address());
    println!("minute   RSS MiB  descriptors     epoch  scrape KiB");
    let (begun, mut samples) = (Instant::now(), Vec::new());
    let all = usize::from(options.minutes) * MINUTE;
    while samples.len() < all {
        let sample = sample(&url, training.id()).with_context(|| format!("it said:\n{}", training.said()))?;
        samples.push(sample);
        if samples.len() % MINUTE == 0 {
            let Sample { resident_kib, descriptors, epoch, scraped_bytes } = sample;
            let (mebibytes, scraped) = (resident_kib as f64 / 1024.0, scraped_bytes as f64 / 1024.0);
            println!("{:>6}  {mebibytes:>8.1}  {descriptors:>11}  {epoch:>8}  {scraped:>10.1}", samples.len() / MINUTE);
        }
        let due = SCRAPES * samples.len() as u32;
        thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    judge(&samples)
}

fn sample(url: &str, process: u32) -> Result<Sample> {
    let metrics = ureq::get(url).call()?.body_mut().read_to_string()?;
    let epoch = metrics.lines().find(|line| line.starts_with("train_epoch{"));
    let epoch = epoch.and_then(|line| line.rsplit_once(' ')?.1.parse().ok()).unwrap_or(0.0);
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    Ok(Sample {
        resident_kib: resident.context("the system does not tell how much memory a process takes")?,
        descriptors: fs::read_dir(format!("/proc/{process}/fd"))?.count(),
        epoch,
        scraped_bytes: metrics.len(),
    })
}

/// The last tenth must not be larger than the second one: the first one is warming up.
fn judge(samples: &[Sample]) -> Result<()> {
    let tenth = (samples.len() / 10).max(1);
    let early = &samples[tenth..2 * tenth];
    let late = &samples[samples.len() - tenth..];
    let median = |part: &[Sample], of: fn(&Sample) -> u64| {
        let mut values: Vec<u64> = part.iter().map(of).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    let resident = [early, late].map(|part| median(part, |sample| sample.resident_kib) as f64 / 1024.0);
    let most = |part: &[Sample]| part.iter().map(|sample| sample.descriptors).max().unwrap_or(0);
    let descriptors = [early, late].map(most);
    println!(
        "{} scrapes: resident {:.1} MiB early, {:.1} MiB late; descriptors at most {} early, {} late",
        samples.len(),
        resident[0],
        resident[1],
        descriptors[0],
        descriptors[1]
    );
    ensure!(
        samples.last().map(|sample| sample.epoch) > samples.first().map(|sample| sample.epoch),
        "training stood still"
    );
    ensure!(resident[1] <= resident[0] * (1.0 + MOST_GROWTH), "memory has grown");
    ensure!(descriptors[1] <= descriptors[0] + MOST_DESCRIPTORS, "descriptors have grown");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(growth: f64, descriptors: usize, epochs: f64) -> Result<()> {
        let sample = |second: u32| Sample {
            resident_kib: (500_000.0 + growth * f64::from(second)) as u64,
            descriptors: 9 + descriptors * second as usize / 600,
            epoch: epochs * f64::from(second),
            scraped_bytes: 9000,
        };
        judge(&(0..600).map(sample).collect::<Vec<_>>())
    }

    #[test]
    fn growth_is_noticed() {
        assert!(told(0.0, 0, 1.0).is_ok());
        assert!(told(50.0, 0, 1.0).unwrap_err().to_string().contains("memory"));
        assert!(told(0.0, 60, 1.0).unwrap_err().to_string().contains("descriptors"));
        assert!(told(0.0, 0, 0.0).unwrap_err().to_string().contains("stood still"));
    }
}
