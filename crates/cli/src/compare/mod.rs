//! `compare`: runs side by side: what was different about them, and what came of it.

mod arguments;
mod differences;
mod outcome;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::Ending;
use crate::args::usage_error;
use crate::runs::{self, Run};
use crate::table::Table;
use crate::terminal::{Terminal, print_json};

use differences::Difference;

/// Compare runs: what differs in their arguments, data, weights and seeds, and what came of each
#[derive(Debug, clap::Args)]
pub(crate) struct CompareArgs {
    /// Folders of runs, at least two
    #[arg(value_name = "RUN", required = true, num_args = 1..)]
    runs: Vec<PathBuf>,

    /// Print a JSON document on standard output, and everything else on standard error
    #[arg(long)]
    json: bool,
}

impl CompareArgs {
    pub(crate) fn check(self) -> Result<Self, clap::Error> {
        match self.runs.len() {
            0 | 1 => Err(usage_error("compare", "two runs at least: there is nothing to compare a single one with")),
            _ => Ok(self),
        }
    }
}

pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<Ending> {
    let terminal = Terminal::new(args.json, 1);
    let runs = args.runs.iter().map(|folder| Run::read(folder)).collect::<anyhow::Result<Vec<_>>>()?;
    let differences = differences::of(&runs);
    if args.json {
        print_json(&document(&runs, &differences))?;
    } else {
        tell(&runs, &differences, &terminal);
    }
    for run in &runs {
        for problem in &run.problems {
            terminal.warn(format_args!("{}/{problem}", run.folder.display()));
        }
    }
    match same_data(&runs) {
        Some(false) => terminal.warn(
            "the data differ (see the data digest): these numbers are of different photos and cannot be compared",
        ),
        Some(true) => {}
        None => terminal.warn("not every run tells its data digest: whether the numbers can be compared is not known"),
    }
    Ok(Ending::Done)
}

/// Whether all were trained and validated on the same photos; `None` where a run does not say.
fn same_data(runs: &[Run]) -> Option<bool> {
    let digests: Vec<_> = runs.iter().map(Run::data_digest).collect::<Option<_>>()?;
    Some(digests.windows(2).all(|pair| pair[0] == pair[1]))
}

fn tell(runs: &[Run], differences: &[Difference], terminal: &Terminal) {
    let numbers: Vec<usize> = (1..=runs.len()).collect();
    let header = |first: &str| std::iter::once(first.to_owned()).chain(names(runs)).collect::<Vec<_>>();
    if differences.is_empty() {
        terminal.line("Nothing differs in arguments, data, weights and seeds.");
    } else {
        let mut table = Table::new(header("what differs"), &[]);
        for Difference { name, values } in differences {
            let values = values.iter().map(|value| value.clone().unwrap_or_else(|| terminal.dim("-")));
            table.push(std::iter::once(name.clone()).chain(values).collect());
        }
        table.write(terminal);
    }
    terminal.line("");
    let mut table = Table::new(header("what came of it"), &numbers);
    for row in outcome::rows(runs) {
        let cells = row
            .cells
            .iter()
            .enumerate()
            .map(|(number, cell)| if row.winners.contains(&number) { terminal.green(cell) } else { cell.clone() });
        table.push(std::iter::once(row.name).chain(cells).collect());
    }
    table.write(terminal);
}

/// Short names where they tell the runs apart, and paths where they do not.
fn names(runs: &[Run]) -> Vec<String> {
    let mut seen = HashSet::new();
    let apart = runs.iter().all(|run| seen.insert(&run.name));
    let path = |folder: &Path| folder.display().to_string();
    runs.iter().map(|run| if apart { run.name.clone() } else { path(&run.folder) }).collect()
}

fn document(runs: &[Run], differences: &[Difference]) -> Value {
    let differences = differences.iter().map(|difference| (difference.name.clone(), json!(difference.values)));
    json!({
        "runs": runs.iter().map(runs::document).collect::<Vec<_>>(),
        "differences": differences.collect::<Map<_, _>>(),
        "same_data": same_data(runs),
    })
}

#[cfg(test)]
mod tests {
    use crate::args::{Verb, parse};

    #[test]
    fn one_run_is_a_usage_error() {
        for words in ["compare", "compare a"] {
            let checked = parse(words).and_then(|verb| match verb {
                Verb::Compare(args) => args.check(),
                other => panic!("{other:?}"),
            });
            assert_eq!(checked.unwrap_err().exit_code(), 2, "{words}");
        }
    }
}
