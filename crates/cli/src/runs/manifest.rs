//! `manifest.json` as it is read: whatever an older version, or one that was broken off, left out is `None`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

pub(crate) use crate::train::manifest::MANIFEST_FILE;

/// The newest format that is understood.
const FORMAT_VERSION: u64 = 1;

/// What a run was told to do, with what, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Manifest {
    /// Program -> version.
    pub(crate) program: BTreeMap<String, Value>,
    /// The command line after the program's name.
    pub(crate) arguments: Vec<String>,
    /// RFC 3339.
    pub(crate) started: Option<String>,
    /// RFC 3339.
    pub(crate) finished: Option<String>,
    pub(crate) seed: Option<u64>,
    pub(crate) data: Option<Data>,
    pub(crate) weights: Option<Weights>,
    pub(crate) backbone: Option<String>,
    pub(crate) device: Option<String>,
    pub(crate) precision: Option<String>,
    pub(crate) plan: Option<Plan>,
    /// `None` until the run has come to its end.
    pub(crate) result: Option<RunResult>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Data {
    pub(crate) digest: Option<String>,
    pub(crate) training: Option<Photos>,
    pub(crate) validation: Option<Photos>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Photos {
    pub(crate) folder: Option<PathBuf>,
    pub(crate) samples: Option<u64>,
    /// Class -> photos of it.
    pub(crate) classes: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Weights {
    pub(crate) source: Option<String>,
    pub(crate) digest: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Plan {
    pub(crate) batch_size: Option<u64>,
    pub(crate) epochs: Option<u64>,
    pub(crate) steps_per_epoch: Option<u64>,
    pub(crate) validation_steps: Option<u64>,
}

/// How it ended.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct RunResult {
    /// `finished`, `stopped` (by a callback) or `interrupted` (by a person).
    pub(crate) outcome: Option<String>,
    pub(crate) epochs: Option<u64>,
    pub(crate) model_digest: Option<String>,
    /// The whole command.
    pub(crate) seconds: Option<f64>,
    /// Training and validation.
    pub(crate) fit_seconds: Option<f64>,
    /// Of them, waiting for the loader.
    pub(crate) wait_seconds: Option<f64>,
    pub(crate) images: Option<u64>,
    pub(crate) validation_images: Option<u64>,
    pub(crate) images_per_second: Option<f64>,
    pub(crate) features: Option<Features>,
    /// Files that were skipped or replaced.
    pub(crate) failures: Vec<FailedFile>,
    pub(crate) verdict: Option<VerdictText>,
}

/// What the run waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct VerdictText {
    pub(crate) text: String,
    pub(crate) advice: Option<String>,
}

/// Where the feature vectors came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Features {
    pub(crate) cached: u64,
    pub(crate) computed: u64,
}

/// A file that could not be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct FailedFile {
    pub(crate) path: String,
    /// Stage of the loader that failed.
    pub(crate) stage: Option<String>,
    /// Bytes into the file, as far as that is known.
    pub(crate) offset: Option<u64>,
    pub(crate) reason: String,
    /// The sample that took its place.
    pub(crate) replacement: Option<u64>,
}

impl Manifest {
    /// Reads the text of the file.
    ///
    /// # Errors
    ///
    /// Why it cannot be understood, in words that follow the file's name.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(json).map_err(|error| format!("damaged: {error}"))?;
        match value.get("format_version").and_then(Value::as_u64) {
            Some(version) if version > FORMAT_VERSION => {
                Err(format!("format {version} of a newer version; this program reads up to format {FORMAT_VERSION}"))
            }
            Some(_) => serde_json::from_value(value).map_err(|error| format!("damaged: {error}")),
            None => Err("damaged: no format_version in it".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_none() {
        let manifest = Manifest::parse(br#"{"format_version":1,"result":null,"seed":7,"news":[1]}"#).unwrap();
        assert_eq!(manifest, Manifest { seed: Some(7), ..Manifest::default() });
        let manifest =
            Manifest::parse(br#"{"format_version":1,"data":{"validation":null},"result":{"features":null}}"#).unwrap();
        assert_eq!(manifest.data, Some(Data::default()));
        assert_eq!(manifest.result, Some(RunResult::default()));
    }

    #[test]
    fn what_cannot_be_understood_is_told() {
        for (json, reason) in [
            ("", "damaged: EOF"),
            ("{\"format_version\":1,", "damaged: EOF"),
            ("[]", "no format_version"),
            ("{\"format_version\":9}", "format 9 of a newer version; this program reads up to format 1"),
            ("{\"format_version\":1,\"arguments\":5}", "damaged: invalid type: integer `5`"),
        ] {
            let told = Manifest::parse(json.as_bytes()).unwrap_err();
            assert!(told.contains(reason), "{told}");
        }
    }
}
