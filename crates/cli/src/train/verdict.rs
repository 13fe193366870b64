//! What the training waited for, and what would help.

use serde_json::{Value, json};
use xfer_loader::Report;
use xfer_telemetry::stage;
use xfer_telemetry::verdict::{BUDGET, Bound, LoaderTime, PLAN, TrainingTime, Verdict};

use super::TrainConfig;

/// Of a training whose streams had these reports; `features` are those from the cache and those computed.
pub(super) fn of(time: &TrainingTime, reports: &[Report], features: Option<(u64, u64)>) -> Verdict {
    let mut loader = LoaderTime::default();
    reports.iter().for_each(|report| loader += report.time);
    Verdict::new(time, &loader, features)
}

/// What to do about it.
pub(super) fn advice(verdict: &Verdict, config: &TrainConfig) -> Option<&'static str> {
    let photos = &config.features.photos;
    let is_antialiased = config.features.interpolation != xfer_loader::Interpolation::Nearest;
    Some(match (verdict.bound?, verdict.cause.map(|cause| cause.name)) {
        (Bound::Loader, Some(stage::READ)) => "faster or nearer storage",
        (Bound::Loader, Some(stage::DECODE)) if is_antialiased && photos.decode == xfer_loader::DecodeScale::Exact => {
            "more cores, or --decode scaled"
        }
        (Bound::Loader, Some(stage::RESIZE)) if is_antialiased => "more cores, or a cheaper --interpolation",
        (Bound::Loader, Some(stage::AUGMENT)) if config.cache_views.is_none() => {
            "more cores, or --cache-views to make do with few draws of each photo"
        }
        (Bound::Loader, Some(BUDGET)) => "smaller batches: their buffers fill the loader's byte budget",
        (Bound::Loader, Some(PLAN)) => "nearer storage: what is in the cache is found by looking at every file",
        (Bound::Loader, _) => "more cores",
        (Bound::Upload, _) => "larger batches, or a smaller --image-size",
        (Bound::Backbone, _) => "the loader idles",
        (Bound::Cache, _) => "faster storage for --cache-dir",
        (Bound::Head, _) if verdict.is_cache_served() => "no photo was loaded",
        (Bound::Head, _) => "larger batches, or a smaller head",
        (Bound::Other, _) => "callbacks and files take the time",
        _ => return None,
    })
}

/// For a JSON document.
pub(super) fn document(verdict: &Verdict, time: &TrainingTime, advice: Option<&str>) -> Value {
    let seconds: serde_json::Map<String, Value> =
        Bound::ALL.into_iter().map(|bound| (bound.as_str().to_owned(), time.of(bound).as_secs_f64().into())).collect();
    json!({
        "text": verdict.to_string(),
        "bound": verdict.bound.map(Bound::as_str),
        "share": verdict.share,
        "cause": verdict.cause.map(|cause| json!({ "name": cause.name, "share": cause.share })),
        "cached": verdict.cached,
        "advice": advice,
        "seconds": seconds,
    })
}
