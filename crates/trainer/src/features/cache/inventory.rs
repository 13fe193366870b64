//! The cache as a whole: what is in it, whether it is sound, and making room.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::content::{Content, FileStat};
use super::copies::{self, CopyEntry};
use super::records;
use super::shard::{Shard, Stored};
use super::store::{is_shard, modified, name};
use super::{FILES, LOCK, SPACE_FILE};
use crate::error::TrainerError;

/// What a folder of the cache holds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SpaceEntry {
    /// Its name: the digest of the description.
    pub name: String,
    /// What its vectors are of, by name.
    pub description: BTreeMap<String, String>,
    /// Vectors.
    pub rows: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// When it was last opened or written.
    pub used: SystemTime,
    /// Files that cannot be opened.
    pub damaged: usize,
}

/// What [`verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Vectors that are as they were written.
    pub rows: u64,
    /// Calibrations and copies of weights that are as they were written.
    pub copies: u64,
    /// Vectors that are not, and are now removed.
    pub damaged_rows: u64,
    /// Files whose header is damaged, and calibrations and copies of weights that are damaged anywhere; now removed.
    pub damaged_files: Vec<PathBuf>,
    /// Photos that were read and hold what they are known to hold.
    pub photos: u64,
    /// Photos that hold something else although size and times say that they have not changed; this is now known.
    pub changed: Vec<PathBuf>,
    /// Photos that are not there any more or have changed openly: what is known of them is of no use.
    pub outdated: u64,
}

/// What [`prune`] removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// Names of the spaces that are gone.
    pub removed: Vec<String>,
    /// Calibrations and copies of weights that are gone.
    pub removed_copies: Vec<PathBuf>,
    /// Names of those that would have to go, but are in use.
    pub in_use: Vec<String>,
    /// Bytes that are free again.
    pub freed: u64,
    /// Bytes that are left.
    pub left: u64,
}

impl Verified {
    /// Whether everything was as it should be.
    pub fn is_sound(&self) -> bool {
        self.damaged_rows == 0 && self.damaged_files.is_empty() && self.changed.is_empty()
    }
}

impl SpaceEntry {
    fn of(folder: &Path) -> Option<Self> {
        let description: BTreeMap<String, String> =
            serde_json::from_slice(&fs::read(folder.join(SPACE_FILE)).ok()?).ok()?;
        let mut entry = Self {
            name: name(folder)?.to_owned(),
            description,
            rows: 0,
            bytes: 0,
            used: modified(&folder.join(LOCK)),
            damaged: 0,
        };
        let (stored, features) = entry.vectors()?;
        for path in files(folder) {
            entry.bytes += fs::metadata(&path).map_or(0, |metadata| metadata.len());
            if is_shard(&path) {
                entry.used = entry.used.max(modified(&path));
                match Shard::open(&path, stored, features) {
                    Ok(shard) => entry.rows += shard.len() as u64,
                    Err(_) => entry.damaged += 1,
                }
            }
        }
        Some(entry)
    }

    /// What vectors are stored as, and their length.
    fn vectors(&self) -> Option<(Stored, usize)> {
        let stored = Stored::by_name(self.description.get("stored")?)?;
        Some((stored, self.description.get("features")?.parse().ok()?))
    }
}

/// Every space of the cache in folder `cache`, the one used last first. Without such a folder there is none.
pub fn list(cache: &Path) -> Vec<SpaceEntry> {
    let mut entries: Vec<SpaceEntry> = folders(cache).iter().filter_map(|folder| SpaceEntry::of(folder)).collect();
    entries.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.name.cmp(&b.name)));
    entries
}

/// Looks at every byte of the cache, and reads every photo that it knows and that seems not to have changed; tells `read`
/// how many bytes each step took. What is damaged, and what is no longer true, is removed. Copies of weights are looked
/// for in `converted`.
///
/// # Errors
///
/// A damaged file cannot be replaced or removed.
pub fn verify(cache: &Path, converted: Option<&Path>, mut read: impl FnMut(u64)) -> Result<Verified, TrainerError> {
    let mut verified = Verified::default();
    for copy in copies::copies(cache, converted) {
        read(copy.bytes);
        if copy.is_sound() {
            verified.copies += 1;
        } else {
            remove(&copy.path)?;
            verified.damaged_files.push(copy.path);
        }
    }
    for entry in list(cache) {
        let Some((stored, features)) = entry.vectors() else { continue };
        let folder = cache.join(&entry.name);
        for path in files(&folder).into_iter().filter(|path| is_shard(path)) {
            let Ok(shard) = Shard::open(&path, stored, features) else {
                remove(&path)?;
                verified.damaged_files.push(path);
                continue;
            };
            let mut sound = 0;
            for row in 0..shard.len() {
                sound += u64::from(shard.sound(row).is_some());
                read(stored.bytes(features) as u64);
            }
            verified.rows += sound;
            if sound < shard.len() as u64 {
                verified.damaged_rows += shard.len() as u64 - sound;
                let rows = shard.sound_rows();
                if !rows.is_empty() {
                    rows.write(&folder, &BTreeMap::from([("format".to_owned(), "xfer features 1".to_owned())]))?;
                }
                remove(&path)?;
            }
            shard.let_go();
        }
    }
    verify_records(&cache.join(FILES), &mut verified, &mut read)?;
    Ok(verified)
}

fn verify_records(folder: &Path, verified: &mut Verified, read: &mut impl FnMut(u64)) -> Result<(), TrainerError> {
    for path in files(folder).into_iter().filter(|path| is_records(path)) {
        let (mut all, mut kept) = (0, Vec::new());
        let opened = records::read(&path, |record| {
            all += 1;
            let photo = record.path();
            if !FileStat::of(&photo).is_ok_and(|stat| stat == record.stat) {
                verified.outdated += 1;
                return;
            }
            read(record.stat.bytes);
            match Content::of_file(&photo) {
                Ok(content) if content == record.content => {
                    verified.photos += 1;
                    kept.push(record);
                }
                Ok(_) => verified.changed.push(photo),
                Err(_) => verified.outdated += 1,
            }
        });
        if opened.is_err() {
            verified.damaged_files.push(path.clone());
        } else if kept.len() == all {
            continue;
        }
        if !kept.is_empty() {
            records::write(folder, &kept)?;
        }
        remove(&path)?;
    }
    Ok(())
}

/// Removes spaces, calibrations and, in `converted`, copies of weights that were not used for longer than `unused`, and
/// then those that were not used for longest, until no more than `most` bytes are left; and what processes that were killed have left behind. Spaces in use stay. `dry`
/// only tells what would be done.
///
/// # Errors
///
/// A file cannot be removed.
pub fn prune(
    cache: &Path,
    converted: Option<&Path>,
    unused: Option<Duration>,
    most: Option<u64>,
    dry: bool,
) -> Result<Pruned, TrainerError> {
    let mut pruned = Pruned::default();
    let spaces = list(cache).into_iter().map(Item::Space);
    let mut items: Vec<Item> = spaces.chain(copies::copies(cache, converted).into_iter().map(Item::Copy)).collect();
    items.sort_by_key(Item::used);
    let mut left: u64 = items.iter().map(Item::bytes).sum();
    let now = SystemTime::now();
    for item in &items {
        let old = unused.is_some_and(|unused| now.duration_since(item.used()).is_ok_and(|since| since >= unused));
        if !old && most.is_none_or(|most| left <= most) {
            continue;
        }
        let entry = match item {
            Item::Space(entry) => entry,
            Item::Copy(copy) => {
                // Whoever has it mapped keeps what is mapped.
                if !dry {
                    remove(&copy.path)?;
                }
                left -= copy.bytes;
                pruned.freed += copy.bytes;
                pruned.removed_copies.push(copy.path.clone());
                continue;
            }
        };
        let folder = cache.join(&entry.name);
        let Some(lock) = lock_alone(&folder) else {
            pruned.in_use.push(entry.name.clone());
            continue;
        };
        if !dry {
            // The description first: a folder without it is no space, should this be cut short.
            let mut paths = files(&folder);
            paths.sort_by_key(|path| name(path) != Some(SPACE_FILE));
            paths.iter().try_for_each(|path| remove(path))?;
            drop(lock);
            // Another process may have begun to write here again.
            let _ = fs::remove_dir(&folder);
        }
        left -= entry.bytes;
        pruned.freed += entry.bytes;
        pruned.removed.push(entry.name.clone());
    }
    if !dry {
        let kept = || list(cache).into_iter().filter(|entry| !pruned.removed.contains(&entry.name));
        pruned.freed += copies::sweep(cache, converted)?;
        pruned.freed += sweep(cache, &kept().map(|entry| entry.name).collect())?;
        forget(cache, &kept().collect::<Vec<_>>())?;
    }
    pruned.left = left;
    Ok(pruned)
}

/// What goes or stays as a whole.
enum Item {
    Space(SpaceEntry),
    Copy(CopyEntry),
}

impl Item {
    fn used(&self) -> SystemTime {
        match self {
            Self::Space(entry) => entry.used,
            Self::Copy(copy) => copy.used,
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::Space(entry) => entry.bytes,
            Self::Copy(copy) => copy.bytes,
        }
    }
}

/// Removes files that were never finished, and folders that were half removed.
fn sweep(cache: &Path, spaces: &HashSet<String>) -> Result<u64, TrainerError> {
    let mut freed = 0;
    for folder in folders(cache) {
        let whole = name(&folder).is_some_and(|name| spaces.contains(name) || name == FILES);
        let Some(_lock) = lock_alone(&folder) else { continue };
        for path in files(&folder) {
            let left_over = name(&path).is_some_and(|name| name.starts_with('.') && name.ends_with(".tmp"));
            let of_cache = left_over || is_shard(&path) || name(&path) == Some(LOCK);
            if left_over || (!whole && of_cache) {
                freed += fs::metadata(&path).map_or(0, |metadata| metadata.len());
                remove(&path)?;
            }
        }
        if !whole {
            let _ = fs::remove_dir(&folder);
        }
    }
    Ok(freed)
}

/// Forgets files whose content no space has a vector of, and writes what is left as one file.
fn forget(cache: &Path, spaces: &[SpaceEntry]) -> Result<(), TrainerError> {
    let folder = cache.join(FILES);
    let Some(_lock) = lock_alone(&folder) else { return Ok(()) };
    let old: Vec<PathBuf> = files(&folder).into_iter().filter(|path| is_records(path)).collect();
    let mut contents = HashSet::new();
    for entry in spaces {
        let Some((stored, features)) = entry.vectors() else { continue };
        for path in files(&cache.join(&entry.name)).into_iter().filter(|path| is_shard(path)) {
            let Ok(shard) = Shard::open(&path, stored, features) else { continue };
            contents.extend((0..shard.len()).filter_map(|row| Some(shard.key(row)?.0.content)));
            shard.let_go();
        }
    }
    let mut kept = BTreeMap::new();
    for path in &old {
        let _ = records::read(path, |record| {
            if contents.contains(&record.content) {
                kept.insert(record.stat.id(&record.path), record);
            }
        });
    }
    let kept: Vec<_> = kept.into_values().collect();
    let new = if kept.is_empty() { None } else { Some(records::write(&folder, &kept)?) };
    old.iter().filter(|path| Some(*path) != new.as_ref()).try_for_each(|path| remove(path))
}

/// The lock of a folder, if nobody uses it. Where there are no locks, nobody is taken to.
fn lock_alone(folder: &Path) -> Option<Option<File>> {
    let Ok(file) = File::options().create(true).append(true).open(folder.join(LOCK)) else { return Some(None) };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => None,
        _ => Some(Some(file)),
    }
}

fn folders(cache: &Path) -> Vec<PathBuf> {
    let is_ours = |path: &PathBuf| {
        let is_digest = |name: &str| name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        path.is_dir() && name(path).is_some_and(|name| is_digest(name) || name == FILES)
    };
    fs::read_dir(cache).into_iter().flatten().flatten().map(|entry| entry.path()).filter(is_ours).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

fn is_records(path: &Path) -> bool {
    name(path).is_some_and(|name| name.starts_with(records::PREFIX))
}

pub(super) fn remove(path: &Path) -> Result<(), TrainerError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(TrainerError::Write { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}
