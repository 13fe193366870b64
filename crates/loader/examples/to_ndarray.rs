//! Class folders as `ndarray` views, without a copy: `cargo run --example to_ndarray -- photos/train`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use ndarray::{ArrayView4, Axis};
use xfer_loader::{DirectoryOptions, FlowOptions, ImageDataGenerator, Interpolation, LoaderOptions, Pixels};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("which folder? it has one sub-folder a class")?;
    let options = FlowOptions {
        target_size: (160, 160),
        batch_size: 16,
        interpolation: Interpolation::Bilinear,
        ..FlowOptions::default()
    };
    let flow = ImageDataGenerator::new().rescale(1.0 / 255.0).horizontal_flip(true).flow_from_directory(
        folder,
        &DirectoryOptions::default(),
        options,
    )?;
    println!("{}", flow.found());
    for batch in flow.stream(0..1, &LoaderOptions::default())?.blocking() {
        let batch = batch?;
        let Pixels::F32(values) = batch.pixels() else { return Err("f32 is the default".into()) };
        // The view borrows the batch; its buffer goes back to the loader when the batch is dropped.
        let images = ArrayView4::from_shape(batch.shape(), values)?;
        assert_eq!(images.as_ptr(), values.as_ptr(), "the batch's own memory");
        let channels = images.map_axis(Axis(3), |pixel| pixel.sum()).mean().map(|sum| sum / 3.0);
        println!(
            "batch {}: {:?}, mean {:.4}, labels {:?}",
            batch.index,
            images.shape(),
            channels.unwrap_or(0.0),
            batch.labels()
        );
    }
    Ok(())
}
