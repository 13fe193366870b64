//! What xfer itself does: train, predict, export, and features from an exported file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use safetensors::SafeTensors;
use serde::Deserialize;

use super::{Case, command};
use crate::process::output;

/// The executable at work on some photos.
#[derive(Debug)]
pub(super) struct Ours {
    pub(super) executable: PathBuf,
    pub(super) cache: PathBuf,
    /// With `train` and `val` in it.
    pub(super) data: PathBuf,
}

/// A row of `predict --all --format jsonl`.
#[derive(Deserialize)]
struct Row {
    path: String,
    /// In label order, which is the names' own.
    probabilities: Option<BTreeMap<String, f64>>,
    error: Option<String>,
}

impl Ours {
    /// The validation photos, in order.
    pub(super) fn photos(&self) -> Result<Vec<String>> {
        let mut paths = Vec::new();
        let folder = self.data.join("val");
        for class in entries(&folder)? {
            for photo in entries(&class)? {
                paths.push(photo.to_str().context("a path that is not Unicode")?.to_owned());
            }
        }
        if paths.is_empty() {
            bail!("{}: no photos in it", folder.display());
        }
        Ok(paths)
    }

    /// A few steps are enough: what matters is that the head is not the one that was drawn.
    pub(super) fn train(&self, case: &Case, run: &Path) -> Result<()> {
        let mut train = command(&self.executable, &self.cache);
        train.args(["train", "--weights", "random:7", "--backbone", case.backbone, "--epochs", "3"]);
        train.args(["--image-size", &case.size(), "--interpolation", case.interpolation, "--metrics-addr", "off"]);
        output(train.arg("--data").arg(&self.data).arg("--output").arg(run)).map(drop)
    }

    /// The probabilities of every photo.
    pub(super) fn predict(&self, run: &Path, paths: &[String]) -> Result<Vec<Vec<f64>>> {
        let mut predict = command(&self.executable, &self.cache);
        let rows = output(predict.arg("predict").arg(run).args(paths).args(["--all", "--format", "jsonl"]))?;
        let rows: Vec<Row> = rows.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        if rows.iter().map(|row| &row.path).ne(paths) {
            bail!("predict told of other photos than it was asked for");
        }
        let probabilities = |row: Row| {
            let all = row.probabilities.with_context(|| format!("{}: {}", row.path, row.error.unwrap_or_default()))?;
            Ok(all.into_values().collect())
        };
        rows.into_iter().map(probabilities).collect()
    }

    /// Exports, and says where to.
    pub(super) fn export(&self, run: &Path, format: &str, file: &Path) -> Result<PathBuf> {
        let mut export = command(&self.executable, &self.cache);
        output(export.arg("export").arg(run).args(["--format", format, "--output"]).arg(file))?;
        Ok(file.to_owned())
    }

    /// Softmax of the exported head on features that `extract` makes with the exported backbone.
    pub(super) fn features_times_head(
        &self,
        case: &Case,
        exported: &Path,
        features: &Path,
        paths: &[String],
    ) -> Result<Vec<Vec<f64>>> {
        let folder = self.data.join("val");
        let mut extract = command(&self.executable, &self.cache);
        extract.args(["extract", "--no-cache", "--backbone", case.backbone, "--image-size", &case.size()]);
        extract.args(["--interpolation", case.interpolation]).arg("--weights").arg(exported);
        output(extract.arg("--images").arg(&folder).arg("--output").arg(features))?;

        let bytes = fs::read(exported)?;
        let head = SafeTensors::deserialize(&bytes)?;
        let (kernel, bias) = (floats(&head, "dense/kernel")?, floats(&head, "dense/bias")?);
        let bytes = fs::read(features)?;
        let (_, header) = SafeTensors::read_metadata(&bytes)?;
        let listed =
            header.metadata().as_ref().and_then(|about| about.get("paths")).context("features without paths")?;
        let listed: Vec<String> = serde_json::from_str(listed)?;
        if !listed.iter().map(|path| folder.join(path)).eq(paths.iter().map(PathBuf::from)) {
            bail!("extract told of other photos than predict");
        }
        let rows = floats(&SafeTensors::deserialize(&bytes)?, "features")?;
        Ok(rows.chunks_exact(kernel.len() / bias.len()).map(|row| softmax(row, &kernel, &bias)).collect())
    }
}

fn softmax(features: &[f32], kernel: &[f32], bias: &[f32]) -> Vec<f64> {
    let mut logits: Vec<f64> = bias.iter().map(|&b| f64::from(b)).collect();
    for (&x, row) in features.iter().zip(kernel.chunks_exact(bias.len())) {
        logits.iter_mut().zip(row).for_each(|(logit, &w)| *logit += f64::from(x) * f64::from(w));
    }
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|logit| (logit - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

fn floats(file: &SafeTensors<'_>, name: &str) -> Result<Vec<f32>> {
    let tensor = file.tensor(name).with_context(|| format!("no tensor {name}"))?;
    Ok(tensor.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let found = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut entries: Vec<_> = found.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_is_that_of_the_definition() {
        // Logits 1 and 3: the second is e^2 times as likely.
        let got = softmax(&[1.0, 2.0], &[1.0, 0.0, 0.0, 1.0], &[0.0, 1.0]);
        assert!((got[1] / got[0] - 2.0_f64.exp()).abs() < 1e-9);
        assert!((got[0] + got[1] - 1.0).abs() < 1e-12);
    }
}
