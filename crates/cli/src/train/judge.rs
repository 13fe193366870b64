//! What the trained head makes of the validation photos, for the report.

use anyhow::bail;
use xfer_loader::Flow;
use xfer_trainer::features::{Deferred, FeatureTargets};
use xfer_trainer::{Evaluation, Head, Position, Prediction};

use super::TrainConfig;
use super::features::Stores;
use super::plan::Plan;

/// One pass over all of them: from the cache, where there is one, nothing is computed again.
pub(super) fn judge(
    head: &Head,
    flow: &Flow,
    plan: Plan,
    stores: &Stores,
    config: &TrainConfig,
    network: &Deferred,
) -> anyhow::Result<Evaluation> {
    let plan = Plan { steps: plan.batches(flow.samples()), ..plan };
    let mut source = stores.validation(flow, plan, Position::default(), config, network)?;
    let mut predictions = Vec::with_capacity(flow.samples());
    for _ in 0..plan.steps {
        let Some(batch) = source.features.next_batch() else { break };
        let batch = batch?;
        let FeatureTargets::Classes(labels) = &batch.targets else {
            bail!("photos of several classes at once are not judged yet");
        };
        let photos = batch.sample_indices.iter().zip(labels).map(|(&sample, &label)| (flow.path(sample), Some(label)));
        predictions.extend(Prediction::all(head, &batch.features, photos)?);
    }
    Ok(Evaluation::of(flow.class_names(), head.activation(), &predictions)?)
}
