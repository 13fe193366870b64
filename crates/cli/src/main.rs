//! `xfer-cli`: transfer learning on folders of photos.
//!
//! Every verb runs in two phases: what was typed ([`args`]) becomes a checked configuration, and that runs.
//! Exit status: 0, 1 when something failed, 2 when the command was not understood, 130 after Ctrl-C.

mod args;
mod backbone;
mod batches;
mod bench;
mod cache;
mod compare;
mod doctor;
mod download;
mod evaluate;
mod export;
mod extract;
mod failures;
mod frozen;
mod interrupt;
mod log;
mod model;
mod output_file;
mod predict;
mod report;
mod rows;
mod runs;
mod scan;
mod summary;
mod sweep;
mod table;
mod telemetry;
mod terminal;
mod train;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use args::Verb;

/// How a verb that did not fail came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Done,
    Interrupted,
    /// Something was found that cannot be used.
    Unusable,
}

fn main() -> ExitCode {
    let (args, given) = args::parsed();
    terminal::set_colors(args.color);
    log::init(args.log_format);
    let start = Instant::now();
    // The address of a push gateway, which may hold a password, is not among them.
    tracing::info!(event = "start", version = env!("CARGO_PKG_VERSION"), arguments = ?given, "xfer-cli {}", given.join(" "));
    // Each verb asks for its device before any other use of libtorch, which remembers the first answer for good.
    let ended = match args.verb {
        Verb::Train(args) => train::command(*args, given).map(|config| config.and_then(train::run)),
        Verb::Evaluate(args) => args.check().map(evaluate::run),
        Verb::Predict(args) => args.check().map(predict::run),
        Verb::Extract(args) => args.check().map(extract::run),
        Verb::Export(args) => args.check().map(export::run),
        Verb::Sweep(args) => args.check().map(sweep::run),
        Verb::Batches(args) => Ok(batches::run(*args)),
        Verb::Scan(args) => Ok(scan::run(args)),
        Verb::Summary(args) => args.check().map(summary::run),
        Verb::Bench(args) => args.check().map(bench::run),
        Verb::Doctor(args) => Ok(doctor::run(&args)),
        Verb::Cache(args) => Ok(cache::run(args)),
        Verb::Runs(args) => Ok(runs::run(&args)),
        Verb::Report(args) => Ok(report::run(&args)),
        Verb::Compare(args) => args.check().map(|args| compare::run(&args)),
    };
    let status = match ended {
        Ok(Ok(Ending::Done)) => 0,
        Ok(Ok(Ending::Unusable)) => 1,
        Ok(Ok(Ending::Interrupted)) => interrupt::EXIT_STATUS,
        Ok(Err(error)) => {
            tell(&error);
            1
        }
        Err(usage) => usage.exit(),
    };
    tracing::info!(event = "end", status, seconds = start.elapsed().as_secs_f64(), "exit status {status}");
    ExitCode::from(status)
}

/// The error and its causes, one line each. A cause that its effect already tells is not told again.
fn tell(error: &anyhow::Error) {
    if log::is_json() {
        let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
        tracing::error!(event = "error", causes = ?causes, "{error}");
        return;
    }
    let mut stderr = io::stderr().lock();
    let mut told = String::new();
    for (depth, cause) in error.chain().enumerate() {
        let message = cause.to_string();
        if depth == 0 {
            let _ = writeln!(stderr, "{} {message}", console::style("error:").for_stderr().red().bold());
        } else if !told.contains(&message) {
            let _ = writeln!(stderr, "  caused by: {message}");
        }
        told = message;
    }
}
