//! `scan`: what is wrong with which photo, before a training finds out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xfer_loader::scan::{Duplicates, Oddity, Sameness, ScanOptions, ScanReport, scan};
use xfer_trainer::{AtomicFile, Existing};

use crate::Ending;
use crate::args::values;
use crate::terminal::{Terminal, print_json};

/// Decode every photo under a folder, and report what is wrong with which
///
/// Changes nothing. Reports files that cannot be read or decoded, names that do not fit the content, rotated photos,
/// unusual kinds (16 bits, CMYK, palettes, transparency, animation), photos that are there twice, and above all those
/// that are in both training and validation folders, or in two classes. Exits with 1 where a file cannot be used.
#[derive(Debug, clap::Args)]
pub(crate) struct ScanArgs {
    /// Folder to look through, at any depth
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// Write the JSON report to this file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace the report if it is there
    #[arg(long)]
    overwrite: bool,

    /// Print the JSON report on standard output, and everything else on standard error
    #[arg(long)]
    json: bool,

    /// Look into linked folders too
    #[arg(long)]
    follow_links: bool,

    /// Threads that read and decode; 0 for one a core
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,

    /// Seconds that one file may take before it is reported and left
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = values::seconds)]
    stall_timeout: Duration,
}

/// Paths listed of one kind; the report has them all.
const LISTED: usize = 10;

pub(crate) fn run(args: ScanArgs) -> anyhow::Result<Ending> {
    let terminal = Terminal::new(args.json, 1);
    if let Some(output) = &args.output
        && !args.overwrite
        && output.symlink_metadata().is_ok()
    {
        anyhow::bail!("{}: already there; choose another --output, or pass --overwrite", output.display());
    }
    let options = ScanOptions {
        threads: args.threads.into(),
        stall_timeout: args.stall_timeout.max(Duration::from_millis(1)),
        follow_links: args.follow_links,
    };
    let start = Instant::now();
    let bar = terminal.images_bar(None);
    let report = scan(&args.folder, &options, |progress| {
        bar.set_length(progress.files as u64);
        bar.set_position(progress.done as u64);
    })?;
    bar.finish_and_clear();
    let document = document(&args, &report, start.elapsed());
    if let Some(output) = &args.output {
        let existing = if args.overwrite { Existing::Replace } else { Existing::Keep };
        AtomicFile::write_all(output, serde_json::to_string_pretty(&document)?.as_bytes(), existing)?;
    }
    tell(&report, start.elapsed(), &terminal);
    if let Some(output) = &args.output {
        terminal.line(format_args!("Report written to {}.", output.display()));
    }
    if args.json {
        print_json(&document)?;
    }
    Ok(if report.is_usable() { Ending::Done } else { Ending::Unusable })
}

fn tell(report: &ScanReport, took: Duration, terminal: &Terminal) {
    let rate = report.images as f64 / took.as_secs_f64().max(1e-9);
    terminal.line(format_args!(
        "{} images in {:.1} s ({rate:.0} images/s): {} can be used, {} cannot; {} other files.",
        report.images,
        took.as_secs_f64(),
        report.usable,
        report.images - report.usable,
        report.others
    ));
    let problems: Vec<String> = report
        .problems()
        .map(|(finding, problem)| format!("{}: {}: {}", finding.path.display(), problem.stage, problem.reason))
        .collect();
    section(terminal, "cannot be used", &problems);
    let group = |duplicates: &Duplicates| {
        duplicates.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" = ")
    };
    let leaks: Vec<String> = report.duplicates.iter().filter(|d| d.across_split).map(group).collect();
    section(terminal, "the same photo in training and validation", &leaks);
    let contradictions: Vec<String> = report.duplicates.iter().filter(|d| d.across_classes).map(group).collect();
    section(terminal, "the same photo in different classes", &contradictions);
    let plain = |d: &&Duplicates| !d.across_split && !d.across_classes;
    let copies: Vec<String> = report.duplicates.iter().filter(plain).map(group).collect();
    section(terminal, "the same photo more than once", &copies);
    for (oddity, title) in ODDITIES {
        let paths: Vec<String> = report.with(oddity).map(|finding| finding.path.display().to_string()).collect();
        section(terminal, title, &paths);
    }
    let hidden: Vec<String> = report.hidden_folders.iter().map(|folder| folder.display().to_string()).collect();
    section(terminal, "folders left out, because their names begin with a dot", &hidden);
    let loops: Vec<String> = report.link_loops.iter().map(|folder| folder.display().to_string()).collect();
    section(terminal, "links left out, because they lead back to where they hang", &loops);
}

const ODDITIES: [(Oddity, &str); 9] = [
    (Oddity::WrongExtension, "named like another format"),
    (Oddity::NoExtension, "images that training does not see, because their names do not end like an image's"),
    (Oddity::Rotated, "stored rotated or mirrored (--exif apply turns them upright)"),
    (Oddity::Deep, "grey of 16 bits or more (--depth16)"),
    (Oddity::Cmyk, "CMYK"),
    (Oddity::Palette, "palette"),
    (Oddity::Alpha, "transparency (--alpha)"),
    (Oddity::Grey, "greyscale"),
    (Oddity::Animated, "animated or of many pages (the first counts)"),
];

fn section(terminal: &Terminal, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    terminal.line(terminal.bold(format_args!("{} {title}", lines.len())));
    for line in lines.iter().take(LISTED) {
        terminal.line(format_args!("  {line}"));
    }
    if lines.len() > LISTED {
        terminal.line(format_args!("  and {} more; --json or --output lists them all", lines.len() - LISTED));
    }
}

fn document(args: &ScanArgs, report: &ScanReport, took: Duration) -> Value {
    let problems: Vec<Value> = report
        .problems()
        .map(|(finding, problem)| {
            json!({
                "path": finding.path.to_string_lossy(),
                "stage": problem.stage.as_str(),
                "kind": problem.kind,
                "offset": problem.offset,
                "reason": problem.reason,
                "format": finding.format,
            })
        })
        .collect();
    let mut oddities: BTreeMap<&str, Vec<_>> =
        ODDITIES.iter().map(|(oddity, _)| (oddity.as_str(), Vec::new())).collect();
    for finding in &report.findings {
        for oddity in &finding.oddities {
            oddities.entry(oddity.as_str()).or_default().push(finding.path.to_string_lossy());
        }
    }
    let duplicates: Vec<Value> = report
        .duplicates
        .iter()
        .map(|duplicates| {
            json!({
                "paths": duplicates.paths.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
                "same": if duplicates.sameness == Sameness::Bytes { "bytes" } else { "pixels" },
                "across_split": duplicates.across_split,
                "across_classes": duplicates.across_classes,
            })
        })
        .collect();
    json!({
        "folder": args.folder,
        "images": report.images,
        "usable": report.usable,
        "other_files": report.others,
        "problems": problems,
        "oddities": oddities,
        "duplicates": duplicates,
        "hidden_folders": report.hidden_folders,
        "link_loops": report.link_loops,
        "seconds": took.as_secs_f64(),
    })
}
