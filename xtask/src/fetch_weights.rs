//! `cargo xtask fetch-weights`: published weights by name, verified.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use xfer_hub::{FetchOptions, HubError, WeightFile, fetch};

use crate::transfer::Transfer;
use crate::units;

/// What to fetch, and from where.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Which weights; `--list` shows the names.
    #[arg(default_values = ["resnet50", "xception"])]
    names: Vec<String>,
    /// Base address of a mirror; the file's name is appended. Also from XFER_WEIGHTS_MIRROR.
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// Only say what there is and what is on this machine.
    #[arg(long)]
    list: bool,
    /// Use what is on this machine and never the network. Also from XFER_OFFLINE=1.
    #[arg(long)]
    offline: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut fetch_options = FetchOptions::from_env()?;
    fetch_options.offline |= options.offline;
    if let Some(mirror) = &options.mirror {
        fetch_options.mirror = Some(mirror.clone());
    }
    if options.list {
        return list(&fetch_options);
    }
    let files = options.names.iter().map(|name| WeightFile::by_name(name)).collect::<Result<Vec<_>, _>>()?;
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for file in files {
        match one(file, &fetch_options) {
            Ok(path) => rows.push((file, Some(path))),
            Err(error) => failures.push(format!("{}: {:#}", file.name, anyhow::Error::new(error))),
        }
    }
    print!("{}", table(&rows));
    if failures.is_empty() {
        return Ok(());
    }
    bail!("{}", failures.join("\n"));
}

/// Fetches one file, with its progress on screen.
pub(crate) fn one(file: &WeightFile, options: &FetchOptions) -> Result<PathBuf, HubError> {
    let start = Instant::now();
    let mut transfer = Transfer::new(file.name);
    let mut downloaded = false;
    let result = fetch(file, options, &mut |event| {
        downloaded |= matches!(event, xfer_hub::Progress::Started { .. });
        transfer.show(&event);
    });
    transfer.finish();
    if downloaded && result.is_ok() {
        println!("{}: {} in {}", file.name, units::bytes(file.bytes), units::seconds(start.elapsed()));
    }
    result
}

fn list(options: &FetchOptions) -> Result<()> {
    let mut rows = Vec::new();
    for file in WeightFile::all() {
        rows.push((file, xfer_hub::locate(file, options, &mut |_| {})?));
    }
    let mut text = table(&rows);
    for file in WeightFile::all() {
        let WeightFile { name, description, bytes, md5, urls, .. } = file;
        text.push_str(&format!("\n{name}: {description}\n  {bytes} bytes, md5 {md5}\n  {}\n", urls.join("\n  ")));
    }
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

fn table(rows: &[(&WeightFile, Option<PathBuf>)]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut cells = vec![["name", "size", "md5", "path"].map(str::to_owned)];
    for (file, path) in rows {
        cells.push([
            file.name.to_owned(),
            units::bytes(file.bytes),
            if path.is_some() { "ok".to_owned() } else { "-".to_owned() },
            path.as_deref().map_or_else(|| "not on this machine".to_owned(), shown),
        ]);
    }
    let width = |column: usize| cells.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (name, size, md5) = (width(0), width(1), width(2));
    cells.iter().map(|row| format!("{:name$}  {:>size$}  {:md5$}  {}\n", row[0], row[1], row[2], row[3])).collect()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows: Vec<_> = WeightFile::all()
            .iter()
            .map(|file| (file, (file.name == "xception").then(|| PathBuf::from("/c/models/x.h5"))))
            .collect();
        let table = table(&rows);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines[0], "name               size  md5  path");
        assert_eq!(lines[1], "resnet50       90.4 MiB  -    not on this machine");
        assert_eq!(lines[2], "xception       79.8 MiB  ok   /c/models/x.h5");
    }
}
