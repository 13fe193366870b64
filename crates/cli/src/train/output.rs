//! The folder that a run writes to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use jiff::Zoned;
use xfer_trainer::{Model, TrainerError};

use super::manifest::{MANIFEST_FILE, Manifest};
use crate::report::{EVALUATION_FILE, REPORT_FILE};

pub(super) use crate::runs::{HISTORY_FILE, METRICS_FILE};

/// Models and states that are kept on the way.
pub(super) const CHECKPOINTS: &str = "checkpoints";

/// Events for TensorBoard.
pub(super) const TENSORBOARD: &str = "tensorboard";

/// Events, one a line.
pub(super) const LOG_FILE: &str = "log.jsonl";

const RUNS: &str = "runs";

/// Refuses a folder that holds results of another run, before any work is done.
pub(super) fn check_vacant(folder: Option<&Path>, overwrite: bool) -> anyhow::Result<()> {
    let Some(folder) = folder.filter(|_| !overwrite) else { return Ok(()) };
    let manifest = folder.join(MANIFEST_FILE);
    if Manifest::read(&manifest).is_ok_and(|manifest| manifest.result.is_none()) {
        bail!(
            "{}: of a run that did not end; `xfer-cli train --resume {}` goes on with it, --overwrite begins anew",
            manifest.display(),
            folder.display()
        );
    }
    Model::check_vacant(folder, &[HISTORY_FILE, METRICS_FILE, MANIFEST_FILE, REPORT_FILE, EVALUATION_FILE]).map_err(
        |error| match error {
            TrainerError::Exists { path } => {
                anyhow!("{}: already there; choose another --output, or pass --overwrite", path.display())
            }
            other => other.into(),
        },
    )
}

/// What a run is called: its folder's name, or, where none is given, the time.
pub(super) fn run_name(folder: Option<&Path>) -> String {
    let named = folder.and_then(|folder| folder.file_name()).map(|name| name.to_string_lossy().into_owned());
    named.unwrap_or_else(|| Zoned::now().strftime("%Y-%m-%dT%H-%M-%S").to_string())
}

/// A folder to write to. Dropped empty, it is removed again.
#[derive(Debug)]
pub(super) struct Output {
    path: PathBuf,
    /// Whether it was there before.
    found: bool,
}

impl Output {
    /// Creates the folder; where none is given, a new one in `runs` with the name of the run.
    pub(super) fn create(folder: Option<&Path>, run: &str) -> anyhow::Result<Self> {
        match folder {
            Some(folder) => {
                let found = folder.exists();
                fs::create_dir_all(folder).with_context(|| cannot_create(folder))?;
                Ok(Self { path: folder.to_owned(), found })
            }
            None => Self::create_new(Path::new(RUNS), run),
        }
    }

    /// A folder `name` in `parent`, or, where another run was faster, `name-2`, `name-3`, ...
    fn create_new(parent: &Path, name: &str) -> anyhow::Result<Self> {
        fs::create_dir_all(parent).with_context(|| cannot_create(parent))?;
        let mut number = 1;
        loop {
            let path = parent.join(if number == 1 { name.to_owned() } else { format!("{name}-{number}") });
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, found: false }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error).with_context(|| cannot_create(&path)),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what an earlier run kept on the way, which would pass for this run's: models, events, lines of the log. Its
    /// results stay until there are others.
    pub(super) fn clear(&self) {
        let inside = |folder: &str| fs::read_dir(self.path.join(folder)).into_iter().flatten().flatten();
        for model in inside(CHECKPOINTS).map(|entry| entry.path()).filter(|path| is_kept_model(path)) {
            let _ = fs::remove_dir_all(model);
        }
        for events in inside(TENSORBOARD).filter(|entry| entry.file_name().to_string_lossy().contains(".tfevents.")) {
            let _ = fs::remove_file(events.path());
        }
        let _ = fs::remove_file(self.path.join(LOG_FILE));
    }
}

/// `best`, `epoch-0003` or `step-000120`, with a model in it.
fn is_kept_model(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let is_numbered = |(kind, number): (&str, &str)| {
        ["epoch", "step"].contains(&kind) && number.bytes().all(|digit| digit.is_ascii_digit())
    };
    (name == "best" || name.split_once('-').is_some_and(is_numbered)) && path.join(Model::DESCRIPTION_FILE).exists()
}

impl Drop for Output {
    fn drop(&mut self) {
        if !self.found {
            // Refused where there is something in it, which is as it should be.
            let _ = fs::remove_dir(&self.path);
        }
    }
}

fn cannot_create(folder: &Path) -> String {
    format!("{}: cannot create the folder", folder.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_begin_in_the_same_second_have_folders_of_their_own() {
        let parent = tempfile::tempdir().unwrap();
        let runs = parent.path().join("runs");
        let outputs: Vec<_> = (0..3).map(|_| Output::create_new(&runs, "now").unwrap()).collect();
        let paths: Vec<_> = outputs.iter().map(Output::path).collect();
        assert_eq!(paths, ["now", "now-2", "now-3"].map(|name| runs.join(name)));
    }

    #[test]
    fn a_folder_that_stayed_empty_is_removed_unless_it_was_there_before() {
        let parent = tempfile::tempdir().unwrap();
        let new = parent.path().join("new");
        drop(Output::create(Some(&new), "run").unwrap());
        assert!(!new.exists());
        drop(Output::create(Some(parent.path()), "run").unwrap());
        assert!(parent.path().exists());
        let output = Output::create(Some(&new), "run").unwrap();
        fs::write(new.join(HISTORY_FILE), "").unwrap();
        drop(output);
        assert!(new.exists());
    }

    #[test]
    fn results_are_overwritten_only_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        check_vacant(Some(folder.path()), false).unwrap();
        fs::write(folder.path().join(HISTORY_FILE), "").unwrap();
        let message = check_vacant(Some(folder.path()), false).unwrap_err().to_string();
        assert!(message.contains("history.csv: already there") && message.contains("--overwrite"), "{message}");
        check_vacant(Some(folder.path()), true).unwrap();
        check_vacant(None, false).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let message = Output::create(Some(&file.join("run")), "run").unwrap_err().to_string();
        assert!(message.contains("file/run: cannot create the folder"), "{message}");
    }

    #[test]
    fn what_an_earlier_run_kept_is_cleared_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let gone =
            ["checkpoints/best/model.json", "checkpoints/epoch-0003/model.json", "checkpoints/step-000120/model.json"];
        let gone = gone.into_iter().chain(["log.jsonl", "tensorboard/events.out.tfevents.1.here"]);
        let stays = ["checkpoints/mine/model.json", "checkpoints/epoch-x/model.json", "checkpoints/best-of/notes.txt"];
        let stays = stays.into_iter().chain(["model.json", "history.csv", "notes.txt", "tensorboard/notes.txt"]);
        for name in gone.clone().chain(stays.clone()) {
            fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            fs::write(path(name), "{}").unwrap();
        }
        Output::create(Some(folder.path()), "run").unwrap().clear();
        for name in gone {
            assert!(!path(name).exists(), "{name}");
        }
        for name in stays {
            assert!(path(name).exists(), "{name}");
        }
        Output::create(Some(&path("new")), "new").unwrap().clear();
    }
}
