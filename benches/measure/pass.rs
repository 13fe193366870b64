//! Whole passes.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use xfer_loader::Flow;

use crate::job::Job;
use crate::memory;

/// Epochs differ in what is drawn, not in what is read.
static EPOCH: AtomicU64 = AtomicU64::new(0);

/// Points of a curve.
const POINTS: usize = 200;

/// From starting the threads to the last batch.
pub(crate) fn timed(flow: &Flow, job: &Job) -> Result<Value> {
    let start = Instant::now();
    let images = pass(flow, job, |_| ())?;
    Ok(json!({ "images": images, "seconds": start.elapsed().as_secs_f64() }))
}

/// Resident bytes after so many images; those before the first; and the budget of the loader, above those.
pub(crate) fn watched(flow: &Flow, job: &Job) -> Result<Value> {
    let before = memory::resident();
    let every = flow.batches_per_epoch().div_ceil(POINTS).max(1);
    let (mut curve, mut batches) = (Vec::new(), 0_usize);
    let images = pass(flow, job, |images| {
        batches += 1;
        if batches.is_multiple_of(every) {
            curve.push((images, memory::resident()));
        }
    })?;
    Ok(json!({
        "images": images,
        "before_bytes": before,
        "peak_bytes": memory::peak(),
        "budget_bytes": job.loader().max_bytes_in_flight,
        "resident": curve,
    }))
}

fn pass(flow: &Flow, job: &Job, mut seen: impl FnMut(usize)) -> Result<usize> {
    let epoch = EPOCH.fetch_add(1, Ordering::Relaxed);
    let mut images = 0;
    for batch in flow.stream(epoch..epoch + 1, &job.loader())?.blocking() {
        images += black_box(batch?).len();
        seen(images);
    }
    ensure!(images == flow.samples(), "{images} of {} images came", flow.samples());
    Ok(images)
}
