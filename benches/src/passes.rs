//! Whole passes: files in, batches of 32 out.

use std::hint::black_box;

use anyhow::{Result, bail, ensure};
use xfer_loader::{
    DirectoryOptions, Flow, FlowOptions, ImageDataGenerator, Interpolation, LoaderOptions, PixelType, Preprocessing,
};

use crate::{Case, Photos, SIDE};

/// What is done to images besides resizing; flips always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Augmentation {
    /// Nothing.
    None,
    /// Rotation, shifts, shear and zoom: one resampling.
    Warped,
    /// And channel shift and brightness.
    All,
}

/// By amounts that other loaders have too.
pub fn generator(augmentation: Augmentation, preprocessing: Preprocessing) -> ImageDataGenerator {
    let mut generator = ImageDataGenerator::new().horizontal_flip(true).preprocessing(preprocessing);
    if augmentation != Augmentation::None {
        generator = generator
            .rotation_range(20.0)
            .width_shift_range(0.1)
            .height_shift_range(0.1)
            .shear_range(10.0)
            .zoom_range(0.2);
    }
    if augmentation == Augmentation::All {
        generator = generator.channel_shift_range(20.0).brightness_range((0.8, 1.2));
    }
    generator
}

/// Images of one pass.
const IMAGES: usize = 64;

pub(crate) fn pass(photos: &Photos, corpus: &str, how: &str, threads: usize) -> Result<Case> {
    let (mut interpolation, mut pixel_type) = (Interpolation::Nearest, PixelType::F32);
    let (mut augmentation, mut preprocessing) = (Augmentation::None, Preprocessing::Caffe);
    match how {
        "nearest" => {}
        "bilinear" => interpolation = Interpolation::Bilinear,
        "warped" => augmentation = Augmentation::Warped,
        "augmented" => augmentation = Augmentation::All,
        "u8" => (pixel_type, preprocessing) = (PixelType::U8, Preprocessing::None),
        _ => bail!("pass/{corpus}/{how}: no such case"),
    }
    let options = FlowOptions { target_size: (SIDE, SIDE), interpolation, pixel_type, ..FlowOptions::default() };
    let flow = generator(augmentation, preprocessing)
        .flow_from_directory(photos.corpus(corpus), &DirectoryOptions::default(), options)?
        .spread(IMAGES);
    let mut bytes = 0;
    for name in flow.filenames() {
        bytes += usize::try_from(std::fs::metadata(flow.root().join(name))?.len())?;
    }
    let loader = LoaderOptions { threads, ..LoaderOptions::default() };
    let images = flow.samples();
    // Every photo of a corpus has the size of the first.
    let pixels = images * crate::stages::decoded(photos, corpus)?.pixels();
    Ok(Case::of(images, pixels, bytes, move || once(&flow, &loader)))
}

fn once(flow: &Flow, loader: &LoaderOptions) -> Result<()> {
    let mut images = 0;
    for batch in flow.stream(0..1, loader)?.blocking() {
        images += black_box(batch?).len();
    }
    ensure!(images == flow.samples(), "{images} images");
    Ok(())
}
