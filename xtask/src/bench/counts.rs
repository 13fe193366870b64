//! Instructions of each kernel, counted by callgrind: figures that do not drift with what else a machine does.
//!
//! Each case runs in two lengths; what the longer run takes more is that of warm runs alone, without drawing breath and
//! without the start of the process.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Options, table};
use crate::process;

/// Valgrind 3.x knows no wider vectors, and hides them from programs.
const CPU: &str = "avx2";
/// Instructions that one measured run should take at least, so that few repetitions do for large cases.
const ENOUGH: u64 = 400_000_000;
const MOST_TIMES: u64 = 40;

/// One line of the table.
#[derive(Debug, PartialEq)]
struct Counted {
    case: String,
    per_image: f64,
    per_pixel: f64,
}

/// The table.
#[derive(Debug)]
pub(super) struct Counts(Vec<Counted>);

/// What a run of a case takes in.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Size {
    images: u64,
    pixels: u64,
}

pub(super) fn run(options: &Options, executable: &Path, photos: &Path) -> Result<Counts> {
    process::output(Command::new("valgrind").arg("--version"))
        .context("instructions are counted by valgrind, which is not there; Debian's package is called valgrind")?;
    let names = process::output(Command::new(executable).arg("--cases"))?;
    let wanted = |name: &&str| options.only.is_empty() || options.only.iter().any(|only| name.contains(only.as_str()));
    let names: Vec<_> = names.lines().filter(wanted).collect();
    ensure!(!names.is_empty(), "no case is called like {}", options.only.join(" or "));
    let counted = names.into_iter().map(|name| {
        options.progress(&format!("{name} ..."));
        count(executable, name, photos).with_context(|| format!("cannot count {name}"))
    });
    Ok(Counts(counted.collect::<Result<_>>()?))
}

fn count(executable: &Path, name: &str, photos: &Path) -> Result<Counted> {
    let run = |times: u64| instructions(executable, name, times, photos);
    let ((one, size), (two, _)) = (run(1)?, run(2)?);
    let of_one = two.saturating_sub(one).max(1);
    let times = ENOUGH.div_ceil(of_one).clamp(1, MOST_TIMES);
    let all = if times == 1 { of_one } else { run(1 + times)?.0.saturating_sub(one) };
    let of_one = all as f64 / times as f64;
    Ok(Counted {
        case: name.to_owned(),
        per_image: of_one / size.images.max(1) as f64,
        per_pixel: of_one / size.pixels.max(1) as f64,
    })
}

/// Those of a whole process that runs the case so many times.
fn instructions(executable: &Path, name: &str, times: u64, photos: &Path) -> Result<(u64, Size)> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(executable);
    command.args([name, &times.to_string()]).arg(photos).env("XFER_CPU", CPU);
    let line = process::line(&command);
    let output = command.output().with_context(|| format!("cannot start: {line}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("failed ({}): {line}\n{told}", output.status);
    }
    let size = serde_json::from_slice(&output.stdout).with_context(|| format!("{line} said something else"))?;
    let collected = collected(&told).with_context(|| format!("{line} counted nothing:\n{told}"))?;
    Ok((collected, size))
}

/// `==123== Collected : 4567`
fn collected(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.split_once("Collected : "))?;
    line.1.trim().parse().ok()
}

impl Counts {
    /// As a document, and as text.
    pub(super) fn told(&self) -> (Value, String) {
        let cells = |row: &Counted| {
            let [image, pixel] = [row.per_image, row.per_pixel];
            vec![row.case.clone(), format!("{:.3}", image / 1e6), format!("{pixel:.2}")]
        };
        let header = ["case", "millions an image", "a pixel"];
        let rows = table::render(&header, &self.0.iter().map(cells).collect::<Vec<_>>(), 1);
        let title = "Instructions (callgrind, AVX2, one thread, warm buffers); pixels are those before the stage";
        let row = |row: &Counted| json!({ "case": row.case, "per_image": row.per_image, "per_pixel": row.per_pixel });
        let document = json!({ "cpu": CPU, "instructions": self.0.iter().map(row).collect::<Vec<_>>() });
        (document, format!("{title}\n{rows}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_among_other_lines() {
        let text = "==7== Callgrind, a call-graph generator\n==7== Events    : Ir\n==7== Collected : 22684905\n==7==\n";
        assert_eq!(collected(text), Some(22_684_905));
        assert_eq!(collected("==7== nothing"), None);
    }

    #[test]
    fn the_table_has_a_line_a_case() {
        let counted = Counted { case: "decode/web/exact".to_owned(), per_image: 4_500_000.0, per_pixel: 24.0 };
        let (document, text) = Counts(vec![counted]).told();
        assert!(
            text.ends_with(
                "case              millions an image  a pixel\ndecode/web/exact              4.500    24.00"
            ),
            "{text}"
        );
        assert_eq!(document["instructions"][0]["per_pixel"], 24.0);
    }
}
