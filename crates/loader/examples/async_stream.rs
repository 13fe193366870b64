//! Batches in async code, where they are awaited as items of a `Stream`:
//! `cargo run --example async_stream -- photos/train`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;

use tokio_stream::StreamExt;
use xfer_loader::{Batch, DirectoryOptions, FlowOptions, ImageDataGenerator, LoaderOptions, Preprocessing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("which folder? it has one sub-folder a class")?;
    let options = FlowOptions { target_size: (224, 224), ..FlowOptions::default() };
    let generator = ImageDataGenerator::new().preprocessing(Preprocessing::Tf);
    // Listing folders blocks, as all calls of the file system do.
    let flow = tokio::task::spawn_blocking(move || {
        generator.flow_from_directory(folder, &DirectoryOptions::default(), options)
    })
    .await??;
    println!("{}", flow.found());

    // The loader has its own threads: polling the stream never blocks the runtime's.
    let mut batches = flow.stream(0..2, &LoaderOptions::default())?;
    let report = batches.report();
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        println!("epoch {} batch {}: {} photos", batch.epoch, batch.index, use_it(&batch).await);
    }
    println!("{} photos in all", report.read().samples);
    // Dropping the stream, here or at any await, stops its threads.
    Ok(())
}

/// Stands for a device, or a network, that is waited for.
async fn use_it(batch: &Batch) -> usize {
    tokio::time::sleep(Duration::from_millis(5)).await;
    batch.len()
}
