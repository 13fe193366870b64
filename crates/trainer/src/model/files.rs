//! A model's folder: written whole or not at all, verified when it is read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{HeadDescription, Model, ModelDescription, tensors};
use crate::atomic_file::{AtomicFile, Existing, write_error};
use crate::error::TrainerError;

/// Of a model whose head is one softmax layer, so that programs that know no other read it.
const PLAIN_VERSION: u32 = 1;
/// Of a model whose head is described.
const VERSION: u32 = 2;

/// `model.json` as it stands on the disk.
#[derive(Serialize, Deserialize)]
struct Document {
    format_version: u32,
    #[serde(flatten)]
    description: ModelDescription,
    /// From version 2 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<HeadDescription>,
    /// Digest of every other file of the model.
    files: BTreeMap<String, String>,
}

/// Only what tells whether the rest can be understood.
#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

impl Model {
    /// The description of the model. Where it exists, so do the other files.
    pub const DESCRIPTION_FILE: &'static str = "model.json";
    /// Kernel and bias.
    pub const HEAD_FILE: &'static str = "head.safetensors";
    /// Batch-norm statistics, where there are any.
    pub const BATCH_NORM_FILE: &'static str = "batch_norm.safetensors";

    /// Files that the folder of a run may hold already.
    ///
    /// # Errors
    ///
    /// There is one of a model, or one of `others`.
    pub fn check_vacant(folder: &Path, others: &[&str]) -> Result<(), TrainerError> {
        let own = [Self::DESCRIPTION_FILE, Self::HEAD_FILE, Self::BATCH_NORM_FILE];
        let mut files = own.iter().chain(others).map(|name| folder.join(name));
        match files.find(|path| path.symlink_metadata().is_ok()) {
            Some(path) => Err(TrainerError::Exists { path }),
            None => Ok(()),
        }
    }

    /// Writes the model into `folder`, which exists, over a model that is there. Returns its digest:
    /// `sha256:...` of `head.safetensors`.
    ///
    /// Everything is on the disk under temporary names before the first file gets its own, and `model.json`
    /// comes last: a folder with a description has a whole model.
    ///
    /// # Errors
    ///
    /// A file cannot be written; an older model is then still there.
    pub fn save(&self, folder: &Path) -> Result<String, TrainerError> {
        let head = tensors::encode_head(&self.head);
        let digest = sha256(&head);
        let mut contents = vec![(Self::HEAD_FILE, head)];
        contents.extend(self.batch_norm.as_ref().map(|s| (Self::BATCH_NORM_FILE, tensors::encode_statistics(s, None))));
        let shape = HeadDescription::of(&self.head);
        let plain = shape == HeadDescription::softmax(self.description.classes.len());
        let document = Document {
            format_version: if plain { PLAIN_VERSION } else { VERSION },
            description: self.description.clone(),
            head: (!plain).then_some(shape),
            files: contents.iter().map(|(name, content)| ((*name).to_owned(), sha256(content))).collect(),
        };
        let description = folder.join(Self::DESCRIPTION_FILE);
        let json = serde_json::to_vec_pretty(&document).map_err(|error| write_error(&description, error.into()))?;
        contents.push((Self::DESCRIPTION_FILE, json));

        let complete: Vec<_> = contents
            .iter()
            .map(|(name, content)| AtomicFile::prepare(&folder.join(name), content))
            .collect::<Result<_, _>>()?;
        remove(&description)?;
        if self.batch_norm.is_none() {
            remove(&folder.join(Self::BATCH_NORM_FILE))?;
        }
        for file in complete {
            file.publish(Existing::Replace)?;
        }
        Ok(digest)
    }

    /// Reads the model in `folder` and verifies its files.
    ///
    /// # Errors
    ///
    /// A file is missing, is not what the description was written for, or cannot be understood.
    pub fn load(folder: &Path) -> Result<Self, TrainerError> {
        let path = folder.join(Self::DESCRIPTION_FILE);
        let json = read(&path)?;
        let misread = |source| TrainerError::ModelDescription { path: path.clone(), source };
        let version: Version = serde_json::from_slice(&json).map_err(misread)?;
        if !(PLAIN_VERSION..=VERSION).contains(&version.format_version) {
            return Err(TrainerError::ModelVersion { path, expected: VERSION, got: version.format_version });
        }
        let document: Document = serde_json::from_slice(&json).map_err(misread)?;
        let description = document.description;

        let mut files = BTreeMap::new();
        for (name, expected) in document.files {
            // Only names of this format are looked for, so that none leads out of the folder.
            let Some(name) = [Self::HEAD_FILE, Self::BATCH_NORM_FILE].into_iter().find(|known| *known == name) else {
                continue;
            };
            files.insert(name, verified(folder.join(name), expected)?);
        }
        let Some((path, bytes)) = files.get(Self::HEAD_FILE) else {
            return Err(misread(serde::de::Error::custom(format!("no digest of {} among its files", Self::HEAD_FILE))));
        };
        let shape = document.head.unwrap_or_else(|| HeadDescription::softmax(description.classes.len()));
        let head = tensors::decode_head(path, bytes, description.features, shape)?;
        if head.classes() != description.classes.len() {
            let (classes, names) = (head.classes(), description.classes.len());
            return Err(misread(serde::de::Error::custom(format!("a head of {classes} classes has {names} names"))));
        }
        let batch_norm = files.get(Self::BATCH_NORM_FILE);
        let batch_norm = batch_norm.map(|(path, bytes)| tensors::decode_statistics(path, bytes)).transpose()?;
        Ok(Self { head, description, batch_norm })
    }
}

fn verified(path: PathBuf, expected: String) -> Result<(PathBuf, Vec<u8>), TrainerError> {
    let bytes = read(&path)?;
    let got = sha256(&bytes);
    if got == expected { Ok((path, bytes)) } else { Err(TrainerError::ModelDigest { path, expected, got }) }
}

fn read(path: &Path) -> Result<Vec<u8>, TrainerError> {
    fs::read(path).map_err(|source| TrainerError::Read { path: path.to_owned(), source })
}

fn remove(path: &Path) -> Result<(), TrainerError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(write_error(path, error)),
        _ => Ok(()),
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{Activation, Head, HeadOptions};
    use crate::model::{WeightsDescription, preprocessing_of};
    use xfer_backbones::{Architecture, BatchNormStatistics, Precision, weights::Moments};
    use xfer_loader::{Alpha, DecodeScale, Depth16, ExifOrientation, Interpolation};

    fn model(untrained: bool) -> Model {
        let moments = Moments { mean: vec![0.5, -1.0], variance: vec![2.0, 3.0] };
        Model {
            head: Head::glorot_uniform(8, 3, 5).unwrap(),
            description: ModelDescription {
                classes: ["a", "b", "ü"].map(str::to_owned).to_vec(),
                backbone: Architecture::ResNet50,
                weights: WeightsDescription {
                    source: "random:5".to_owned(),
                    path: None,
                    digest: "sha256:00".to_owned(),
                    batch_norm_epsilon: 1.001e-5,
                    untrained,
                },
                precision: Precision::Bf16,
                features: 8,
                preprocessing: preprocessing_of(Architecture::ResNet50),
                image_size: [224, 320],
                interpolation: Interpolation::Bilinear,
                exif: ExifOrientation::Apply,
                depth16: Depth16::Scale,
                alpha: Alpha::Composite([255, 0, 9]),
                decode: DecodeScale::Auto,
                seed: u64::MAX,
            },
            batch_norm: untrained.then(|| BatchNormStatistics::from([("conv1_bn".to_owned(), moments)])),
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_model_is_read_as_it_was_written() {
        for untrained in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let model = model(untrained);
            let digest = model.save(folder.path()).unwrap();
            assert_eq!(digest, sha256(&fs::read(folder.path().join(Model::HEAD_FILE)).unwrap()));
            assert_eq!(Model::load(folder.path()).unwrap(), model);
        }
    }

    #[test]
    fn a_head_of_another_kind_is_read_as_it_was_written() {
        let options = HeadOptions { features: 8, outputs: 3, hidden: None, activation: Activation::Softmax, seed: 1 };
        for (hidden, activation, outputs, names) in [
            (Some(5), Activation::Softmax, 3, vec!["a", "b", "c"]),
            (None, Activation::Sigmoid, 1, vec!["no", "yes"]),
            (Some(4), Activation::Sigmoid, 2, vec!["a", "b"]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut model = model(false);
            model.head = Head::new(&HeadOptions { hidden, activation, outputs, ..options }).unwrap();
            model.description.classes = names.into_iter().map(str::to_owned).collect();
            model.save(folder.path()).unwrap();
            assert_eq!(Model::load(folder.path()).unwrap(), model);
            let json = fs::read_to_string(folder.path().join(Model::DESCRIPTION_FILE)).unwrap();
            assert!(json.contains("\"format_version\": 2"), "{json}");
        }
    }

    #[test]
    fn as_many_names_as_classes_are_needed() {
        let folder = tempfile::tempdir().unwrap();
        let mut model = model(false);
        let activation = Activation::Sigmoid;
        let options = HeadOptions { features: 8, outputs: 1, hidden: None, activation, seed: 1 };
        model.head = Head::new(&options).unwrap();
        model.save(folder.path()).unwrap();
        let error = Model::load(folder.path()).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, "a head of 2 classes has 3 names");
    }

    #[test]
    fn the_description_is_readable_by_others() {
        let folder = tempfile::tempdir().unwrap();
        model(true).save(folder.path()).unwrap();
        let json: serde_json::Value =
            serde_json::from_slice(&fs::read(folder.path().join(Model::DESCRIPTION_FILE)).unwrap()).unwrap();
        assert_eq!(json["format_version"], 1);
        assert_eq!(json["backbone"], "resnet50");
        assert_eq!(json["preprocessing"], "caffe");
        assert_eq!(json["interpolation"], "bilinear");
        assert_eq!(json["image_size"], serde_json::json!([224, 320]));
        assert_eq!(json["weights"]["untrained"], true);
        assert_eq!(json["classes"][2], "ü");
    }

    #[test]
    fn a_model_that_records_no_precision_is_of_fp32() {
        let folder = tempfile::tempdir().unwrap();
        model(false).save(folder.path()).unwrap();
        let path = folder.path().join(Model::DESCRIPTION_FILE);
        let json = fs::read_to_string(&path).unwrap();
        assert!(json.contains("\"precision\": \"bf16\""), "{json}");
        fs::write(&path, json.replacen("\"precision\": \"bf16\",", "", 1)).unwrap();
        assert_eq!(Model::load(folder.path()).unwrap().description.precision, Precision::Fp32);
        fs::write(&path, json.replacen("bf16", "fp8", 1)).unwrap();
        let error = Model::load(folder.path()).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("unknown precision `fp8`; there are fp32, bf16"), "{source}");
    }

    #[test]
    fn an_overwritten_model_leaves_no_file_of_the_older_one() {
        let folder = tempfile::tempdir().unwrap();
        model(true).save(folder.path()).unwrap();
        let trained = model(false);
        trained.save(folder.path()).unwrap();
        assert_eq!(names(folder.path()), [Model::HEAD_FILE, Model::DESCRIPTION_FILE]);
        assert_eq!(Model::load(folder.path()).unwrap(), trained);
    }

    #[test]
    fn a_model_that_cannot_be_written_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let error = model(false).save(&folder.path().join("none")).unwrap_err();
        assert!(matches!(error, TrainerError::Write { .. }));
        assert!(error.to_string().contains(Model::HEAD_FILE), "{error}");
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_folder_with_results_is_not_vacant() {
        let folder = tempfile::tempdir().unwrap();
        Model::check_vacant(&folder.path().join("none"), &["history.csv"]).unwrap();
        fs::write(folder.path().join("notes.txt"), "").unwrap();
        Model::check_vacant(folder.path(), &["history.csv"]).unwrap();
        fs::write(folder.path().join("history.csv"), "").unwrap();
        Model::check_vacant(folder.path(), &[]).unwrap();
        let error = Model::check_vacant(folder.path(), &["history.csv"]).unwrap_err();
        assert!(error.to_string().contains("history.csv: already there"), "{error}");
    }

    #[test]
    fn a_changed_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        model(false).save(folder.path()).unwrap();
        let path = folder.path().join(Model::HEAD_FILE);
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(matches!(Model::load(folder.path()), Err(TrainerError::ModelDigest { path: p, .. }) if p == path));
        fs::remove_file(&path).unwrap();
        assert!(matches!(Model::load(folder.path()), Err(TrainerError::Read { path: p, .. }) if p == path));
    }

    #[test]
    fn a_description_that_does_not_fit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        model(false).save(folder.path()).unwrap();
        let path = folder.path().join(Model::DESCRIPTION_FILE);
        let json = fs::read_to_string(&path).unwrap();
        for (from, to, message) in [
            ("\"format_version\": 1", "\"format_version\": 9", "model format 9; this program reads up to format 2"),
            (
                "\"features\": 8",
                "\"features\": 9",
                "tensor kernel: expected f32 of shape [9, 3], got F32 of shape [8, 3]",
            ),
            ("resnet50", "resnet51", "not a model description"),
            ("{", "", "not a model description"),
        ] {
            assert!(json.contains(from), "{from} in {json}");
            fs::write(&path, json.replacen(from, to, 1)).unwrap();
            let error = Model::load(folder.path()).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
