//! `bench loader`: whole passes over a folder, from files to standardised batches.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use xfer_loader::{DirectoryOptions, Flow, FlowOptions, Interpolation, LoaderOptions, PixelType, Preprocessing};

use super::clock::StageClock;
use super::report::{Rates, Report};
use super::{latency, usage};
use crate::Ending;
use crate::args::augment::AugmentArgs;
use crate::args::loading::PhotoArgs;
use crate::args::values::{self, ImageSize};
use crate::terminal::{Terminal, print_json};

/// Measure whole passes over a folder: read, decode, resize, augment and standardise, into batches
///
/// One pass warms up, and is not counted. Then come the measured ones, one more in which every stage of the loader is
/// timed, and single images decoded and resized one after the other by one thread.
#[derive(Debug, clap::Args)]
pub(crate) struct LoaderArgs {
    /// Folder of photos, one sub-folder a class
    #[arg(long, value_name = "DIR")]
    data: PathBuf,

    /// Size that photos are resized to, in pixels: N for squares, or HEIGHTxWIDTH
    #[arg(long, value_name = "SIZE", default_value = "224")]
    image_size: ImageSize,

    /// How photos are resized: nearest, bilinear, bicubic, hamming, box or lanczos
    #[arg(long, value_name = "NAME", default_value = "nearest")]
    interpolation: Interpolation,

    /// Photos of one batch
    #[arg(long, value_name = "N", default_value = "32", value_parser = values::batch_size)]
    batch_size: usize,

    /// Passes that are measured
    #[arg(long, value_name = "N", default_value = "5", value_parser = values::count)]
    passes: usize,

    /// Threads that read photos and compute; 0 for one a core
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,

    /// What batches hold: `f32`, standardised as ResNet50 takes it, or `u8`, levels as they are
    #[arg(long, value_name = "TYPE", default_value = "f32", value_parser = pixel_type)]
    pixels: PixelType,

    /// Photos, spread over the folder, whose latency is measured one by one; 0: none
    #[arg(long, value_name = "N", default_value_t = 1000)]
    latency: usize,

    /// Print a JSON document about the result
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    photos: PhotoArgs,

    #[command(flatten)]
    augment: AugmentArgs,
}

pub(super) fn run(args: &LoaderArgs) -> anyhow::Result<Ending> {
    let terminal = Terminal::new(args.json, 1);
    let flow = flow(args)?;
    terminal.line(flow.found());
    if flow.samples() == 0 {
        bail!("{}: no photos to measure on", args.data.display());
    }
    let memory_before = usage::peak_resident();
    let mut epoch = 0;
    let mut timed = || {
        epoch += 1;
        pass(&flow, epoch - 1, args.threads)
    };
    timed()?;
    let passes = (0..args.passes).map(|_| timed()).collect::<anyhow::Result<Vec<_>>>()?;
    let memory_peak = usage::peak_resident();
    // Only now: what is measured pays for no clocks.
    let clock = StageClock::install()?;
    timed()?;
    let stages = clock.shares();
    let latency = match args.latency {
        0 => None,
        photos => Some(latency::measure(&flow.spread(photos))?),
    };
    let report = Report {
        rates: Rates::of(flow.samples(), &passes),
        images: flow.samples(),
        threads: args.threads,
        bytes: file_bytes(&flow)?,
        latency,
        memory_before,
        memory_peak,
        stages,
    };
    if args.json {
        print_json(&report.document())?;
    } else {
        for line in report.lines() {
            terminal.line(line);
        }
    }
    Ok(Ending::Done)
}

fn flow(args: &LoaderArgs) -> anyhow::Result<Flow> {
    let options = FlowOptions {
        target_size: (args.image_size.height, args.image_size.width),
        batch_size: args.batch_size,
        interpolation: args.interpolation,
        pixel_type: args.pixels,
        decode: args.photos.decode_options(),
        decode_scale: args.photos.decode,
        ..FlowOptions::default()
    };
    let preprocessing = match args.pixels {
        PixelType::U8 => Preprocessing::None,
        PixelType::F32 => Preprocessing::Caffe,
    };
    let generator = args.augment.generator().preprocessing(preprocessing);
    Ok(generator.flow_from_directory(&args.data, &DirectoryOptions::default(), options)?)
}

/// One epoch, from starting the threads to the last batch.
fn pass(flow: &Flow, epoch: u64, threads: u16) -> anyhow::Result<Duration> {
    let options = LoaderOptions { threads: threads.into(), name: "bench", ..LoaderOptions::default() };
    let start = Instant::now();
    let mut images = 0;
    for batch in flow.stream(epoch..epoch + 1, &options)?.blocking() {
        images += black_box(batch?).len();
    }
    let took = start.elapsed();
    if images != flow.samples() {
        bail!("{images} of {} images came", flow.samples());
    }
    Ok(took)
}

fn file_bytes(flow: &Flow) -> anyhow::Result<u64> {
    let size = |name| {
        let path = flow.root().join(name);
        Ok(std::fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?.len())
    };
    flow.filenames().map(size).sum()
}

fn pixel_type(text: &str) -> Result<PixelType, String> {
    match text {
        "f32" => Ok(PixelType::F32),
        "u8" => Ok(PixelType::U8),
        _ => Err("expected f32 or u8".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Verb, parse};
    use crate::bench::{BenchArgs, Part};

    fn loader(words: &str) -> Result<LoaderArgs, clap::Error> {
        match parse(&format!("bench loader {words}"))? {
            Verb::Bench(BenchArgs { part: Part::Loader(args) }) => Ok(*args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_defaults_are_those_of_a_training() {
        let args = loader("--data photos").unwrap();
        assert_eq!(args.image_size, ImageSize { height: 224, width: 224 });
        assert_eq!((args.batch_size, args.passes, args.threads, args.pixels), (32, 5, 0, PixelType::F32));
        assert_eq!(args.interpolation, Interpolation::Nearest);
    }

    #[test]
    fn what_cannot_be_measured_is_a_usage_error() {
        for words in ["", "--data a --passes 0", "--data a --pixels f16", "--data a --image-size 0"] {
            assert_eq!(loader(words).unwrap_err().exit_code(), 2, "{words}");
        }
    }
}
