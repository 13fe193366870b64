//! `train`: photos in class folders -> a trained head in a folder of its own.

mod callbacks;
mod data;
mod features;
mod judge;
mod learner;
pub(crate) mod manifest;
mod output;
mod plan;
mod progress;
mod recall;
mod report;
mod run;
mod settings;
mod states;
mod verdict;

use std::path::PathBuf;

use xfer_loader::{GroupBy, ImageDataGenerator, Split};

use crate::args::augment::AugmentArgs;
use crate::args::cache::CacheArgs;
use crate::args::callbacks::CallbackArgs;
use crate::args::head::HeadArgs;
use crate::args::optimizer::OptimizerArgs;
use crate::args::table::TableArgs;
use crate::args::values::{self, MetricsAddress};
use crate::args::{FeatureArgs, usage_error};
use manifest::Manifest;

pub(crate) use recall::command;
pub(crate) use run::run;

/// Train a classifier on folders of photos
///
/// Photos are expected in DATA/train/CLASS/ and, to validate after every epoch, DATA/val/CLASS/; with --split, in
/// DATA/train/CLASS/ or DATA/CLASS/ alone. Without batch sizes,
/// one pass over the photos is split into the steps asked for; without steps either, batches have 32 photos and an epoch
/// is one pass. Where steps times batch size is not one pass, the next epoch goes on where the last one stopped.
#[derive(Debug, clap::Args)]
pub(crate) struct TrainArgs {
    /// Folder with `train` and `val` in it
    #[arg(long, value_name = "DATA", default_value = "./input/urban-and-rural-photos")]
    data: PathBuf,

    /// Photos that a training step takes [default: one pass split into the steps, or 32]
    #[arg(long, value_name = "N", value_parser = values::batch_size)]
    batch_size: Option<usize>,

    /// Photos that a validation step takes [default: one pass split into the steps, or 32]
    #[arg(long, value_name = "N", value_parser = values::batch_size)]
    validation_batch_size: Option<usize>,

    /// Steps of an epoch [default: one pass]
    #[arg(long, value_name = "N", value_parser = values::count)]
    steps_per_epoch: Option<usize>,

    /// Steps of a validation [default: one pass]
    #[arg(long, value_name = "N", value_parser = values::count)]
    validation_steps: Option<usize>,

    /// Epochs
    #[arg(long, value_name = "N", default_value = "1", value_parser = values::count)]
    epochs: usize,

    /// Decides the first head, the order of the photos and their flips
    #[arg(long, value_name = "SEED", default_value_t = 123)]
    seed: u64,

    /// Hold photos back for validation: stratified:0.2 by a hash of their content, which stays as it is when photos are
    /// added, or first:0.2 for the first ones of each class, as Keras' validation_split does
    #[arg(long, value_name = "HOW:SHARE")]
    split: Option<Split>,

    /// With --split stratified: photos whose paths have the same match of this pattern (a regular expression; its groups,
    /// where it has any) stay on the same side, such as `(session\d+)_`
    #[arg(long, value_name = "PATTERN", requires = "split")]
    group_by: Option<GroupBy>,

    /// Folder for the model and the history [default: runs/TIME]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Go on with the run in this folder, which was stopped, killed or is to have more --epochs, as if it had never been
    /// interrupted. Its own arguments hold; data, weights and settings must be the same
    #[arg(long, value_name = "RUN", conflicts_with_all = ["output", "overwrite", "from"])]
    resume: Option<PathBuf>,

    /// Repeat the run that this manifest.json is of, in a new folder, and say whether data, weights and model agree. Other
    /// arguments replace its own
    #[arg(long, value_name = "MANIFEST")]
    from: Option<PathBuf>,

    /// Replace the model and the history that are in the output folder
    #[arg(long)]
    overwrite: bool,

    /// Where Prometheus metrics are served; port 0 for any free one
    #[arg(long, value_name = "IP:PORT|off", default_value = "127.0.0.1:9464")]
    metrics_addr: MetricsAddress,

    /// Send the metrics to a Prometheus push gateway when the run ends, such as
    /// http://localhost:9091/metrics/job/xfer
    #[arg(long, value_name = "URL")]
    metrics_push: Option<String>,

    /// Print a JSON document about the result on standard output, and everything else on standard error
    #[arg(long)]
    json: bool,

    /// 0: warnings only, 1: a progress line, 2: one line an epoch
    #[arg(long, value_name = "LEVEL", default_value_t = 1, value_parser = clap::value_parser!(u8).range(..=2))]
    verbose: u8,

    #[command(flatten)]
    features: FeatureArgs,

    #[command(flatten)]
    table: TableArgs,

    #[command(flatten)]
    augment: AugmentArgs,

    #[command(flatten)]
    pub(crate) optimizer: OptimizerArgs,

    #[command(flatten)]
    head: HeadArgs,

    #[command(flatten)]
    pub(crate) callbacks: CallbackArgs,

    #[command(flatten)]
    cache: CacheArgs,

    /// With augmentation beyond flips: draw K augmentations of each photo instead of a new one in every epoch, and keep
    /// their features; epoch e has draw e modulo K. Not what Keras trains on
    #[arg(long, value_name = "K", value_parser = values::count, conflicts_with = "no_cache", help_heading = "Cache of features")]
    cache_views: Option<usize>,
}

/// A checked command line.
#[derive(Debug)]
pub(crate) struct TrainConfig {
    data: PathBuf,
    features: FeatureArgs,
    training: Sizes,
    validation: Sizes,
    epochs: u64,
    seed: u64,
    split: Option<Split>,
    table: TableArgs,
    augmented: ImageDataGenerator,
    optimizer: OptimizerArgs,
    head: HeadArgs,
    callbacks: CallbackArgs,
    cache: CacheArgs,
    cache_views: Option<u64>,
    output: Option<PathBuf>,
    overwrite: bool,
    metrics: MetricsAddress,
    metrics_push: Option<String>,
    json: bool,
    verbose: u8,
    /// The words that decide the result, to be given again.
    arguments: Vec<String>,
    /// The run that is gone on with.
    resumes: Option<Box<Manifest>>,
    /// The run that is repeated.
    repeats: Option<Box<Manifest>>,
}

/// What was said about batches and steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sizes {
    batch_size: Option<usize>,
    steps: Option<usize>,
}

impl TrainArgs {
    pub(crate) fn check(self) -> Result<TrainConfig, clap::Error> {
        self.features.check("train")?;
        let checked = self.optimizer.check().and(self.head.check()).and(self.callbacks.check());
        checked.map_err(|error| usage_error("train", error))?;
        let augmented = self.augment.generator();
        if self.cache_views.is_some() && augmented.flips_only() {
            let message = "--cache-views: photos are flipped at most, and each way is kept; leave it out";
            return Err(usage_error("train", message));
        }
        let split = match (self.split, self.group_by) {
            (Some(split), Some(group_by)) => {
                Some(split.group_by(group_by).map_err(|error| usage_error("train", error))?)
            }
            (split, _) => split,
        };
        Ok(TrainConfig {
            training: Sizes { batch_size: self.batch_size, steps: self.steps_per_epoch },
            validation: Sizes { batch_size: self.validation_batch_size, steps: self.validation_steps },
            data: self.data,
            features: self.features,
            epochs: self.epochs as u64,
            seed: self.seed,
            split,
            table: self.table,
            augmented,
            optimizer: self.optimizer,
            head: self.head,
            callbacks: self.callbacks,
            cache: self.cache,
            cache_views: self.cache_views.map(|views| views as u64),
            output: self.output,
            overwrite: self.overwrite,
            metrics: self.metrics_addr,
            metrics_push: self.metrics_push,
            json: self.json,
            verbose: self.verbose,
            arguments: Vec::new(),
            resumes: None,
            repeats: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::values::{ImageSize, WeightsChoice};
    use crate::args::{Verb, parse};
    use xfer_backbones::Architecture;
    use xfer_loader::Interpolation;
    use xfer_trainer::features::cache::Stored;

    fn train(words: &str) -> Result<TrainConfig, clap::Error> {
        match parse(&format!("train {words}"))? {
            Verb::Train(args) => args.check(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_defaults_are_the_notebooks() {
        let config = train("").unwrap();
        assert_eq!(config.data, PathBuf::from("./input/urban-and-rural-photos"));
        assert_eq!(config.features.backbone, Architecture::ResNet50);
        assert_eq!(config.features.weights, WeightsChoice::Imagenet);
        assert_eq!(config.features.image_size, ImageSize { height: 224, width: 224 });
        assert_eq!(config.features.interpolation, Interpolation::Nearest);
        assert_eq!((config.features.bn_eps, config.features.threads), (None, 0));
        assert_eq!(config.features.device, "auto");
        let unsaid = Sizes { batch_size: None, steps: None };
        assert_eq!((config.training, config.validation), (unsaid, unsaid));
        assert_eq!((config.epochs, config.optimizer.learning_rate, config.seed), (1, None, 123));
        assert_eq!(config.augmented, ImageDataGenerator::new().horizontal_flip(true));
        assert!(config.split.is_none() && !config.overwrite && !config.json);
        assert_eq!(config.output, None);
        assert_eq!(config.metrics, MetricsAddress::At("127.0.0.1:9464".parse().unwrap()));
        assert_eq!(config.verbose, 1);
        assert!(!config.cache.no_cache && config.cache.cache_dir.is_none() && config.cache_views.is_none());
        assert_eq!(config.cache.cache_dtype, Stored::F32);
    }

    #[test]
    fn every_argument_reaches_the_configuration() {
        let config = train(
            "--data d --backbone xception --weights w.h5 --bn-eps 1e-3 --image-size 96x128 --interpolation bilinear \
             --threads 3 --device cuda:1 --batch-size 4 --validation-batch-size 5 --steps-per-epoch 6 \
             --validation-steps 7 --epochs 8 --learning-rate 0.5 --seed 9 --no-flip --output o --overwrite \
             --metrics-addr off --json --verbose 2 --rotation-range 5 --cache-views 4 --cache-dir c --cache-dtype f16",
        )
        .unwrap();
        assert_eq!(config.data, PathBuf::from("d"));
        assert_eq!(config.features.backbone, Architecture::Xception);
        assert_eq!(config.features.weights, WeightsChoice::File("w.h5".into()));
        assert_eq!(config.features.bn_eps, Some(1e-3));
        assert_eq!(config.features.image_size, ImageSize { height: 96, width: 128 });
        assert_eq!(config.features.interpolation, Interpolation::Bilinear);
        assert_eq!((config.features.threads, config.features.device.as_str()), (3, "cuda:1"));
        assert_eq!(config.training, Sizes { batch_size: Some(4), steps: Some(6) });
        assert_eq!(config.validation, Sizes { batch_size: Some(5), steps: Some(7) });
        assert_eq!((config.epochs, config.optimizer.learning_rate, config.seed), (8, Some(0.5), 9));
        assert_eq!(config.augmented, ImageDataGenerator::new().rotation_range(5.0));
        assert_eq!((config.cache_views, config.cache.cache_dir), (Some(4), Some("c".into())));
        assert_eq!(config.cache.cache_dtype, Stored::F16);
        assert!(config.overwrite && config.json);
        assert_eq!(config.output, Some("o".into()));
        assert_eq!((config.metrics, config.verbose), (MetricsAddress::Off, 2));
    }

    #[test]
    fn values_out_of_range_are_usage_errors() {
        for words in [
            "--steps-per-epoch 0",
            "--validation-steps 0",
            "--batch-size 0",
            "--validation-batch-size 0",
            "--epochs 0",
            "--learning-rate 0",
            "--learning-rate -1",
            "--learning-rate nan",
            "--image-size 31",
            "--image-size 224x",
            "--backbone xception --image-size 70",
            "--backbone vgg16",
            "--weights random:x",
            "--bn-eps -1",
            "--interpolation cubic",
            "--threads -1",
            "--device gpu",
            "--seed -1",
            "--metrics-addr somewhere",
            "--verbose 3",
            "--cache-views 3",
            "--rotation-range 5 --cache-views 0",
            "--rotation-range 5 --cache-views 2 --no-cache",
            "--no-cache --cache-dir c",
            "--cache-dtype bf16",
            "--no-such-argument",
        ] {
            let error = train(words).expect_err(words);
            assert_eq!(error.exit_code(), 2, "{words}");
        }
    }
}
