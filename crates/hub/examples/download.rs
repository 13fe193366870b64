//! Downloads one file: `download PATH CHECKSUM URL...`, with a line for every event but the arriving bytes.

#![expect(clippy::print_stdout, reason = "what an example shows goes to its standard output")]

use std::error::Error;
use std::process::ExitCode;

use xfer_hub::{Download, HttpOptions, Progress, download};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(checksum)) = (arguments.next(), arguments.next()) else {
        return Err("usage: download PATH CHECKSUM URL...".into());
    };
    let wanted =
        Download { urls: arguments.collect(), path: path.into(), checksum: Some(checksum.parse()?), bytes: None };
    download(&wanted, &HttpOptions::default(), &mut |progress| match progress {
        Progress::Received { .. } | Progress::Verifying { .. } => {}
        event => println!("{event:?}"),
    })?;
    println!("done: {}", wanted.path.display());
    Ok(())
}
