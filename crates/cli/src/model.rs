//! A trained model, opened for use: everything about its photos and its network comes from its folder, never from flags.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use xfer_backbones::weights::AboutCopy;
use xfer_backbones::{Architecture, Backbone, BatchNormStatistics, Device, Weights};
use xfer_loader::{DecodeOptions, ErrorBudget, FlowOptions, LoaderOptions, OnError, PixelType};
use xfer_trainer::features::{Deferred, Identity};
use xfer_trainer::{Head, Model, ModelDescription, preprocessing_of};

use crate::args::values::{self, WeightsChoice};
use crate::backbone::{self, UNTRAINED};
use crate::download;
use crate::frozen::Copy;
use crate::terminal::Terminal;

/// Which model, and where it runs.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ModelArgs {
    /// Folder of a training, with model.json in it
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// Where the file of the backbone's weights is now, if it was moved; it has to be the same file
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,

    /// Threads that read photos and compute; 0 for one a core. Results do not depend on it
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,

    /// Where the network runs: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = values::device)]
    device: String,

    /// Photos that are computed at a time. Results do not depend on it
    #[arg(long, value_name = "N", default_value = "32", value_parser = values::batch_size)]
    batch_size: usize,
}

/// A model with its network, which is on the device once there is something to compute.
#[derive(Debug)]
pub(crate) struct OpenedModel {
    pub(crate) head: Head,
    pub(crate) description: ModelDescription,
    pub(crate) network: Deferred,
    threads: usize,
    batch_size: usize,
}

impl ModelArgs {
    /// The folder of the run.
    pub(crate) fn run(&self) -> &Path {
        &self.run
    }

    /// Reads the model and verifies its files and its weights.
    pub(crate) fn open(&self, terminal: &Terminal) -> anyhow::Result<OpenedModel> {
        let folder = self.folder()?;
        let Model { head, description, batch_norm } = Model::load(folder)?;
        check(folder, &head, &description)?;
        let device = backbone::open_device_with(&self.device, description.precision, self.threads)?;
        let network = match self.source(folder, &description, terminal)? {
            Source::File(path) => file(folder, &description, batch_norm.as_ref(), path, device)?,
            Source::Drawn(seed) => {
                let weights = Weights::random(description.backbone, seed);
                lay_out(folder, &description, batch_norm.as_ref(), &weights, device)?.into()
            }
        };
        if description.weights.untrained {
            terminal.warn(UNTRAINED);
        }
        Ok(OpenedModel { head, description, network, threads: usize::from(self.threads), batch_size: self.batch_size })
    }

    /// The folder of the model; its model.json names it as well.
    fn folder(&self) -> anyhow::Result<&Path> {
        let named = self.run.file_name().is_some_and(|name| name == Model::DESCRIPTION_FILE);
        let folder = if named { self.run.parent().unwrap_or(Path::new("")) } else { &self.run };
        if !self.run.exists() {
            bail!(
                "{}: no such folder; a training puts its model in runs/TIME, or where --output says",
                self.run.display()
            );
        }
        if !folder.join(Model::DESCRIPTION_FILE).exists() {
            bail!("{}: no {} in it, so that it holds no trained model", folder.display(), Model::DESCRIPTION_FILE);
        }
        Ok(folder)
    }

    /// Where the weights are now that the model was trained with; not verified yet.
    fn source(&self, folder: &Path, model: &ModelDescription, terminal: &Terminal) -> anyhow::Result<Source> {
        let described = &model.weights;
        let file = match (&self.weights, &described.path) {
            (Some(path), Some(_)) => path.clone(),
            (Some(_), None) => bail!(
                "--weights: {} was trained with weights that were drawn ({}), not with a file; leave it out",
                folder.display(),
                described.source
            ),
            (None, Some(path)) if path.exists() => path.clone(),
            (None, Some(path)) => match described.source.parse() {
                Ok(WeightsChoice::Imagenet) => download::published_weights(model.backbone.name(), terminal)?,
                _ => bail!(
                    "{}: no such weights file any more; --weights says where the file with {} is now",
                    path.display(),
                    described.digest
                ),
            },
            (None, None) => match described.source.parse() {
                Ok(WeightsChoice::Random(seed)) => return Ok(Source::Drawn(seed)),
                _ => bail!("{}: names no file of weights", folder.join(Model::DESCRIPTION_FILE).display()),
            },
        };
        if !file.exists() {
            bail!("{}: no such weights file", file.display());
        }
        Ok(Source::File(file))
    }
}

/// Where weights come from.
enum Source {
    File(PathBuf),
    Drawn(u64),
}

/// The network of a weights file: where there is a copy of the file in the cache, it is read when photos have to be
/// computed.
fn file(
    folder: &Path,
    model: &ModelDescription,
    batch_norm: Option<&BatchNormStatistics>,
    path: PathBuf,
    device: Device,
) -> anyhow::Result<Deferred> {
    let (architecture, precision) = (model.backbone, model.precision);
    let copy = Copy::of(&path)
        .filter(|copy| batch_norm.is_none() && AboutCopy::read(architecture, &copy.digest, &copy.folder).is_some());
    let Some(copy) = copy else {
        let weights = backbone::load(architecture, &path)?;
        return Ok(lay_out(folder, model, batch_norm, &weights, device)?.into());
    };
    check_digest(folder, model, Some(&path), &copy.digest)?;
    let batch_norm_epsilon = model.weights.batch_norm_epsilon;
    let identity = Identity { architecture, weights: copy.digest.clone(), batch_norm_epsilon, device, precision };
    Ok(Deferred::new(identity, move || {
        let weights = Weights::load_converted(architecture, &path, &copy.digest, &copy.folder)?;
        Backbone::with_precision(&weights, Some(batch_norm_epsilon), device, precision)
    }))
}

/// The network on the device; an error unless it is the one that the model was trained with.
fn lay_out(
    folder: &Path,
    model: &ModelDescription,
    batch_norm: Option<&BatchNormStatistics>,
    weights: &Weights,
    device: Device,
) -> anyhow::Result<Backbone> {
    let epsilon = Some(model.weights.batch_norm_epsilon);
    let mut backbone = Backbone::with_precision(weights, epsilon, device, model.precision)?;
    if let Some(statistics) = batch_norm {
        let file = folder.join(Model::BATCH_NORM_FILE);
        backbone
            .set_batch_norm_statistics(statistics)
            .with_context(|| format!("{}: not of a {}", file.display(), model.backbone))?;
    }
    check_digest(folder, model, backbone.weights().source(), backbone.weights().digest())?;
    Ok(backbone)
}

/// Refuses other weights than those of the training.
fn check_digest(folder: &Path, model: &ModelDescription, source: Option<&Path>, got: &str) -> anyhow::Result<()> {
    let (expected, folder) = (&model.weights.digest, folder.display());
    match source.map(Path::display) {
        _ if got == expected => Ok(()),
        Some(path) => bail!(
            "{path}: {got}, but {folder} was trained with {expected}; the file was changed, or it is another one: \
             --weights says where the right one is"
        ),
        None => bail!(
            "{folder}: the weights that `{}` draws are {got}, but it was trained with {expected}; use the xfer that \
             trained it",
            model.weights.source
        ),
    }
}

impl OpenedModel {
    /// Photos as validation saw them: in index order, whole, without augmentation. Files that fail are for `on_error`.
    pub(crate) fn flow_options(&self, on_error: OnError, error_budget: ErrorBudget) -> FlowOptions {
        let &ModelDescription { image_size: [height, width], interpolation, exif, depth16, alpha, decode, .. } =
            &self.description;
        FlowOptions {
            target_size: (height, width),
            batch_size: self.batch_size,
            shuffle: false,
            interpolation,
            pixel_type: PixelType::U8,
            decode: DecodeOptions { exif, depth16, alpha, ..DecodeOptions::default() },
            decode_scale: decode,
            on_error,
            error_budget,
            ..FlowOptions::default()
        }
    }

    /// How its photos are loaded; `name` tells streams apart in the metrics.
    pub(crate) fn loader_options(&self, name: &'static str, stall_timeout: Option<Duration>) -> LoaderOptions {
        LoaderOptions { threads: self.threads, stall_timeout, name, ..LoaderOptions::default() }
    }
}

/// Refuses what this program would compute in another way than the one that trained.
fn check(folder: &Path, head: &Head, model: &ModelDescription) -> anyhow::Result<()> {
    let file = folder.join(Model::DESCRIPTION_FILE);
    let own = preprocessing_of(model.backbone);
    if model.preprocessing != own {
        bail!("{}: {} preprocesses by {own}, not by {}", file.display(), model.backbone, model.preprocessing);
    }
    if head.features() != Architecture::FEATURES {
        let (file, features) = (file.display(), head.features());
        bail!("{file}: a head of {features} features; {} makes {}", model.backbone, Architecture::FEATURES);
    }
    let [height, width] = model.image_size;
    let least = model.backbone.min_image_size();
    if height.min(width) < least {
        let file = file.display();
        bail!("{file}: images of {height}x{width} are too small for {}, which takes {least}x{least}", model.backbone);
    }
    Ok(())
}
