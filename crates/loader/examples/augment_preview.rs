//! What augmentation makes of photos, as files to look at:
//! `cargo run --example augment_preview -- photos/train preview`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use xfer_loader::{
    FillMode, FlowOptions, ImageDataGenerator, Interpolation, LoaderOptions, PixelType, SaveFormat, SaveTo,
};

/// Versions of each photo: each epoch draws anew.
const VERSIONS: u64 = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(folder), Some(directory)) = (arguments.next(), arguments.next()) else {
        return Err("which folder of photos, and which folder to write to?".into());
    };
    fs::create_dir_all(&directory)?;
    let generator = ImageDataGenerator::new()
        .rotation_range(15.0)
        .width_shift_range(0.1)
        .height_shift_range(0.1)
        .zoom_range(0.2)
        .brightness_range((0.7, 1.3))
        .horizontal_flip(true)
        .fill_mode(FillMode::Reflect);
    let options = FlowOptions {
        target_size: (224, 224),
        interpolation: Interpolation::Bilinear,
        keep_aspect_ratio: true,
        shuffle: false,
        pixel_type: PixelType::U8,
        save_to: Some(SaveTo { directory: directory.clone(), prefix: "aug".to_owned(), format: SaveFormat::Jpeg }),
        ..FlowOptions::default()
    };
    // A few photos from all over the folder, whatever their classes are.
    let flow = generator.flow_from_files(folder, options)?.spread(4);
    let mut written = 0;
    for batch in flow.stream(0..VERSIONS, &LoaderOptions::default())?.blocking() {
        written += batch?.len();
    }
    println!("{} photos, {VERSIONS} versions each: {written} files in {}", flow.samples(), directory.display());
    for (number, name) in flow.filenames().enumerate() {
        println!("aug_{number}_*.jpeg: {}", name.display());
    }
    Ok(())
}
