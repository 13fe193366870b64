//! The frozen network of a verb that keeps features: what it computes is known at once, and it is read and laid out when
//! something has to be computed, or never.

use std::path::{Path, PathBuf};

use xfer_backbones::weights::AboutCopy;
use xfer_backbones::{Architecture, Backbone, BackboneError, BatchNormStatistics, Device, Precision, Weights};
use xfer_hub::Algorithm;
use xfer_loader::Flow;
use xfer_trainer::WeightsDescription;
use xfer_trainer::features::cache::{Calibrated, CalibrationKey, Calibrations, Space, Stored};
use xfer_trainer::features::{Deferred, Identity};

use crate::args::FeatureArgs;
use crate::args::cache::CacheArgs;
use crate::args::values::WeightsChoice;
use crate::terminal::Terminal;
use crate::{backbone, cache, download};

/// A network, and what there is to say of it.
#[derive(Debug)]
pub(crate) struct Frozen {
    pub(crate) network: Deferred,
    pub(crate) weights: WeightsDescription,
    /// Batch-norm statistics that are not part of the weights, but calibrated.
    pub(crate) calibrated: Option<BatchNormStatistics>,
}

impl Frozen {
    /// Finds the weights of `features`; opens the network where that is the only way to know what it computes.
    ///
    /// An untrained network gets batch-norm statistics from one pass over photos under `folder`, which are neither
    /// labelled nor augmented, or those that were kept of an equal pass; either is told.
    pub(crate) fn find(
        features: &FeatureArgs,
        device: Device,
        kept: &CacheArgs,
        folder: &Path,
        terminal: &Terminal,
    ) -> anyhow::Result<Self> {
        let frozen = match &features.weights {
            WeightsChoice::Random(seed) => random(features, *seed, device, kept, folder, terminal),
            WeightsChoice::File(path) => file(features, path.clone(), device),
            WeightsChoice::Imagenet => {
                file(features, download::published_weights(features.backbone.name(), terminal)?, device)
            }
        }?;
        if kept.no_cache {
            // What it lacks is told before anything is written.
            frozen.network.backbone()?;
        }
        Ok(frozen)
    }

    fn open(features: &FeatureArgs, backbone: Backbone, calibrated: Option<BatchNormStatistics>) -> Self {
        let weights = WeightsDescription::of(&backbone, features.weights.to_string());
        Self { network: backbone.into(), weights, calibrated }
    }
}

/// Weights of a file; where there is a copy of them in the cache, neither is read yet.
fn file(features: &FeatureArgs, path: PathBuf, device: Device) -> anyhow::Result<Frozen> {
    let (architecture, epsilon, precision) = (features.backbone, features.bn_eps, features.precision);
    let known = Copy::of(&path).and_then(|copy| {
        let about = AboutCopy::read(architecture, &copy.digest, &copy.folder)?;
        Some((copy, about))
    });
    let Some((copy, about)) = known else {
        let weights = backbone::load(architecture, &path)?;
        return Ok(Frozen::open(features, Backbone::with_precision(&weights, epsilon, device, precision)?, None));
    };
    let weights = WeightsDescription {
        source: features.weights.to_string(),
        path: Some(std::path::absolute(&path).unwrap_or_else(|_| path.clone())),
        digest: copy.digest.clone(),
        batch_norm_epsilon: epsilon.unwrap_or(about.epsilon),
        untrained: about.untrained,
    };
    let network =
        Deferred::new(identity(features, device, copy.digest.clone(), weights.batch_norm_epsilon), move || {
            let weights = Weights::load_converted(architecture, &path, &copy.digest, &copy.folder)?;
            Backbone::with_precision(&weights, epsilon, device, precision)
        });
    Ok(Frozen { network, weights, calibrated: None })
}

/// Where the copy of a weights file is, or will be.
pub(crate) struct Copy {
    pub(crate) digest: String,
    pub(crate) folder: PathBuf,
}

/// A file beyond this is not summed before it is looked at.
const MAX_CONVERTED_BYTES: u64 = 2 << 30;

impl Copy {
    pub(crate) fn of(path: &Path) -> Option<Self> {
        // What is no file, or too large for weights, is told by who reads it.
        let sound = std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= MAX_CONVERTED_BYTES);
        let cache = xfer_hub::cache_dir().ok().filter(|_| sound)?;
        let digest = xfer_hub::checksum_of(path, Algorithm::Sha256, &cache.join("models")).ok()?;
        Some(Self { digest: format!("sha256:{}", digest.hex()), folder: cache.join(cache::CONVERTED) })
    }
}

fn random(
    features: &FeatureArgs,
    seed: u64,
    device: Device,
    kept: &CacheArgs,
    folder: &Path,
    terminal: &Terminal,
) -> anyhow::Result<Frozen> {
    terminal.warn(backbone::UNTRAINED);
    let (architecture, epsilon, precision) = (features.backbone, features.bn_eps, features.precision);
    let open = move || Backbone::with_precision(&Weights::random(architecture, seed), epsilon, device, precision);
    let flow = backbone::calibration_flow(features, folder)?;
    let calibrations = cache::folder_of(kept).map(|folder| Calibrations::new(&folder));
    let key = || calibrations.as_ref().and_then(|all| key(all, features, seed, device, &flow));
    let before = key();
    if let Some((all, key)) = calibrations.as_ref().zip(before.as_ref())
        && let Some(found) = all.find(key)
    {
        terminal.line(format_args!("Batch normalisation was calibrated on {} photos before.", flow.samples()));
        return Ok(calibrated(features, device, found, open));
    }
    let mut backbone = open()?;
    backbone::calibrate_on(&mut backbone, features, &flow, terminal)?;
    let statistics = backbone.batch_norm_statistics();
    // Photos that changed on the way may be neither those before nor those after.
    if let Some((all, key)) = calibrations.as_ref().zip(before.filter(|before| key().as_ref() == Some(before))) {
        let weights_digest = backbone.weights().digest().to_owned();
        if let Err(error) = all.keep(&key, &Calibrated { statistics: statistics.clone(), weights_digest }) {
            terminal.warn(format_args!("{error}; the calibration is not kept"));
        }
    }
    Ok(Frozen::open(features, backbone, Some(statistics)))
}

/// What the statistics of the weights drawn by `seed` depend on; the calibration itself is in f32 always.
fn key(all: &Calibrations, features: &FeatureArgs, seed: u64, device: Device, flow: &Flow) -> Option<CalibrationKey> {
    let untold = Identity {
        precision: Precision::Fp32,
        ..identity(features, device, format!("random:{seed}"), features.bn_eps.unwrap_or(f64::NAN))
    };
    all.key(&Space::from_identity(untold.describe(), Architecture::FEATURES, flow, Stored::F32), flow)
}

/// An untrained network with the statistics of an earlier calibration.
fn calibrated(
    features: &FeatureArgs,
    device: Device,
    found: Calibrated,
    open: impl Fn() -> Result<Backbone, BackboneError> + 'static,
) -> Frozen {
    let Calibrated { statistics, weights_digest } = found;
    let epsilon = features.bn_eps.unwrap_or_else(|| Weights::random_epsilon(features.backbone));
    let weights = WeightsDescription {
        source: features.weights.to_string(),
        path: None,
        digest: weights_digest.clone(),
        batch_norm_epsilon: epsilon,
        untrained: true,
    };
    let own = statistics.clone();
    let network = Deferred::new(identity(features, device, weights_digest, epsilon), move || {
        let mut backbone = open()?;
        backbone.set_batch_norm_statistics(&own)?;
        Ok(backbone)
    });
    Frozen { network, weights, calibrated: Some(statistics) }
}

fn identity(features: &FeatureArgs, device: Device, weights: String, batch_norm_epsilon: f64) -> Identity {
    Identity { architecture: features.backbone, weights, batch_norm_epsilon, device, precision: features.precision }
}
