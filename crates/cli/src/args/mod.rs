//! The command line as it is typed. What can be judged from the words alone is a usage error here; everything that
//! needs the disk comes later.

pub(crate) mod augment;
pub(crate) mod cache;
pub(crate) mod callbacks;
pub(crate) mod given;
pub(crate) mod head;
pub(crate) mod loading;
pub(crate) mod optimizer;
pub(crate) mod schedule;
pub(crate) mod table;
pub(crate) mod values;

use clap::error::ErrorKind;
use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::log::LogFormat;
use crate::{
    batches, bench, cache as cache_verb, compare, doctor, evaluate, export, extract, predict, report, runs, scan,
    summary, sweep, train,
};
use loading::{FailureArgs, PhotoArgs};
use values::{ImageSize, WeightsChoice};

/// Transfer learning on folders of photos: a frozen ResNet50 or Xception, and a head trained on top of it.
#[derive(Debug, Parser)]
#[command(name = "xfer-cli", version, propagate_version = true, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) verb: Verb,

    /// Colours in the output; `auto` has them on a terminal where NO_COLOR is not set
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,

    /// What is told beside results: text for people, or for programs one JSON object a line on standard error
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Human)]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Train(Box<train::TrainArgs>),
    Evaluate(Box<evaluate::EvaluateArgs>),
    Predict(Box<predict::PredictArgs>),
    Extract(Box<extract::ExtractArgs>),
    Export(export::ExportArgs),
    Sweep(Box<sweep::SweepArgs>),
    Batches(Box<batches::BatchesArgs>),
    Scan(scan::ScanArgs),
    Summary(summary::SummaryArgs),
    Bench(bench::BenchArgs),
    Doctor(doctor::DoctorArgs),
    Cache(cache_verb::CacheVerbArgs),
    Runs(runs::RunsArgs),
    Compare(compare::CompareArgs),
    Report(report::ReportArgs),
}

/// Which features, and how they are computed: what `train` and `extract` share.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FeatureArgs {
    /// The frozen network: resnet50 or xception
    #[arg(long, value_name = "NAME", default_value = "resnet50")]
    pub(crate) backbone: xfer_backbones::Architecture,

    /// Its weights: `imagenet` (downloaded once), a Keras HDF5 or safetensors file, or `random[:SEED]` (untrained)
    #[arg(long, value_name = "WEIGHTS", default_value = "imagenet")]
    pub(crate) weights: WeightsChoice,

    /// Epsilon of every batch norm [default: the one that belongs to the weights' file]
    #[arg(long, value_name = "EPSILON", value_parser = values::epsilon)]
    pub(crate) bn_eps: Option<f64>,

    /// Size that photos are resized to, in pixels: N for squares, or HEIGHTxWIDTH
    #[arg(long, value_name = "SIZE", default_value = "224")]
    pub(crate) image_size: ImageSize,

    /// How photos are resized: nearest, bilinear, bicubic, hamming, box or lanczos
    #[arg(long, value_name = "NAME", default_value = "nearest")]
    pub(crate) interpolation: xfer_loader::Interpolation,

    /// Threads that read photos and compute; 0 for one a core. Results do not depend on it
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    pub(crate) threads: u16,

    /// Threads that decode photos, where they are not to be as many as --threads. Results do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) loader_threads: Option<u16>,

    /// Where the network runs: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = values::device)]
    pub(crate) device: String,

    /// What the network computes in: `fp32`, or `bf16`: twice as fast where the processor has AVX512-BF16 or AMX, and
    /// features a few percent off on untrained networks
    #[arg(long, value_name = "TYPE", default_value_t = xfer_backbones::Precision::default())]
    pub(crate) precision: xfer_backbones::Precision,

    #[command(flatten)]
    pub(crate) photos: PhotoArgs,

    #[command(flatten)]
    pub(crate) failures: FailureArgs,
}

impl FeatureArgs {
    /// What clap cannot see in one argument alone.
    pub(crate) fn check(&self, verb: &str) -> Result<(), clap::Error> {
        self.image_size.check(self.backbone, verb)
    }
}

/// The command line of this process, and its words that decide what comes out (see [`given`]). Ends the process where it is
/// not understood.
pub(crate) fn parsed() -> (Args, Vec<String>) {
    let mut command = Args::command();
    command.build();
    let matches = command.get_matches_mut();
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let given = matches.subcommand().and_then(|(verb, matches)| {
        let command = command.find_subcommand(verb)?;
        Some(given::given(command, matches))
    });
    (args, given.unwrap_or_default())
}

/// A usage error of the verb `verb`.
pub(crate) fn usage_error(verb: &str, message: impl std::fmt::Display) -> clap::Error {
    let mut command = Args::command();
    command.build();
    let mut fallback = command.clone();
    let command = command.find_subcommand_mut(verb).unwrap_or(&mut fallback);
    command.error(ErrorKind::ValueValidation, message)
}

#[cfg(test)]
pub(crate) fn parse(words: &str) -> Result<Verb, clap::Error> {
    Args::try_parse_from(std::iter::once("xfer-cli").chain(words.split_whitespace())).map(|args| args.verb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn colours_may_be_asked_for_anywhere() {
        for words in ["xfer-cli --color never summary", "xfer-cli summary --color never"] {
            let args = Args::try_parse_from(words.split_whitespace()).unwrap();
            assert_eq!(args.color, ColorChoice::Never);
        }
        assert!(Args::try_parse_from(["xfer-cli", "summary", "--color", "pink"]).is_err());
    }

    #[test]
    fn a_usage_error_shows_the_usage_of_its_verb_and_exits_with_2() {
        let error = usage_error("extract", "no such thing");
        assert_eq!(error.exit_code(), 2);
        let text = error.to_string();
        assert!(text.contains("no such thing") && text.contains("xfer-cli extract"), "{text}");
    }
}
