//! `cargo xtask plots`: pictures of what `cargo xtask bench --save` measured, as SVG files beside the numbers.

mod chart;
mod figures;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use crate::bench;

/// Where the numbers are.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A folder with comparison.json or scaling.json; pictures go there too [default: docs/bench].
    dir: Option<PathBuf>,
}

/// A picture's name, and what it is drawn from.
type Figure = (&'static str, fn(&Value) -> Result<String>);

/// By document.
const FIGURES: [(&str, &[Figure]); 2] = [
    ("comparison", &[("peers", figures::peers)]),
    ("scaling", &[("memory", figures::memory), ("threads", figures::threads), ("files", figures::files)]),
];

pub(crate) fn run(options: &Options) -> Result<()> {
    let folder = options.dir.clone().unwrap_or_else(bench::kept);
    let mut drawn = 0;
    for (name, figures) in FIGURES {
        let path = folder.join(name).with_extension("json");
        if !path.is_file() {
            println!("{} is not there: cargo xtask bench --{} --save", path.display(), flag(name));
            continue;
        }
        drawn += draw(&path, figures).with_context(|| format!("cannot draw {}", path.display()))?;
    }
    if drawn == 0 {
        bail!("nothing to draw in {}", folder.display());
    }
    Ok(())
}

fn flag(name: &str) -> &str {
    if name == "comparison" { "peers" } else { name }
}

fn draw(path: &Path, figures: &[Figure]) -> Result<usize> {
    let text = fs::read_to_string(path)?;
    let document: Value = serde_json::from_str(&text)?;
    for (name, figure) in figures {
        let picture = path.with_file_name(name).with_extension("svg");
        fs::write(&picture, figure(&document)?)?;
        println!("{}", picture.display());
    }
    Ok(figures.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pictures_lie_beside_the_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let row = |threads: u16| {
            json!({ "corpus": "web", "files": 800, "threads": threads, "images_per_second": 500.0,
                "memory": { "images": 800, "before_bytes": 1 << 24, "peak_bytes": 1 << 27, "budget_bytes": 1 << 28,
                    "resident": [[32, 1 << 25], [800, 1 << 27]] } })
        };
        let scaling = json!({ "by_threads": [row(1), row(2), row(64)], "by_files": [row(2)] });
        fs::write(folder.path().join("scaling.json"), scaling.to_string()).unwrap();
        run(&Options { dir: Some(folder.path().to_owned()) }).unwrap();
        for name in ["memory.svg", "threads.svg", "files.svg"] {
            let picture = fs::read_to_string(folder.path().join(name)).unwrap();
            assert!(picture.starts_with("<svg") && picture.contains("web"), "{name}");
        }
        assert!(!folder.path().join("peers.svg").exists());
    }

    #[test]
    fn a_folder_without_numbers_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(run(&Options { dir: Some(folder.path().to_owned()) }).is_err());
    }
}
