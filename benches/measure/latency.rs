//! How long one image takes, from bytes in memory to its final size, where nothing else runs.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use xfer_loader::Flow;
use xfer_loader::stages::Fitter;

/// Photos that are measured, spread over the folder.
const PHOTOS: usize = 200;

/// Decodes and resizes one photo after another, as a thread of the loader does.
pub(crate) fn measure(flow: &Flow) -> Result<Value> {
    let mut fitter = Fitter::new();
    let mut once = |bytes: &[u8]| black_box(fitter.fit(black_box(bytes), flow)).map(drop);
    let mut times = Vec::new();
    for name in flow.spread(PHOTOS).filenames() {
        let path = flow.root().join(name);
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let failed = || format!("cannot decode {}", path.display());
        if times.is_empty() {
            // The loader's threads find cold buffers once, not with every image.
            once(&bytes).with_context(failed)?;
        }
        let start = Instant::now();
        once(&bytes).with_context(failed)?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let milliseconds = |percent| percentile(&times, percent).as_secs_f64() * 1e3;
    Ok(json!({ "images": times.len(), "p50_ms": milliseconds(50), "p99_ms": milliseconds(99) }))
}

/// The smallest time that `percent` of all do not exceed (nearest rank); zero where there is none.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
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
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}
