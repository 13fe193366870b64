//! The words of a command line that decide what comes out, written so that they can be given again from anywhere.

use std::ffi::OsStr;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

/// Where results go and how they are told decides nothing.
const UNRECORDED: &[&str] = &[
    "output",
    "overwrite",
    "resume",
    "from",
    "json",
    "verbose",
    "color",
    "log_format",
    "metrics_addr",
    "metrics_push",
];

/// What names a file or folder.
const PATHS: &[&str] = &["data", "weights", "cache_dir", "table", "validation_table"];

/// `--name=value` of everything that was typed for `command`, in the order of its help; paths that are there are absolute.
pub(crate) fn given(command: &Command, matches: &ArgMatches) -> Vec<String> {
    let mut words = Vec::new();
    for argument in command.get_arguments() {
        let (id, Some(long)) = (argument.get_id().as_str(), argument.get_long()) else { continue };
        let known = matches.try_contains_id(id).unwrap_or(false);
        if !known || UNRECORDED.contains(&id) || matches.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        if !argument.get_action().takes_values() {
            words.push(format!("--{long}"));
            continue;
        }
        for occurrence in matches.get_raw_occurrences(id).into_iter().flatten() {
            let values: Vec<String> = occurrence.map(|value| written(id, value)).collect();
            words.push(format!("--{long}={}", values.join(",")));
        }
    }
    words
}

/// `words` without those options that `newer` has, and `newer` after them.
pub(crate) fn overridden(words: &[String], newer: Vec<String>) -> Vec<String> {
    let name = |word: &str| word.split('=').next().unwrap_or_default().to_owned();
    let names: Vec<String> = newer.iter().map(|word| name(word)).collect();
    words.iter().filter(|word| !names.contains(&name(word))).cloned().chain(newer).collect()
}

fn written(id: &str, value: &OsStr) -> String {
    let absolute = || {
        let path = Path::new(value);
        PATHS.contains(&id).then(|| path.exists().then(|| std::path::absolute(path).ok())).flatten().flatten()
    };
    absolute().map_or_else(|| value.to_string_lossy().into_owned(), |path| path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use clap::CommandFactory;

    fn words(line: &str) -> Vec<String> {
        let mut command = Args::command();
        command.build();
        let matches = command.clone().get_matches_from(std::iter::once("xfer-cli").chain(line.split_whitespace()));
        let (name, matches) = matches.subcommand().unwrap();
        given(command.find_subcommand(name).unwrap(), matches)
    }

    #[test]
    fn what_decides_results_is_written_as_it_was_typed() {
        let words = words(
            "train --epochs 3 --no-flip --metrics accuracy,auc --checkpoint best --checkpoint epochs:2 --output o \
             --json --metrics-addr off --ema --split first:0.2 --color never",
        );
        let mut sorted = words.clone();
        sorted.sort();
        let expected = [
            "--checkpoint=best",
            "--checkpoint=epochs:2",
            "--ema=0.99",
            "--epochs=3",
            "--metrics=accuracy,auc",
            "--no-flip",
            "--split=first:0.2",
        ];
        assert_eq!(sorted, expected);
    }

    #[test]
    fn folders_that_are_there_are_absolute() {
        let words = words("train --data src --weights random:5");
        assert!(words[0].starts_with("--data=/") && words[0].ends_with("/src"), "{words:?}");
        assert_eq!(words[1], "--weights=random:5");
    }

    #[test]
    fn newer_words_take_the_place_of_older_ones() {
        let text = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let old = text(&["--epochs=3", "--no-flip", "--checkpoint=best", "--checkpoint=steps:2"]);
        let new = text(&["--checkpoint=epochs:1", "--epochs=5"]);
        assert_eq!(overridden(&old, new), ["--no-flip", "--checkpoint=epochs:1", "--epochs=5"]);
    }
}
