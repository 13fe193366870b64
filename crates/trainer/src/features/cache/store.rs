//! The rows of one space: those of its files, and those that were computed a moment ago.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::content::{Content, FileId};
use super::recorder::Recorder;
use super::records::{self, Record};
use super::shard::{self, Key, Rows, Shard, Stored};
use super::space::Space;
use super::table::Table;
use super::{FILES, LOCK, SPACE_FILE};
use crate::atomic_file::{AtomicFile, Existing};
use crate::error::TrainerError;

/// Bytes of mapped files that may be in this process before they are let go.
const RESIDENT: usize = 128 << 20;
/// Bytes that the system maps, of those that it has in memory anyway, wherever one is touched.
const AROUND: usize = 64 << 10;
/// Bytes of rows that are kept in memory where they cannot be written.
const UNWRITTEN: usize = 256 << 20;

/// The cached features of one [`Space`], shared by everything in a process that trains or extracts.
///
/// Rows are found by the content of a photo's file. A file that looks as it did when it was last read is not read again;
/// what was changed so recently that a later change might not show is.
///
/// Nothing that goes wrong with the cache is an error: what cannot be read is computed, what cannot be written is kept in
/// memory as far as there is room, and a warning says so once.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    recorder: Recorder,
}

/// What the recorder and the readers have in common.
#[derive(Debug)]
pub(super) struct Shared {
    cache: PathBuf,
    folder: PathBuf,
    space: Space,
    state: Mutex<State>,
    warn: Warn,
}

/// Who is told what is wrong with the cache, in one line.
pub struct Warn(Box<dyn Fn(&str) + Send + Sync>);

/// Where a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    shard: u32,
    row: u32,
}

#[derive(Debug)]
pub(super) struct State {
    holders: Vec<Holder>,
    /// The holder that rows are added to.
    open: Option<usize>,
    rows: Table<u64, Place>,
    pub(super) files: Table<FileId, Content>,
    /// Sizes of the files that rows are of: what has another size need not be read to know that it is not among them.
    pub(super) sizes: HashSet<u64>,
    /// Names of the files that were opened.
    opened: HashSet<PathBuf>,
    /// Records that are not written yet.
    pub(super) records: Vec<Record>,
    /// Held as long as the space is in use.
    locks: Vec<File>,
    writable: bool,
    touched: usize,
}

/// Rows, wherever they are.
#[derive(Debug)]
enum Holder {
    /// Still growing.
    Open(Rows),
    /// Being written, or not to be written.
    Sealed(Arc<Rows>),
    File(Shard),
}

impl Place {
    /// No place.
    pub(super) const NONE: Self = Self { shard: u32::MAX, row: u32::MAX };
}

impl Warn {
    /// Calls `tell` with each warning.
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Box::new(tell))
    }
}

impl std::fmt::Debug for Warn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Warn")
    }
}

impl Store {
    /// Opens the space in the cache folder `cache`, which is created when there is something to write.
    pub fn open(cache: &Path, space: Space, warn: Warn) -> Self {
        let folder = cache.join(space.digest());
        let files = load_records(&cache.join(FILES));
        let state = State {
            holders: Vec::new(),
            open: None,
            rows: Table::new(Vec::new()),
            files,
            sizes: HashSet::new(),
            opened: HashSet::new(),
            records: Vec::new(),
            locks: Vec::new(),
            writable: true,
            touched: 0,
        };
        let shared = Shared { cache: cache.to_owned(), folder, space, state: Mutex::new(state), warn };
        shared.lock_folders();
        shared.refresh();
        let shared = Arc::new(shared);
        let recorder = Recorder::start(&shared);
        Self { shared, recorder }
    }

    /// What the features are of.
    pub fn space(&self) -> &Space {
        &self.shared.space
    }

    /// The folder of the space, whether it is there or not.
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Writes what is not written yet. Dropping a store does the same.
    pub fn finish(self) {
        drop(self);
    }
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn warn(&self, text: &str) {
        (self.warn.0)(text);
    }

    /// Tells others that the space is in use, as far as its folders are there.
    fn lock_folders(&self) {
        let mut locks = Vec::new();
        for folder in [self.cache.join(FILES), self.folder.clone()] {
            // Without a lock, what a prune removes is computed again.
            if let Ok(file) = File::options().create(true).append(true).open(folder.join(LOCK)) {
                let _ = file.set_modified(SystemTime::now());
                let _ = file.try_lock_shared();
                locks.push(file);
            }
        }
        self.state().locks = locks;
    }

    /// Opens files that others have written since.
    pub(super) fn refresh(&self) {
        let mut state = self.state();
        let (new, damaged) = {
            let mut new: Vec<(SystemTime, PathBuf)> = fs::read_dir(&self.folder)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| is_shard(path) && !state.opened.contains(path))
                .map(|path| (modified(&path), path))
                .collect();
            // Of two rows with the same key the later one counts: the first may be damaged.
            new.sort();
            let mut damaged = Vec::new();
            let mut shards = Vec::new();
            for (_, path) in new {
                match Shard::open(&path, self.space.stored(), self.space.features()) {
                    Ok(shard) => shards.push(shard),
                    Err(error) => damaged.push(error.to_string()),
                }
                state.opened.insert(path);
            }
            (shards, damaged)
        };
        let first = state.rows.is_empty();
        let mut entries = Vec::new();
        for shard in new {
            let holder = state.holders.len() as u32;
            for row in 0..shard.len() {
                let Some((key, bytes)) = shard.key(row) else { continue };
                let place = Place { shard: holder, row: row as u32 };
                state.sizes.insert(bytes);
                if first {
                    entries.push((key.short(), place));
                } else {
                    state.rows.insert(key.short(), place);
                }
            }
            shard.let_go();
            state.holders.push(Holder::File(shard));
        }
        if first {
            state.rows = Table::new(entries);
        }
        drop(state);
        if let Some(first) = damaged.first() {
            let more = if damaged.len() > 1 { format!(", and {} more", damaged.len() - 1) } else { String::new() };
            self.warn(&format!("{first}{more}; what a damaged file of the cache held is computed again"));
        }
    }

    /// Where the row of `key` may be.
    pub(super) fn find(&self, key: &Key) -> Option<Place> {
        self.state().rows.get(&key.short())
    }

    /// Has the system begin to read rows.
    pub(super) fn will_need(&self, places: impl Iterator<Item = Place>) {
        let state = self.state();
        for place in places {
            if let Some(Holder::File(shard)) = state.holders.get(place.shard as usize) {
                shard.will_need(place.row as usize);
            }
        }
    }

    /// Whether the row at `place` is that of `key` and as it was written; its features then are in `out`.
    pub(super) fn fetch(&self, place: Place, key: &Key, out: &mut [f32]) -> bool {
        let mut state = self.state();
        let row = place.row as usize;
        let found = match state.holders.get(place.shard as usize) {
            Some(Holder::Open(rows)) => rows.read(row, key, out),
            Some(Holder::Sealed(rows)) => rows.read(row, key, out),
            Some(Holder::File(shard)) => shard.read(row, key, out),
            None => false,
        };
        state.touched += self.space.stored().bytes(out.len()).next_multiple_of(AROUND) + AROUND;
        if state.touched > RESIDENT {
            state.touched = 0;
            state.holders.iter().for_each(|holder| {
                if let Holder::File(shard) = holder {
                    shard.let_go();
                }
            });
        }
        found
    }

    /// Adds a row, unless there is no room for it.
    pub(super) fn add(&self, key: Key, bytes: u64, features: &[f32]) {
        let mut state = self.state();
        if !state.writable && state.unwritten() + self.space.stored().bytes(features.len()) > UNWRITTEN {
            return;
        }
        let open = match state.open {
            Some(open) => open,
            None => {
                state.holders.push(Holder::Open(Rows::new(self.space.stored(), self.space.features())));
                state.holders.len() - 1
            }
        };
        state.open = Some(open);
        let Some(Holder::Open(rows)) = state.holders.get_mut(open) else { return };
        let place = Place { shard: open as u32, row: rows.len() as u32 };
        rows.push(key, bytes, features);
        state.rows.insert(key.short(), place);
        state.sizes.insert(bytes);
    }

    /// Bytes of rows that are to be written.
    pub(super) fn pending(&self) -> usize {
        let state = self.state();
        match state.open.and_then(|open| state.holders.get(open)) {
            Some(Holder::Open(rows)) => rows.size(),
            _ => 0,
        }
    }

    /// Writes the rows and records that are not written yet. After the first failure nothing is written any more.
    pub(super) fn flush(&self) {
        let mut state = self.state();
        if !state.writable {
            return;
        }
        let records = std::mem::take(&mut state.records);
        let sealed = state.open.take().and_then(|open| state.seal(open).map(|rows| (open, rows)));
        drop(state);
        if records.is_empty() && sealed.is_none() {
            return;
        }
        let written = self.write(&records, sealed.as_ref().map(|(_, rows)| &**rows));
        match written {
            Ok(Some(path)) => {
                let opened = Shard::open(&path, self.space.stored(), self.space.features());
                let mut state = self.state();
                state.opened.insert(path);
                if let (Ok(shard), Some((place, _))) = (opened, sealed) {
                    state.holders[place] = Holder::File(shard);
                }
            }
            Ok(None) => {}
            Err(error) => {
                self.state().writable = false;
                let cause = std::error::Error::source(&error).map_or(String::new(), |cause| format!(": {cause}"));
                self.warn(&format!("{error}{cause}; going on without writing to the cache of features"));
            }
        }
    }

    fn write(&self, records: &[Record], rows: Option<&Rows>) -> Result<Option<PathBuf>, TrainerError> {
        let create = |folder: &Path| {
            fs::create_dir_all(folder).map_err(|source| TrainerError::Write { path: folder.to_owned(), source })
        };
        if !records.is_empty() {
            let folder = self.cache.join(FILES);
            create(&folder)?;
            records::write(&folder, records)?;
        }
        let Some(rows) = rows.filter(|rows| !rows.is_empty()) else { return Ok(None) };
        create(&self.folder)?;
        if self.state().locks.len() < 2 {
            self.lock_folders();
        }
        let about = self.folder.join(SPACE_FILE);
        if !about.exists() {
            let text = serde_json::to_string_pretty(self.space.description()).unwrap_or_default();
            AtomicFile::write_all(&about, text.as_bytes(), Existing::Replace)?;
        }
        let metadata = BTreeMap::from([
            ("format".to_owned(), "xfer features 1".to_owned()),
            ("space".to_owned(), self.space.digest()),
        ]);
        rows.write(&self.folder, &metadata).map(Some)
    }
}

impl State {
    /// Ends the growth of a holder; its rows.
    fn seal(&mut self, holder: usize) -> Option<Arc<Rows>> {
        let holder = self.holders.get_mut(holder)?;
        let Holder::Open(rows) = holder else { return None };
        let rows = Arc::new(std::mem::replace(rows, Rows::new(Stored::F32, 0)));
        *holder = Holder::Sealed(Arc::clone(&rows));
        Some(rows)
    }

    /// Bytes of rows in memory.
    fn unwritten(&self) -> usize {
        let size = |holder: &Holder| match holder {
            Holder::Open(rows) => rows.size(),
            Holder::Sealed(rows) => rows.size(),
            Holder::File(_) => 0,
        };
        self.holders.iter().map(size).sum()
    }
}

/// What files were found to hold before.
pub(super) fn load_records(folder: &Path) -> Table<FileId, Content> {
    let mut entries = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if name(&path).is_some_and(|name| name.starts_with(records::PREFIX)) {
            // What a damaged file held is found out again.
            let _ = records::read(&path, |record| entries.push((record.stat.id(&record.path), record.content)));
        }
    }
    Table::new(entries)
}

/// Whether a path is that of a file of rows.
pub(super) fn is_shard(path: &Path) -> bool {
    name(path).is_some_and(|name| name.starts_with(shard::PREFIX) && name.ends_with(shard::SUFFIX))
}

pub(super) fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

pub(super) fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// How long the recorder waits before it writes: little at first, so that a run that is killed early loses little.
pub(super) fn interval(flushes: u32) -> Duration {
    Duration::from_secs(1 << flushes.min(5)).min(Duration::from_secs(30))
}
