//! A trained model, opened for use: everything about its photos and its network comes from its folder, never from flags.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use xfer_backbones::{Architecture, Backbone, Weights};
use xfer_loader::{DecodeOptions, ErrorBudget, FlowOptions, LoaderOptions, OnError, PixelType};
use xfer_trainer::{Head, Model, ModelDescription, preprocessing_of};

use crate::args::values::{self, WeightsChoice};
use crate::backbone::{self, UNTRAINED};
use crate::download;
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

/// A model with its network on a device.
#[derive(Debug)]
pub(crate) struct OpenedModel {
    pub(crate) head: Head,
    pub(crate) description: ModelDescription,
    pub(crate) backbone: Backbone,
    threads: usize,
    batch_size: usize,
}

impl ModelArgs {
    /// The folder of the run.
    pub(crate) fn run(&self) -> &Path {
        &self.run
    }

    /// Reads the model, verifies its files and its weights, and puts the network on the device.
    pub(crate) fn open(&self, terminal: &Terminal) -> anyhow::Result<OpenedModel> {
        let folder = self.folder()?;
        let Model { head, description, batch_norm } = Model::load(folder)?;
        check(folder, &head, &description)?;
        let device = backbone::open_device_with(&self.device, description.precision, self.threads)?;
        let weights = self.weights(folder, &description, terminal)?;
        let epsilon = Some(description.weights.batch_norm_epsilon);
        let mut backbone = Backbone::with_precision(&weights, epsilon, device, description.precision)?;
        if let Some(statistics) = &batch_norm {
            let file = folder.join(Model::BATCH_NORM_FILE);
            backbone
                .set_batch_norm_statistics(statistics)
                .with_context(|| format!("{}: not of a {}", file.display(), description.backbone))?;
        }
        let (expected, got) = (&description.weights.digest, backbone.weights().digest());
        if got != expected {
            let source = backbone.weights().source().map(Path::display);
            match source {
                Some(path) => bail!(
                    "{path}: {got}, but {} was trained with {expected}; the file was changed, or it is another one: \
                     --weights says where the right one is",
                    folder.display()
                ),
                None => bail!(
                    "{}: the weights that `{}` draws are {got}, but it was trained with {expected}; use the xfer that \
                     trained it",
                    folder.display(),
                    description.weights.source
                ),
            }
        }
        if description.weights.untrained {
            terminal.warn(UNTRAINED);
        }
        Ok(OpenedModel { head, description, backbone, threads: usize::from(self.threads), batch_size: self.batch_size })
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

    /// The weights that the model was trained with, from where they are now; not verified yet.
    fn weights(&self, folder: &Path, model: &ModelDescription, terminal: &Terminal) -> anyhow::Result<Weights> {
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
                Ok(WeightsChoice::Random(seed)) => return Ok(Weights::random(model.backbone, seed)),
                _ => bail!("{}: names no file of weights", folder.join(Model::DESCRIPTION_FILE).display()),
            },
        };
        if !file.exists() {
            bail!("{}: no such weights file", file.display());
        }
        backbone::load(model.backbone, &file)
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
