//! `extract`: the features of every image under a folder, as safetensors.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::bail;
use serde_json::json;
use xfer_backbones::Architecture;
use xfer_loader::{Flow, ImageDataGenerator, OnError, ReportHandle};
use xfer_trainer::features::cache::{Cached, Store, Tally, Views};
use xfer_trainer::features::{Deferred, Extracted, FeatureFile, FeatureSource};
use xfer_trainer::{Existing, WeightsDescription, preprocessing_of};

use crate::args::cache::CacheArgs;
use crate::args::{FeatureArgs, usage_error, values};
use crate::frozen::Frozen;
use crate::interrupt::Interrupt;
use crate::terminal::{Terminal, print_json};
use crate::{Ending, backbone, cache, failures, output_file};

/// Compute the features of every image under a folder
///
/// The output is a safetensors file with one tensor `features`, [images, 2048] f32. Its metadata holds the images' paths
/// under the folder as a JSON list (`paths`, in the order of the rows) and how the features were made.
#[derive(Debug, clap::Args)]
pub(crate) struct ExtractArgs {
    /// Folder of images, searched at any depth
    #[arg(long, value_name = "DIR")]
    images: PathBuf,

    /// File to write
    #[arg(long, value_name = "FILE")]
    output: PathBuf,

    /// Images that are computed at a time
    #[arg(long, value_name = "N", default_value = "32", value_parser = values::batch_size)]
    batch_size: usize,

    /// Replace the output if it is there
    #[arg(long)]
    overwrite: bool,

    /// Print a JSON document about the result
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    features: FeatureArgs,

    #[command(flatten)]
    cache: CacheArgs,
}

impl ExtractArgs {
    pub(crate) fn check(self) -> Result<Self, clap::Error> {
        self.features.check("extract")?;
        if self.features.failures.on_error == OnError::Replace {
            let message = "--on-error replace: a row would hold the features of another file; choose fail or skip";
            return Err(usage_error("extract", message));
        }
        Ok(self)
    }
}

pub(crate) fn run(args: ExtractArgs) -> anyhow::Result<Ending> {
    let start = Instant::now();
    let terminal = Terminal::new(args.json, 1);
    let interrupt = Interrupt::install()?;
    let device = backbone::open_device(&args.features)?;
    backbone::check_weights(&args.features)?;
    output_file::check_vacant(&args.output, args.overwrite)?;
    let options = backbone::flow_options(&args.features, args.batch_size);
    let flow = ImageDataGenerator::new().flow_from_files(&args.images, options)?;
    terminal.line(flow.found());
    let Frozen { network, weights, .. } = Frozen::find(&args.features, device, &args.cache, &args.images, &terminal)?;
    let all = metadata(&args.features, &flow, &weights, &[])?;
    let mut file = FeatureFile::create(&args.output, flow.samples(), Architecture::FEATURES, &all)?;
    let stop = interrupt.finish_first();
    let begun = Instant::now();
    let store = cache::store(&args.cache, &network, &flow, &terminal);
    let Source { mut features, report, tally, missing } = source(&args, &flow, &network, store.as_ref())?;
    // What is there already would say nothing about the time that is left.
    let bar = terminal.images_bar(Some(missing as u64));
    let computed = |rows: u64| tally.as_ref().map_or(rows, Tally::computed);
    let mut rows = 0;
    while let Some(batch) = features.next_batch() {
        let batch = batch?;
        file.append(&batch.features)?;
        rows += (batch.features.len() / Architecture::FEATURES) as u64;
        bar.set_position(computed(rows));
        if stop.load(Ordering::Relaxed) {
            bar.finish_and_clear();
            terminal.line(match &tally {
                Some(_) => "Stopped; nothing was written. What was computed is in the cache: the same command goes on from there.",
                None => "Stopped; nothing was written.",
            });
            return Ok(Ending::Interrupted);
        }
    }
    drop(features);
    bar.finish_and_clear();
    let rate = flow.samples() as f64 / begun.elapsed().as_secs_f64();
    let report = report.read();
    failures::tell(&report, &terminal);
    let rows = flow.samples() - report.failures.len();
    if rows == 0 {
        bail!("{}: every file failed; nothing was written", args.images.display());
    }
    let existing = if args.overwrite { Existing::Replace } else { Existing::Keep };
    let left_out: Vec<usize> = report.failures.iter().map(|failure| failure.sample).collect();
    file.finish(rows, &metadata(&args.features, &flow, &weights, &left_out)?, existing)?;

    if let Some(store) = store {
        store.finish();
    }
    let seconds = start.elapsed().as_secs_f64();
    terminal.line(format_args!(
        "Wrote {} x {} features to {} in {seconds:.1} s, {rate:.1} images/s.",
        rows,
        Architecture::FEATURES,
        args.output.display()
    ));
    let counts = tally.as_ref().map(|tally| (tally.cached(), tally.computed()));
    if let Some((cached, computed)) = counts {
        terminal.line(cache::tally(cached, computed));
    }
    if args.json {
        print_json(&json!({
            "cached": counts.map(|counts| counts.0),
            "computed": counts.map(|counts| counts.1),
            "output": args.output,
            "images": rows,
            "failures": failures::list(&report),
            "features": Architecture::FEATURES,
            "backbone": args.features.backbone.name(),
            "precision": args.features.precision.name(),
            "weights": weights,
            "untrained": weights.untrained,
            "image_size": [args.features.image_size.height, args.features.image_size.width],
            "seconds": seconds,
            "images_per_second": rate,
        }))?;
    }
    Ok(Ending::Done)
}

/// The features of every image, in index order.
struct Source<'a> {
    features: Box<dyn FeatureSource + 'a>,
    report: ReportHandle,
    /// `None` where there is no cache.
    tally: Option<Tally>,
    /// How many have to be computed.
    missing: usize,
}

fn source<'a>(
    args: &ExtractArgs,
    flow: &Flow,
    network: &'a Deferred,
    store: Option<&'a Store>,
) -> anyhow::Result<Source<'a>> {
    let loader = backbone::loader_options(&args.features, "extract");
    let Some(store) = store else {
        network.backbone()?;
        let stream = flow.stream(0..1, &loader)?.blocking();
        let report = stream.report();
        let features = Box::new(Extracted::new(stream, network));
        return Ok(Source { features, report, tally: None, missing: flow.samples() });
    };
    let features = Cached::new(flow.clone(), network, store, Views::Flips, 0..1, 0, loader)?;
    if features.missing() > 0 {
        // While the first images are loaded.
        network.backbone()?;
    }
    let (report, tally, missing) = (features.report(), Some(features.tally()), features.missing());
    Ok(Source { features: Box::new(features), report, tally, missing })
}

/// What the file says about itself; the rows `left_out`, in ascending order, are not in it.
fn metadata(
    features: &FeatureArgs,
    flow: &Flow,
    weights: &WeightsDescription,
    left_out: &[usize],
) -> anyhow::Result<BTreeMap<String, String>> {
    let decode = features.photos.decode_options();
    let kept = flow.filenames().enumerate().filter(|(sample, _)| left_out.binary_search(sample).is_err());
    let paths: Vec<_> = kept.map(|(_, path)| path.to_string_lossy()).collect();
    Ok(BTreeMap::from(
        [
            ("paths", serde_json::to_string(&paths)?),
            ("backbone", features.backbone.to_string()),
            ("weights", weights.source.clone()),
            ("weights_digest", weights.digest.clone()),
            ("precision", features.precision.to_string()),
            ("batch_norm_epsilon", weights.batch_norm_epsilon.to_string()),
            ("untrained", weights.untrained.to_string()),
            ("image_size", format!("[{},{}]", features.image_size.height, features.image_size.width)),
            ("preprocessing", preprocessing_of(features.backbone).to_string()),
            ("interpolation", features.interpolation.to_string()),
            ("exif", decode.exif.to_string()),
            ("depth16", decode.depth16.to_string()),
            ("alpha", decode.alpha.to_string()),
            ("decode", features.photos.decode.to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::values::WeightsChoice;
    use crate::args::{Verb, parse};

    fn extract(words: &str) -> Result<ExtractArgs, clap::Error> {
        match parse(&format!("extract {words}"))? {
            Verb::Extract(args) => args.check(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn images_and_output_are_needed() {
        assert_eq!(extract("--images a").unwrap_err().exit_code(), 2);
        assert_eq!(extract("--output b").unwrap_err().exit_code(), 2);
        let args = extract("--images a --output b").unwrap();
        assert_eq!((args.batch_size, args.overwrite, args.json), (32, false, false));
        assert_eq!(args.features.weights, WeightsChoice::Imagenet);
    }

    #[test]
    fn arguments_out_of_range_are_usage_errors() {
        for words in ["--batch-size 0", "--image-size 8", "--threads 9999", "--interpolation cubic", "--device gpu"] {
            let error = extract(&format!("--images a --output b {words}")).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{words}");
        }
    }
}
