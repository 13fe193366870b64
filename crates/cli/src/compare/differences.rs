//! What was different about runs, before any result.

use std::collections::BTreeSet;

use crate::compare::arguments;
use crate::runs::{Photos, Run};

/// One thing, and what it was in each run; `None` where it was not said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) name: String,
    pub(super) values: Vec<Option<String>>,
}

/// Data, weights and seed first, then what else was said on the command line, then what followed from it.
pub(super) fn of(runs: &[Run]) -> Vec<Difference> {
    let each = |name: &str, value: fn(&Run) -> Option<String>| Difference {
        name: name.to_owned(),
        values: runs.iter().map(value).collect(),
    };
    let mut all = vec![
        each("data digest", |run| run.data_digest().map(short)),
        each("training photos", |run| run.training().and_then(count)),
        each("validation photos", |run| run.validation().and_then(count)),
        each("backbone", Run::backbone),
        each("weights", |run| run.weights().map(str::to_owned)),
        each("weights digest", |run| run.weights_digest().map(short)),
        each("seed", |run| run.seed().map(|seed| seed.to_string())),
    ];
    all.extend(said(runs));
    all.extend([
        each("batch size", |run| plan(run, |plan| plan.batch_size)),
        each("steps per epoch", |run| plan(run, |plan| plan.steps_per_epoch)),
        each("validation steps", |run| plan(run, |plan| plan.validation_steps)),
        each("planned epochs", |run| plan(run, |plan| plan.epochs)),
        each("device", |run| run.manifest.as_ref().and_then(|manifest| manifest.device.clone())),
        each("precision", |run| run.manifest.as_ref().and_then(|manifest| manifest.precision.clone())),
        each("xfer", |run| version(run, "xfer")),
        each("libtorch", |run| version(run, "libtorch")),
    ]);
    all.retain(|difference| difference.values.windows(2).any(|pair| pair[0] != pair[1]));
    all
}

/// Of options that have rows of their own, the row will do.
const TOLD_ELSEWHERE: [&str; 7] =
    ["--backbone", "--batch-size", "--device", "--epochs", "--precision", "--seed", "--weights"];

fn said(runs: &[Run]) -> Vec<Difference> {
    let options: Vec<_> =
        runs.iter().map(|run| run.manifest.as_ref().map(|manifest| arguments::options(&manifest.arguments))).collect();
    let names: BTreeSet<_> = options.iter().flatten().flat_map(|options| options.keys()).collect();
    let names = names.into_iter().filter(|name| !TOLD_ELSEWHERE.contains(&&***name));
    names
        .map(|name| {
            let value = |value: &String| if value.is_empty() { "yes".to_owned() } else { value.clone() };
            let of = |options: &Option<std::collections::BTreeMap<String, String>>| {
                options.as_ref().and_then(|options| options.get(name)).map(value)
            };
            Difference { name: name.clone(), values: options.iter().map(of).collect() }
        })
        .collect()
}

/// `sha256:` and enough of the digits to tell digests apart.
fn short(digest: &str) -> String {
    digest.strip_prefix("sha256:").unwrap_or(digest).chars().take(12).collect()
}

fn count(photos: &Photos) -> Option<String> {
    photos.samples.map(|samples| format!("{samples} in {} classes", photos.classes.len()))
}

fn plan(run: &Run, value: impl FnOnce(&crate::runs::Plan) -> Option<u64>) -> Option<String> {
    let plan = run.manifest.as_ref()?.plan.as_ref()?;
    value(plan).map(|value| value.to_string())
}

fn version(run: &Run, program: &str) -> Option<String> {
    let version = run.manifest.as_ref()?.program.get(program)?;
    Some(version.as_str().map_or_else(|| version.to_string(), str::to_owned))
}
