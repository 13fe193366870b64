//! What verbs that compute features have in common: the device, weights, and how photos are read for them.

use std::path::Path;

use anyhow::{Context, bail};
use xfer_backbones::{Architecture, Backbone, Device, ImageBatch, PixelData, Precision, Weights, device};
use xfer_loader::{Flow, FlowOptions, ImageDataGenerator, LoaderOptions, PixelType, Pixels};

use crate::args::FeatureArgs;
use crate::args::values::WeightsChoice;
use crate::frozen::Copy;
use crate::log::tell;
use crate::terminal::Terminal;

/// Photos that the statistics of random weights are taken from, at most.
const CALIBRATION_PHOTOS: usize = 512;
const CALIBRATION_BATCH: usize = 32;

/// What every output says of an untrained backbone.
pub(crate) const UNTRAINED: &str =
    "the backbone is untrained: its weights are random, and accuracy says nothing about transfer learning";

/// Finds the device, before anything else uses libtorch, and sets the number of threads.
pub(crate) fn open_device(features: &FeatureArgs) -> anyhow::Result<Device> {
    open_device_with(&features.device, features.precision, features.threads)
}

/// The same from its parts; 0 `threads` are one a core.
pub(crate) fn open_device_with(name: &str, precision: Precision, threads: u16) -> anyhow::Result<Device> {
    let device = device::select(name)
        .with_context(|| format!("--device {name}: not here; `xfer-cli doctor` says what is missing and what to do"))?;
    precision.check(device)?;
    if threads > 0 {
        device::set_threads(usize::from(threads))?;
    }
    keep_freed_memory();
    Ok(device)
}

/// Has the C library keep what feature maps free. It would give megabytes back to the system after every layer and ask
/// for them, zeroed page by page, for the next: a seventh of a forward pass of Xception.
fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const MEBIBYTE: i32 = 1 << 20;
        // SAFETY: it sets two numbers of the allocator, and is made to be called at any time.
        unsafe {
            // The most that it admits; feature maps of a piece of a batch are smaller.
            libc::mallopt(libc::M_MMAP_THRESHOLD, 32 * MEBIBYTE);
            libc::mallopt(libc::M_TRIM_THRESHOLD, 256 * MEBIBYTE);
        }
    }
}

/// Refuses weights that are not there, before any work is done.
pub(crate) fn check_weights(features: &FeatureArgs) -> anyhow::Result<()> {
    match &features.weights {
        WeightsChoice::File(path) if !path.exists() => bail!(
            "{}: no such weights file; --weights takes imagenet, random[:SEED], or the path of a Keras HDF5 or \
             safetensors file",
            path.display()
        ),
        _ => Ok(()),
    }
}

/// Weights of a file, from their copy in the cache where there is one.
pub(crate) fn load(architecture: Architecture, path: &Path) -> anyhow::Result<Weights> {
    Ok(match Copy::of(path) {
        Some(Copy { digest, folder }) => Weights::load_converted(architecture, path, &digest, &folder)?,
        None => Weights::load(architecture, path)?,
    })
}

/// The photos under `folder` that statistics are taken from.
pub(crate) fn calibration_flow(features: &FeatureArgs, folder: &Path) -> anyhow::Result<Flow> {
    let options = flow_options(features, CALIBRATION_BATCH);
    Ok(ImageDataGenerator::new().flow_from_files(folder, options)?.spread(CALIBRATION_PHOTOS))
}

/// Gives a backbone the batch-norm statistics of the photos of `flow`.
pub(crate) fn calibrate_on(
    backbone: &mut Backbone,
    features: &FeatureArgs,
    flow: &Flow,
    terminal: &Terminal,
) -> anyhow::Result<()> {
    let photos = flow.samples();
    tell!(terminal, "calibration", { photos }, "Calibrating batch normalisation on {photos} photos.");
    let mut calibration = backbone.calibration()?;
    for batch in flow.stream(0..1, &loader_options(features, "calibration"))?.blocking() {
        let batch = batch?;
        if batch.is_empty() {
            continue;
        }
        let pixels = match batch.pixels() {
            Pixels::U8(rgb) => PixelData::U8(rgb),
            Pixels::F32(preprocessed) => PixelData::F32(preprocessed),
        };
        calibration.observe(ImageBatch { pixels, shape: batch.shape() })?;
    }
    calibration.finish().context("batch normalisation cannot be calibrated")?;
    Ok(())
}

/// Photos in index order, as bytes: the backbone preprocesses them on its device.
pub(crate) fn flow_options(features: &FeatureArgs, batch_size: usize) -> FlowOptions {
    FlowOptions {
        target_size: (features.image_size.height, features.image_size.width),
        batch_size,
        shuffle: false,
        interpolation: features.interpolation,
        pixel_type: PixelType::U8,
        decode: features.photos.decode_options(),
        decode_scale: features.photos.decode,
        on_error: features.failures.on_error,
        error_budget: features.failures.error_budget,
        ..FlowOptions::default()
    }
}

/// `name` tells streams apart in the metrics.
pub(crate) fn loader_options(features: &FeatureArgs, name: &'static str) -> LoaderOptions {
    LoaderOptions {
        threads: usize::from(features.loader_threads.unwrap_or(features.threads)),
        stall_timeout: features.failures.stall_timeout(),
        name,
        ..LoaderOptions::default()
    }
}
