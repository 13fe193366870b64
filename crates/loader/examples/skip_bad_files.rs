//! A folder with files that cannot be read: `cargo run --example skip_bad_files -- photos/train replace`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use xfer_loader::{DirectoryOptions, ErrorBudget, FlowOptions, ImageDataGenerator, LoaderOptions, OnError};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which folder? it has one sub-folder a class")?;
    // `fail`, the default of the library, `skip` or `replace`.
    let on_error: OnError = arguments.next().as_deref().unwrap_or("skip").parse()?;
    let options = FlowOptions {
        target_size: (224, 224),
        on_error,
        // More bad files than this are not an accident any more.
        error_budget: ErrorBudget::Rate(0.2),
        ..FlowOptions::default()
    };
    let flow = ImageDataGenerator::new().flow_from_directory(folder, &DirectoryOptions::default(), options)?;
    println!("{}", flow.found());

    let batches = flow.stream(0..1, &LoaderOptions::default())?.blocking();
    let report = batches.report();
    let mut sizes = Vec::new();
    for batch in batches {
        sizes.push(batch?.len());
    }
    println!("batches of {sizes:?}");
    let report = report.read();
    println!("{} photos delivered, {} files failed", report.samples, report.failures.len());
    for failure in &report.failures {
        let by = failure.replacement.and_then(|sample| flow.filenames().nth(sample));
        println!("{failure}{}", by.map_or(String::new(), |name| format!(" (replaced by {})", name.display())));
    }
    Ok(())
}
