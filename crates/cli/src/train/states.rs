//! The states of a run that it can go on from, as files in its folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use xfer_trainer::{AtomicFile, Existing, Position, Recovery, State, TrainerError};

use super::output::CHECKPOINTS;
use crate::terminal::Terminal;

/// As many are kept: where the newest is damaged, the one before serves.
const KEPT: usize = 2;

/// Keeps a state every so often.
#[derive(Debug)]
pub(super) struct States {
    folder: PathBuf,
    every: Duration,
    last: Instant,
    terminal: Terminal,
    warned: bool,
}

impl States {
    /// States in the folder of a run, at most one `every` so long.
    pub(super) fn new(run: &Path, every: Duration, terminal: &Terminal) -> Self {
        let (folder, terminal) = (run.join(CHECKPOINTS), terminal.clone());
        Self { folder, every, last: Instant::now(), terminal, warned: false }
    }

    /// The newest state that is whole, if there is one; warns of those that are not.
    pub(super) fn newest(&self) -> Option<State> {
        self.files().into_iter().rev().find_map(|path| {
            let read = fs::read(&path).map_err(|source| TrainerError::Read { path: path.clone(), source });
            match read.and_then(|bytes| State::decode(&path, &bytes)) {
                Ok(state) => Some(state),
                Err(error) => {
                    self.terminal.warn(format_args!("{error}; going on from an older state"));
                    None
                }
            }
        })
    }

    /// Removes all of them.
    pub(super) fn clear(&self) {
        for file in self.files() {
            // What stays is of another run, and is refused as such.
            let _ = fs::remove_file(file);
        }
    }

    /// Oldest first.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| is_state(path)).collect();
        files.sort();
        files
    }

    fn write(&self, position: Position, state: &State) -> Result<(), TrainerError> {
        fs::create_dir_all(&self.folder).map_err(|source| TrainerError::Write { path: self.folder.clone(), source })?;
        let name = format!("state-{:08}-{:08}.safetensors", position.epoch, position.step);
        AtomicFile::write_all(&self.folder.join(name), &state.encode(), Existing::Replace)?;
        let files = self.files();
        for old in &files[..files.len().saturating_sub(KEPT)] {
            let _ = fs::remove_file(old);
        }
        Ok(())
    }
}

impl Recovery for States {
    fn is_due(&mut self, _: Position) -> bool {
        self.last.elapsed() >= self.every
    }

    /// A state that cannot be written is no reason to end a training that could be finished.
    fn keep(&mut self, position: Position, state: &State) -> Result<(), TrainerError> {
        if let Err(error) = self.write(position, state)
            && !std::mem::replace(&mut self.warned, true)
        {
            let error = anyhow::Error::from(error);
            self.terminal.warn(format_args!("{error:#}; should the run be killed, it begins anew"));
        }
        self.last = Instant::now();
        Ok(())
    }
}

fn is_state(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with("state-") && name.ends_with(".safetensors")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(count: u64) -> State {
        let mut state = State::default();
        state.set_count("n", count);
        state
    }

    #[test]
    fn the_newest_whole_state_is_gone_on_from() {
        let run = tempfile::tempdir().unwrap();
        let mut states = States::new(run.path(), Duration::ZERO, &Terminal::new(true, 0));
        assert!(states.newest().is_none());
        for epoch in 0..4 {
            assert!(states.is_due(Position { epoch, step: 0 }));
            states.keep(Position { epoch, step: 3 }, &state(epoch)).unwrap();
        }
        assert_eq!(states.newest(), Some(state(3)));
        let files = states.files();
        assert_eq!(files.len(), 2);
        fs::write(&files[1], "half").unwrap();
        assert_eq!(states.newest(), Some(state(2)));
        states.clear();
        assert!(states.newest().is_none());
    }

    #[test]
    fn a_state_is_due_when_its_time_has_come() {
        let mut states = States::new(Path::new("none"), Duration::from_secs(3600), &Terminal::new(true, 0));
        assert!(!states.is_due(Position::default()));
    }
}
