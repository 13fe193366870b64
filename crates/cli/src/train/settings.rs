//! What the result of a training depends on, by name, so that two runs can be told apart.

use serde_json::{Map, Value, json};
use xfer_trainer::OptimizerConfig;
use xfer_trainer::features::Deferred;
use xfer_trainer::features::cache::{Space, Stored};

use super::TrainConfig;
use super::data::Data;
use super::plan::Plan;

/// Everything that the history and the head follow from but the number of epochs.
pub(super) fn settings(
    config: &TrainConfig,
    data: &Data,
    digest: &str,
    network: &Deferred,
    (training, validation): (Plan, Option<Plan>),
    optimizer: &OptimizerConfig,
) -> Map<String, Value> {
    let stored = if config.cache.no_cache { Stored::F32 } else { config.cache.cache_dtype };
    let plan = |plan: Plan| json!({"batch_size": plan.batch_size, "steps": plan.steps});
    let failures = &config.features.failures;
    let settings = [
        ("data", json!(digest)),
        ("seed", json!(config.seed)),
        ("features", json!(Space::of(network, &data.training, stored).description())),
        ("augmentation", json!(format!("{:?}", config.augmented))),
        ("views", json!(config.cache_views)),
        ("training", plan(training)),
        ("validation", json!(validation.map(plan))),
        ("optimizer", json!(optimizer)),
        ("head", config.head.settings()),
        ("callbacks", config.callbacks.settings()),
        ("on_error", json!(failures.on_error.to_string())),
    ];
    settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
