//! What a run was: everything needed to repeat it, and what it came to. `manifest.json` beside the model.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use xfer_backbones::Device;
use xfer_loader::Flow;
use xfer_trainer::{AtomicFile, Existing, WeightsDescription};

use super::TrainConfig;
use super::data::Data;
use super::learner::class_counts;

/// The manifest in a run's folder.
pub(crate) const MANIFEST_FILE: &str = "manifest.json";

const VERSION: u32 = 1;

/// The document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) format_version: u32,
    pub(crate) program: Program,
    /// The words after `xfer-cli`, without those that say where results go.
    pub(crate) arguments: Vec<String>,
    pub(crate) started: String,
    pub(crate) finished: Option<String>,
    pub(crate) seed: u64,
    pub(crate) data: DataRecord,
    pub(crate) weights: WeightsRecord,
    pub(crate) backbone: String,
    pub(crate) device: String,
    pub(crate) precision: String,
    pub(crate) plan: PlanRecord,
    /// Everything that the result depends on, by name.
    pub(crate) settings: Map<String, Value>,
    /// What it came to; nothing yet while the run is under way.
    pub(crate) result: Option<Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Program {
    pub(crate) xfer: String,
    pub(crate) libtorch: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DataRecord {
    /// Of names, classes and contents of all photos.
    pub(crate) digest: String,
    pub(crate) training: PartRecord,
    pub(crate) validation: Option<PartRecord>,
}

/// Photos of training or of validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PartRecord {
    pub(crate) folder: PathBuf,
    pub(crate) samples: usize,
    /// Photos of each class.
    pub(crate) classes: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WeightsRecord {
    pub(crate) source: String,
    pub(crate) digest: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlanRecord {
    pub(crate) batch_size: usize,
    pub(crate) epochs: u64,
    pub(crate) steps_per_epoch: u64,
    pub(crate) validation_steps: Option<u64>,
}

impl Program {
    fn this() -> Self {
        let libtorch = xfer_backbones::device::Libtorch::loaded().and_then(|found| found.version);
        Self { xfer: env!("CARGO_PKG_VERSION").to_owned(), libtorch }
    }
}

impl DataRecord {
    pub(super) fn of(data: &Data, digest: String) -> Self {
        let validation = data.validation.as_ref().map(PartRecord::of);
        Self { digest, training: PartRecord::of(&data.training), validation }
    }
}

impl PartRecord {
    fn of(flow: &Flow) -> Self {
        let counts = class_counts(flow);
        let classes = flow.class_names().iter().cloned().zip(counts.into_iter().map(Value::from)).collect();
        let folder = std::path::absolute(flow.root()).unwrap_or_else(|_| flow.root().to_owned());
        Self { folder, samples: flow.samples(), classes }
    }
}

impl Manifest {
    /// Of a run that is about to begin, or to go on.
    pub(super) fn begin(
        config: &TrainConfig,
        data: DataRecord,
        weights: &WeightsDescription,
        device: Device,
        plan: PlanRecord,
        settings: Map<String, Value>,
    ) -> Self {
        Self {
            format_version: VERSION,
            program: Program::this(),
            arguments: std::iter::once("train".to_owned()).chain(config.arguments.iter().cloned()).collect(),
            started: config.resumes.as_ref().map_or_else(now, |resumed| resumed.started.clone()),
            finished: None,
            seed: config.seed,
            data,
            weights: WeightsRecord { source: config.features.weights.to_string(), digest: weights.digest.clone() },
            backbone: config.features.backbone.name().to_owned(),
            device: device.to_string(),
            precision: config.features.precision.to_string(),
            plan,
            settings,
            result: None,
        }
    }

    /// Reads the manifest at `path`.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("{}: cannot read the manifest", path.display()))?;
        let version = serde_json::from_slice::<Value>(&bytes).ok().and_then(|json| json["format_version"].as_u64());
        if let Some(version) = version.filter(|&version| version != u64::from(VERSION)) {
            bail!("{}: manifest format {version}; this program reads format {VERSION}", path.display());
        }
        serde_json::from_slice(&bytes).with_context(|| format!("{}: not a manifest", path.display()))
    }

    /// Writes it into a run's folder, over an older one.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let json = serde_json::to_vec_pretty(self)?;
        Ok(AtomicFile::write_all(&folder.join(MANIFEST_FILE), &json, Existing::Replace)?)
    }

    /// Closes it.
    pub(crate) fn finish(&mut self, result: Value) {
        self.finished = Some(now());
        self.result = Some(result);
    }

    /// What `other` has otherwise than this one, of what the result depends on, a line each.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        differences("", &Value::Object(self.settings.clone()), &Value::Object(other.settings.clone()), &mut found);
        found
    }

    /// Refuses to go on with this run where its result would come from something else, which `now` says.
    pub(super) fn check_same(&self, now: &Self) -> anyhow::Result<()> {
        let differences = self.differences(now);
        if differences.is_empty() {
            return Ok(());
        }
        bail!(
            "this run cannot be gone on with, because what its result depends on is not what it was:\n  {}\n\
             `xfer-cli train --from MANIFEST` trains anew with what there is now",
            differences.join("\n  ")
        )
    }

    /// Whether data and weights of another run are those of this one.
    pub(super) fn agreement(&self, other: &Self) -> Value {
        json!({
            "data": self.data.digest == other.data.digest,
            "weights": self.weights.digest == other.weights.digest,
            "differences": self.differences(other),
        })
    }
}

/// The time, as manifests say it.
fn now() -> String {
    let now = Timestamp::now();
    now.round(Unit::Second).unwrap_or(now).to_string()
}

fn differences(name: &str, was: &Value, is: &Value, found: &mut Vec<String>) {
    match (was, is) {
        (Value::Object(was), Value::Object(is)) => {
            let mut names: Vec<&String> = was.keys().chain(is.keys()).collect();
            names.sort();
            names.dedup();
            for key in names {
                let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or(json!(null));
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                differences(&name, &of(was), &of(is), found);
            }
        }
        (was, is) if was != is => found.push(format!("{name}: {is} instead of {was}")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named_down_to_the_number() {
        let mut found = Vec::new();
        let was = json!({"plan": {"batch_size": 4, "steps": 3}, "seed": 1, "gone": 1});
        differences("", &was, &json!({"plan": {"batch_size": 5, "steps": 3}, "seed": 1, "new": "a"}), &mut found);
        assert_eq!(found, ["gone: null instead of 1", "new: \"a\" instead of null", "plan.batch_size: 5 instead of 4"]);
    }

    #[test]
    fn what_is_no_manifest_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(MANIFEST_FILE);
        assert!(Manifest::read(&path).unwrap_err().to_string().contains("cannot read the manifest"));
        std::fs::write(&path, "{\"format_version\": 7}").unwrap();
        assert!(Manifest::read(&path).unwrap_err().to_string().contains("manifest format 7"));
        std::fs::write(&path, "{").unwrap();
        assert!(Manifest::read(&path).unwrap_err().to_string().contains("not a manifest"));
    }
}
