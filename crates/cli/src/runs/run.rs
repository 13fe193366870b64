//! A run's folder -> a value, whatever state the folder is in.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::bail;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use xfer_trainer::{Model, ModelDescription};

use super::exposition::Exposition;
use super::history::{Curves, Point};
use super::manifest::{FailedFile, MANIFEST_FILE, Manifest, Photos, RunResult};

/// The history beside the model.
pub(crate) const HISTORY_FILE: &str = "history.csv";
/// What was measured, as it was last served.
pub(crate) const METRICS_FILE: &str = "metrics.prom";

/// A file that is longer is none of ours.
const MAX_BYTES: u64 = 256 << 20;

/// What a run left behind, as far as it can be read.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) folder: PathBuf,
    /// The folder's own name.
    pub(crate) name: String,
    pub(crate) manifest: Option<Manifest>,
    pub(crate) model: Option<ModelDescription>,
    pub(crate) history: Option<Curves>,
    pub(crate) metrics: Option<Exposition>,
    /// Files that are there and cannot be used, and files that are missing though they should be there.
    /// When the oldest of its files was written.
    written: Option<Timestamp>,
    pub(crate) problems: Vec<Problem>,
}

/// A file of a run that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) file: &'static str,
    pub(crate) reason: String,
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// All its epochs.
    Finished,
    /// As far as a callback let it.
    Stopped,
    /// As far as a person let it.
    Interrupted,
    /// It runs still, or was broken off without a chance to say so.
    Unfinished,
    /// There is a model, and nothing that says how the run ended: older versions left no manifest.
    Saved,
    /// Its manifest, or what tells of it instead, cannot be read.
    Damaged,
}

impl Run {
    /// Whether `folder` holds files of a run.
    pub(crate) fn is_in(folder: &Path) -> bool {
        [MANIFEST_FILE, Model::DESCRIPTION_FILE, HISTORY_FILE].iter().any(|name| folder.join(name).is_file())
    }

    /// Reads what there is in `folder`.
    ///
    /// # Errors
    ///
    /// There is no such folder, or no file of a run in it.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        if !folder.is_dir() {
            bail!("{}: no such folder; `xfer-cli runs list` names those there are", folder.display());
        }
        if !Self::is_in(folder) {
            bail!("{}: not a run: neither {MANIFEST_FILE} nor {} in it", folder.display(), Model::DESCRIPTION_FILE);
        }
        let mut problems = Vec::new();
        let mut part = |file: &'static str| {
            read(&folder.join(file)).unwrap_or_else(|reason| {
                problems.push(Problem { file, reason });
                None
            })
        };
        let files = [MANIFEST_FILE, Model::DESCRIPTION_FILE, HISTORY_FILE, METRICS_FILE].map(&mut part);
        let [manifest, model, history, metrics] = files;
        let mut understood = |file: &'static str, reason: String| problems.push(Problem { file, reason });
        let manifest =
            manifest.and_then(|json| Manifest::parse(&json).map_err(|reason| understood(MANIFEST_FILE, reason)).ok());
        let model = model.and_then(|json| {
            let parsed = serde_json::from_slice(&json);
            parsed.map_err(|error| understood(Model::DESCRIPTION_FILE, format!("damaged: {error}"))).ok()
        });
        let history = history.and_then(|text| {
            let parsed = Curves::parse(&String::from_utf8_lossy(&text));
            parsed.map_err(|reason| understood(HISTORY_FILE, reason)).ok()
        });
        let metrics = metrics.map(|text| Exposition::parse(&String::from_utf8_lossy(&text)));
        let (name, written) = (name_of(folder), written(folder));
        let mut run = Self { name, folder: folder.to_owned(), manifest, model, history, metrics, written, problems };
        run.note_what_is_missing();
        Ok(run)
    }

    /// How far the run came.
    pub(crate) fn state(&self) -> State {
        match &self.manifest {
            Some(Manifest { result: Some(result), .. }) => match result.outcome.as_deref() {
                Some("interrupted") => State::Interrupted,
                Some("stopped") => State::Stopped,
                _ => State::Finished,
            },
            Some(_) => State::Unfinished,
            None if self.problems.iter().any(|problem| problem.file == MANIFEST_FILE) => State::Damaged,
            None if self.model.is_some() => State::Saved,
            None if self.problems.is_empty() => State::Unfinished,
            None => State::Damaged,
        }
    }

    /// When it began: as the manifest says, or when the oldest of its files was written.
    pub(crate) fn started(&self) -> Option<Timestamp> {
        let told = self.manifest.as_ref().and_then(|manifest| manifest.started.as_deref()?.parse().ok());
        told.or(self.written)
    }

    /// The same in words, here: `2026-11-24 06:02`.
    pub(crate) fn started_here(&self) -> Option<String> {
        self.started().map(|time| time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string())
    }

    pub(crate) fn backbone(&self) -> Option<String> {
        let told = self.manifest.as_ref().and_then(|manifest| manifest.backbone.clone());
        told.or_else(|| self.model.as_ref().map(|model| model.backbone.to_string()))
    }

    /// What the weights were called: `imagenet`, a path or `random:SEED`.
    pub(crate) fn weights(&self) -> Option<&str> {
        let told = self.manifest.as_ref().and_then(|manifest| manifest.weights.as_ref()?.source.as_deref());
        told.or_else(|| self.model.as_ref().map(|model| &*model.weights.source))
    }

    pub(crate) fn weights_digest(&self) -> Option<&str> {
        let told = self.manifest.as_ref().and_then(|manifest| manifest.weights.as_ref()?.digest.as_deref());
        told.or_else(|| self.model.as_ref().map(|model| &*model.weights.digest))
    }

    pub(crate) fn seed(&self) -> Option<u64> {
        let told = self.manifest.as_ref().and_then(|manifest| manifest.seed);
        told.or_else(|| self.model.as_ref().map(|model| model.seed))
    }

    pub(crate) fn data_digest(&self) -> Option<&str> {
        self.manifest.as_ref().and_then(|manifest| manifest.data.as_ref()?.digest.as_deref())
    }

    pub(crate) fn training(&self) -> Option<&Photos> {
        self.manifest.as_ref().and_then(|manifest| manifest.data.as_ref()?.training.as_ref())
    }

    pub(crate) fn validation(&self) -> Option<&Photos> {
        self.manifest.as_ref().and_then(|manifest| manifest.data.as_ref()?.validation.as_ref())
    }

    pub(crate) fn result(&self) -> Option<&RunResult> {
        self.manifest.as_ref().and_then(|manifest| manifest.result.as_ref())
    }

    pub(crate) fn failures(&self) -> &[FailedFile] {
        self.result().map_or(&[], |result| &result.failures)
    }

    /// Epochs that came to their end, or were cut short and counted.
    pub(crate) fn epochs(&self) -> Option<u64> {
        let counted = self.history.as_ref().map(|history| history.epochs.len() as u64);
        counted.or_else(|| self.result().and_then(|result| result.epochs))
    }

    /// Epochs that there were to be.
    pub(crate) fn planned_epochs(&self) -> Option<u64> {
        self.manifest.as_ref().and_then(|manifest| manifest.plan.as_ref()?.epochs)
    }

    pub(crate) fn last(&self, metric: &str) -> Option<Point> {
        self.history.as_ref().and_then(|history| history.last(metric))
    }

    pub(crate) fn best(&self, metric: &str) -> Option<Point> {
        self.history.as_ref().and_then(|history| history.best(metric))
    }

    /// A run that is over has all of its files.
    fn note_what_is_missing(&mut self) {
        let missing = |file: &'static str| !self.folder.join(file).exists();
        let ended = self.result().is_some();
        let files = [(Model::DESCRIPTION_FILE, ended), (HISTORY_FILE, ended || self.model.is_some())];
        let gone: Vec<_> = files.into_iter().filter(|(file, expected)| *expected && missing(file)).collect();
        self.problems.extend(gone.into_iter().map(|(file, _)| Problem { file, reason: "missing".to_owned() }));
    }
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Stopped => "stopped early",
            Self::Interrupted => "interrupted",
            Self::Unfinished => "running or broken off",
            Self::Saved => "saved, no manifest",
            Self::Damaged => "damaged",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.reason)
    }
}

/// The content of a file; `None` where there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let told = |error: io::Error| format!("cannot be read: {error}");
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(told(error)),
    };
    let size = file.metadata().map_err(told)?;
    if !size.is_file() {
        return Err("not a file".to_owned());
    }
    let mut content = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut content).map_err(told)?;
    if content.len() as u64 > MAX_BYTES { Err("too long to be one of ours".to_owned()) } else { Ok(Some(content)) }
}

/// When the oldest file of a run was written.
fn written(folder: &Path) -> Option<Timestamp> {
    let files = [Model::DESCRIPTION_FILE, HISTORY_FILE].map(|name| folder.join(name));
    let times = files.iter().filter_map(|path| path.metadata().and_then(|file| file.modified()).ok());
    Timestamp::try_from(times.min()?).ok()
}

/// The folder's own name, for `.` and `..` as well.
fn name_of(folder: &Path) -> String {
    let resolved = folder
        .file_name()
        .map(ToOwned::to_owned)
        .or_else(|| folder.canonicalize().ok().and_then(|folder| folder.file_name().map(ToOwned::to_owned)));
    resolved.map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(files: &[(&str, &str)]) -> Run {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        Run::read(folder.path()).unwrap()
    }

    fn told(run: &Run) -> Vec<String> {
        run.problems.iter().map(Problem::to_string).collect()
    }

    const HISTORY: (&str, &str) = (HISTORY_FILE, "epoch,loss,val_accuracy\r\n0,0.5,0.25\r\n1,0.25,0.5\r\n");

    #[test]
    fn every_state_is_told_from_the_files() {
        let ended = |outcome: &str| {
            format!(
                r#"{{"format_version":1,"started":"2026-11-28T16:00:00+00:00","result":{{"outcome":"{outcome}"}}}}"#
            )
        };
        for (outcome, state) in
            [("finished", State::Finished), ("stopped", State::Stopped), ("interrupted", State::Interrupted)]
        {
            let run = run(&[(MANIFEST_FILE, &ended(outcome)), HISTORY]);
            assert_eq!(run.state(), state);
            assert_eq!(told(&run), ["model.json: missing"]);
            assert_eq!(run.started().unwrap().to_string(), "2026-11-28T16:00:00Z");
        }
        let unfinished = run(&[(MANIFEST_FILE, r#"{"format_version":1,"result":null}"#)]);
        assert_eq!((unfinished.state(), told(&unfinished)), (State::Unfinished, vec![]));
        assert_eq!(run(&[HISTORY]).state(), State::Unfinished);
    }

    #[test]
    fn damage_is_named_and_the_rest_is_read() {
        let run = run(&[(MANIFEST_FILE, "{\"format_version\":1"), (Model::DESCRIPTION_FILE, "{}"), HISTORY]);
        assert_eq!(run.state(), State::Damaged);
        let told = told(&run);
        assert!(told[0].starts_with("manifest.json: damaged: EOF"), "{told:?}");
        assert!(told[1].starts_with("model.json: damaged: missing field"), "{told:?}");
        assert_eq!(run.epochs(), Some(2));
        assert_eq!(run.best("val_accuracy"), Some(Point { epoch: 1, value: 0.5 }));
        assert!(run.started().is_some(), "from the files");
    }

    #[test]
    fn a_folder_without_a_run_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = Run::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("not a run"), "{error}");
        let error = Run::read(&folder.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("none: no such folder"), "{error}");
    }
}
