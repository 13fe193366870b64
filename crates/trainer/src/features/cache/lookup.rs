//! Which photo a file holds, as far as a store knows or can find out.

use std::path::Path;
use std::time::SystemTime;

use super::content::{Content, FileStat, Seen};
use super::records::Record;
use super::store::Shared;

impl Shared {
    /// What is known of a file without reading it, or, where that leaves a doubt, by reading it. `None` where there is
    /// no such file.
    pub(super) fn look(&self, path: &Path) -> Option<Seen> {
        let mut seen = self.glance(path)?;
        if seen.content.is_none() && self.state().sizes.contains(&seen.stat.bytes) {
            seen.content = self.read(path, &seen);
        }
        Some(seen)
    }

    /// The same, for a file whose features are going to be computed: what it holds matters only where a change on the
    /// way would not show.
    pub(super) fn look_before(&self, path: &Path) -> Option<Seen> {
        let mut seen = self.glance(path)?;
        if seen.content.is_none() && !seen.settled {
            seen.content = self.read(path, &seen);
        }
        Some(seen)
    }

    /// What a file holds: read, where it is not known. `None` where it cannot be read, or changes meanwhile.
    pub(super) fn content(&self, path: &Path) -> Option<Content> {
        let seen = self.glance(path)?;
        seen.content.or_else(|| self.read(path, &seen))
    }

    fn glance(&self, path: &Path) -> Option<Seen> {
        let now = SystemTime::now();
        let absolute = std::path::absolute(path).ok()?;
        let stat = FileStat::of(&absolute).ok()?;
        let id = stat.id(absolute.as_os_str().as_encoded_bytes());
        let content = self.state().files.get(&id);
        Some(Seen { stat, id, settled: stat.is_settled(now), content })
    }

    /// The content of a file that stays the same while it is read.
    pub(super) fn read(&self, path: &Path, seen: &Seen) -> Option<Content> {
        let content = Content::of_file(path).ok()?;
        if FileStat::of(path).ok()? != seen.stat {
            return None;
        }
        if seen.settled {
            self.remember(path, seen, content);
        }
        Some(content)
    }

    /// Remembers what a settled file holds.
    fn remember(&self, path: &Path, seen: &Seen, content: Content) {
        let Ok(path) = std::path::absolute(path) else { return };
        let mut state = self.state();
        if state.files.get(&seen.id).is_none() {
            state.files.insert(seen.id, content);
            let path = path.as_os_str().as_encoded_bytes().to_owned();
            state.records.push(Record { path, stat: seen.stat, content });
        }
    }
}
