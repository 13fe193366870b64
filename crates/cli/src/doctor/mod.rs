//! `doctor`: what a training would find on this machine, and what to do where something is missing.

mod cpu;
mod cuda;
mod disk;
mod metrics;
mod report;
mod torch;
mod weights;

use xfer_backbones::device::{self, Libtorch};
use xfer_hub::FetchOptions;

use crate::Ending;
use crate::args::values;
use crate::terminal::{Terminal, print_json};

use cpu::Cpu;
use report::Report;

/// Say what is here of what training needs: libtorch, CUDA, processor, weights, disk; and what to do where it is not
///
/// Changes nothing, and asks no network. Exits with 1 where something would stop a training.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// The device that must be usable: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = values::device)]
    device: String,

    /// Read the weights' files and compare their checksums, not only their sizes
    #[arg(long)]
    verify: bool,

    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<Ending> {
    // First of all: libtorch asks for CUDA once, and remembers.
    let cuda = cuda::examine(&args.device);
    let libtorch = Libtorch::loaded();
    let cpu = Cpu::of_this_machine();
    let options = FetchOptions::from_env();
    let mut report = Report::default();
    report
        .good("xfer", format!("{} for {}-{}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH, std::env::consts::OS));
    torch::tell(libtorch.as_ref(), &cpu, &mut report);
    cuda.tell(libtorch.as_ref(), &mut report);
    cpu.tell(device::threads(), &mut report);
    match &options {
        Ok(options) => {
            let disk = disk::examine(options);
            weights::tell(options, &disk, args.verify, &mut report);
            disk.tell(&mut report);
        }
        Err(error) => report.broken("weights", error.to_string(), "set XFER_CACHE_DIR to a folder that can be written"),
    }
    metrics::tell(&mut report);

    let terminal = Terminal::new(args.json, 1);
    if args.json {
        print_json(&report.document())?;
    } else {
        for line in report.lines(&terminal) {
            terminal.line(line);
        }
    }
    Ok(if report.is_sound() { Ending::Done } else { Ending::Unusable })
}

#[cfg(test)]
mod tests {

    use crate::args::{Verb, parse};

    #[test]
    fn nothing_needs_to_be_said() {
        let Verb::Doctor(args) = parse("doctor").unwrap() else { panic!("another verb") };
        assert_eq!((args.device.as_str(), args.verify, args.json), ("auto", false, false));
        for words in ["doctor --device gpu", "doctor now"] {
            assert_eq!(parse(words).unwrap_err().exit_code(), 2, "{words}");
        }
    }
}
