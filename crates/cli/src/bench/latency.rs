//! How long one image takes, from bytes in memory to its final size, where nothing else runs.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Context;
use xfer_loader::Flow;
use xfer_loader::stages::Fitter;

/// One thread's times, and what it saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Latency {
    /// Images measured.
    pub(super) images: usize,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    /// Pixels of the files as they are stored, on average.
    pub(super) pixels: f64,
}

/// Decodes and resizes every sample of the flow, one after the other.
pub(super) fn measure(flow: &Flow) -> anyhow::Result<Latency> {
    let mut fitter = Fitter::new();
    let mut once = |bytes: &[u8]| black_box(fitter.fit(black_box(bytes), flow)).map(|(height, width)| height * width);
    let (mut times, mut pixels) = (Vec::new(), 0);
    for name in flow.filenames() {
        let path = flow.root().join(name);
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let failed = || format!("cannot decode {}", path.display());
        if times.is_empty() {
            // The loader's threads find cold buffers once, not with every image.
            once(&bytes).with_context(failed)?;
        }
        let start = Instant::now();
        pixels += once(&bytes).with_context(failed)?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(Latency {
        images: times.len(),
        p50: percentile(&times, 50),
        p99: percentile(&times, 99),
        pixels: pixels as f64 / times.len().max(1) as f64,
    })
}

/// The smallest time that `percent` of all do not exceed (nearest rank); zero where there is none.
pub(super) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&times[..1], 99), Duration::from_millis(1));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}
