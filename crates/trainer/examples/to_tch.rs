//! Class folders as tensors of tch: `cargo run -p xfer-trainer --example to_tch -- photos/train`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use tch::{Device, Kind, Tensor};
use xfer_loader::{
    Batch, DirectoryOptions, FlowOptions, ImageDataGenerator, Interpolation, Layout, LoaderOptions, PixelType, Pixels,
    Preprocessing,
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("which folder? it has one sub-folder a class")?;
    let device = Device::cuda_if_available();

    // As torchvision has them: [samples, channels, height, width], by the means and deviations of ImageNet.
    let options = FlowOptions {
        target_size: (224, 224),
        interpolation: Interpolation::Bilinear,
        layout: Layout::Nchw,
        ..FlowOptions::default()
    };
    let flow = ImageDataGenerator::new()
        .horizontal_flip(true)
        .preprocessing(Preprocessing::Torch)
        .flow_from_directory(folder, &DirectoryOptions::default(), options.clone())?;
    println!("{}", flow.found());
    for batch in flow.stream(0..1, &LoaderOptions::default())?.blocking() {
        let (images, labels) = tensors(&batch?, device)?;
        println!("{:?} {:?}, mean {:.4}; labels {:?}", images.size(), images.kind(), mean(&images)?, labels.size());
    }

    // A quarter of the bytes to a GPU: levels are sent, and made numbers of there.
    let flow = flow
        .with(ImageDataGenerator::new().horizontal_flip(true), FlowOptions { pixel_type: PixelType::U8, ..options })?;
    for batch in flow.stream(0..1, &LoaderOptions::default())?.blocking() {
        let (levels, _) = tensors(&batch?, device)?;
        let images = levels.f_to_kind(Kind::Float)?.f_div_scalar(255.0)?;
        println!("{:?} {:?}, mean {:.4}", images.size(), levels.kind(), mean(&images)?);
    }
    Ok(())
}

/// Copies of a batch's images and labels; the batch's buffer can go back to the loader.
fn tensors(batch: &Batch, device: Device) -> Result<(Tensor, Tensor), Box<dyn Error>> {
    let images = match batch.pixels() {
        Pixels::F32(values) => Tensor::f_from_slice(values)?,
        Pixels::U8(levels) => Tensor::f_from_slice(levels)?,
    };
    let labels: Vec<i64> = batch.labels().iter().map(|&label| label.into()).collect();
    let images = images.f_view(batch.shape().map(|side| side as i64))?;
    Ok((images.f_to_device(device)?, Tensor::f_from_slice(&labels)?.f_to_device(device)?))
}

fn mean(images: &Tensor) -> Result<f64, Box<dyn Error>> {
    Ok(images.f_mean(Kind::Float)?.f_double_value(&[])?)
}
