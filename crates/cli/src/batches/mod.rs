//! `batches`: the loader's own output, as tensors or as a picture.

mod keras;
mod sheet;
mod tensors;

use std::path::PathBuf;

use anyhow::bail;
use serde_json::json;
use xfer_loader::{Compat, Flow, FlowOptions, ImageDataGenerator, LoaderOptions, PixelType};
use xfer_trainer::Existing;

use crate::Ending;
use crate::args::loading::{FailureArgs, PhotoArgs};
use crate::args::values;
use crate::failures;
use crate::terminal::{Terminal, print_json};
use keras::{Config, FlowConfig};
use sheet::Sheet;
use tensors::Tensors;

/// Write the loader's batches: tensors, or a picture to look at
///
/// Takes Keras' own arguments as JSON: --config those of ImageDataGenerator, --flow those of flow_from_directory, or of
/// flow_from_dataframe where there is a --table. The output is a safetensors file with `x0`, `y0`, `index0`, `x1`, ... as
/// Keras' iterator would yield them. No backbone is needed.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("outputs").required(true).multiple(true).args(["output", "grid"]))]
pub(crate) struct BatchesArgs {
    /// Folder with one sub-folder a class, or, with --table, the folder that file names are under
    #[arg(long, value_name = "DIR", required_unless_present = "table")]
    data: Option<PathBuf>,

    /// CSV or Parquet file that lists the images, one a row
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,

    /// Arguments of ImageDataGenerator; `preprocessing` is resnet50, xception, caffe, tf or torch, and `fit`:
    /// {"samples": N} fits the featurewise statistics on the first N images
    #[arg(long, value_name = "JSON", default_value = "{}")]
    config: String,

    /// Arguments of flow_from_directory, such as {"target_size": [224, 224], "batch_size": 12}
    #[arg(long, value_name = "JSON", default_value = "{}")]
    flow: String,

    /// How many batches
    #[arg(long, value_name = "N", default_value = "1", value_parser = values::count)]
    count: usize,

    /// Decides the order and the augmentation
    #[arg(long, value_name = "SEED", default_value_t = 123)]
    seed: u64,

    /// `keras3`: the very numbers of Keras 3, its swapped shift axes included; `documented`: what Keras documents
    #[arg(long, value_name = "WHAT", default_value_t = Compat::default())]
    compat: Compat,

    /// Threads that read and compute; 0 for one a core. Results do not depend on it
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,

    /// safetensors file to write
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// PNG file to write: every image of the batches as a tile, framed in the colour of its class
    #[arg(long, value_name = "PNG")]
    grid: Option<PathBuf>,

    /// Replace the outputs if they are there
    #[arg(long)]
    overwrite: bool,

    /// Print a JSON document about the result
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    photos: PhotoArgs,

    #[command(flatten)]
    failures: FailureArgs,
}

pub(crate) fn run(args: BatchesArgs) -> anyhow::Result<Ending> {
    let terminal = Terminal::new(args.json, 1);
    for output in [&args.output, &args.grid].into_iter().flatten() {
        if !args.overwrite && output.symlink_metadata().is_ok() {
            bail!("{}: already there; choose another name, or pass --overwrite", output.display());
        }
    }
    let flow = flow(&args)?;
    terminal.line(flow.found());
    failures::tell_index(&flow, &terminal);
    let loader = LoaderOptions {
        threads: args.threads.into(),
        stall_timeout: args.failures.stall_timeout(),
        name: "batches",
        ..LoaderOptions::default()
    };
    // No further than asked: what is read ahead would be saved by `save_to_dir` as well.
    let passes = args.count.div_ceil(flow.batches_per_epoch()) as u64;
    let max_batches = (args.count < flow.batches_per_epoch()).then_some(args.count);
    let limited = flow.with_options(FlowOptions { max_batches, ..flow.options().clone() })?;
    let stream = limited.stream(0..passes, &loader)?.blocking();
    let report = stream.report();
    let (mut tensors, mut sheet, mut shapes) = (Tensors::default(), Sheet::default(), Vec::new());
    for batch in stream.take(args.count) {
        let batch = batch?;
        shapes.push(batch.shape());
        if args.output.is_some() {
            tensors.add(&batch);
        }
        if args.grid.is_some() {
            sheet.add(&batch, flow.options().layout);
        }
    }
    let existing = if args.overwrite { Existing::Replace } else { Existing::Keep };
    if let Some(path) = &args.output {
        tensors.write(path, existing)?;
        terminal.line(format_args!("Wrote {} batches to {}.", shapes.len(), path.display()));
    }
    if let Some(path) = &args.grid {
        sheet.write(path, existing)?;
        terminal.line(format_args!(
            "Drew {} images in {}.",
            shapes.iter().map(|shape| shape[0]).sum::<usize>(),
            path.display()
        ));
    }
    let report = report.read();
    failures::tell(&report, &terminal);
    if args.json {
        print_json(&json!({
            "output": args.output,
            "grid": args.grid,
            "samples": flow.samples(),
            "classes": flow.class_names(),
            "filenames": flow.filenames().map(|name| name.to_string_lossy()).collect::<Vec<_>>(),
            "shapes": shapes,
            "failures": failures::list(&report),
        }))?;
    }
    Ok(Ending::Done)
}

fn flow(args: &BatchesArgs) -> anyhow::Result<Flow> {
    let config: Config = keras::parse(&args.config, "--config")?;
    let arguments: FlowConfig = keras::parse(&args.flow, "--flow")?;
    let base = FlowOptions {
        seed: arguments.seed.unwrap_or(args.seed),
        decode: args.photos.decode_options(),
        decode_scale: args.photos.decode,
        on_error: args.failures.on_error,
        error_budget: args.failures.error_budget,
        ..FlowOptions::default()
    };
    let options = arguments.options(&config, base)?;
    let bind = |generator: &ImageDataGenerator, options: FlowOptions| match (&args.table, &args.data) {
        (Some(table), data) => anyhow::Ok(generator.flow_from_table(
            table,
            &arguments.table(&config, data.clone(), args.compat)?,
            options,
        )?),
        (None, Some(data)) => {
            Ok(generator.flow_from_directory(data, &arguments.directory(&config, args.compat)?, options)?)
        }
        // clap asks for one of the two.
        (None, None) => bail!("--data or --table is needed"),
    };
    let mut generator = config.generator(args.compat)?;
    if let Some(fit) = config.fit {
        let plain = FlowOptions { shuffle: false, pixel_type: PixelType::F32, save_to: None, ..options.clone() };
        let images = bind(&ImageDataGenerator::new(), plain)?.first(fit.samples);
        generator = generator.fit(&images)?;
    }
    bind(&generator, options)
}
