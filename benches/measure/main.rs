//! Our side of `cargo xtask bench`: measures whatever it is told to.
//!
//! Without arguments it answers each line of standard input, a job, by one line of standard output, as the scripts of
//! other loaders do. `xfer-measure CASE TIMES FOLDER` runs one case so many times on the photos in `FOLDER`, for
//! callgrind to count; `xfer-measure --cases` names them all. `xfer-measure --recorded` answers jobs as well, while metrics are
//! recorded and scraped.

#![expect(clippy::print_stdout, reason = "it answers on standard output")]

mod job;
mod latency;
mod memory;
mod pass;
mod recorder;

use std::io::{BufRead, Write, stdin, stdout};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use xfer_benches::{Case, NAMES, Photos};

use crate::job::{Job, What};

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => answer_all(),
        ["--recorded"] => {
            recorder::install()?;
            answer_all()
        }
        ["--cases"] => {
            println!("{}", NAMES.join("\n"));
            Ok(())
        }
        [case, times, folder] => count(case, times.parse().context("how many times")?, Path::new(folder)),
        _ => bail!("usage: xfer-measure [--recorded | --cases | CASE TIMES FOLDER]"),
    }
}

/// Says how many images and pixels one run takes.
fn count(name: &str, times: u32, folder: &Path) -> Result<()> {
    let mut case = Case::new(name, &Photos::at(folder), 1)?;
    for _ in 0..times {
        case.run()?;
    }
    println!("{}", json!({ "images": case.images, "pixels": case.pixels }));
    Ok(())
}

fn answer_all() -> Result<()> {
    println!("{}", json!({ "ready": format!("xfer {}", env!("CARGO_PKG_VERSION")) }));
    let mut warm = None;
    for line in stdin().lock().lines() {
        let answer = serde_json::from_str(&line?).map_err(Into::into).and_then(|job| answer(job, &mut warm));
        let document = answer.unwrap_or_else(|error| json!({ "error": format!("{error:#}") }));
        println!("{document}");
        stdout().flush()?;
    }
    Ok(())
}

/// `warm` is the last job whose files have been read once.
fn answer(job: Job, warm: &mut Option<Job>) -> Result<Value> {
    let flow = job.flow()?;
    let document = match job.what {
        What::Memory => pass::watched(&flow, &job)?,
        What::Latency => latency::measure(&flow)?,
        What::Pass => {
            if warm.as_ref() != Some(&job) {
                pass::timed(&flow, &job)?;
            }
            pass::timed(&flow, &job)?
        }
    };
    *warm = Some(job);
    Ok(document)
}
