//! The published weights: which are here.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use xfer_hub::{Checksum, FetchOptions, WeightFile};

use super::disk::Disk;
use super::report::{Report, Standing, bytes};

/// What is known of a file that should be the published one.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Absent,
    /// Of the right size.
    Here(PathBuf),
    /// Of the right content.
    Verified(PathBuf),
    Damaged(PathBuf, String),
}

/// What `train` takes when nothing else is said.
const DEFAULT: &str = "resnet50";
/// Of the generation that nobody needs who does not have it.
const OLD: &str = "resnet50-v0.2";

pub(super) fn tell(options: &FetchOptions, disk: &Disk, verify: bool, report: &mut Report) {
    let mut facts = Vec::new();
    for file in WeightFile::all() {
        let state = state(file, options, verify);
        let (word, path) = match &state {
            State::Absent => ("absent", None),
            State::Here(path) => ("here", Some(path)),
            State::Verified(path) => ("verified", Some(path)),
            State::Damaged(path, _) => ("damaged", Some(path)),
        };
        facts.push(json!({ "name": file.name, "state": word, "path": path }));
        match &state {
            State::Absent if file.name == OLD => {}
            State::Here(path) => {
                report.good(
                    "weights",
                    format!("{}: {} ({} to verify: --verify)", file.name, path.display(), bytes(file.bytes)),
                );
            }
            State::Verified(path) => report.good("weights", format!("{}: {}, verified", file.name, path.display())),
            State::Absent => missing(file, format!("{}: not here", file.name), options, disk, report),
            State::Damaged(path, reason) => {
                let text =
                    format!("{}: {} is not the published file ({reason}) and is not used", file.name, path.display());
                missing(file, text, options, disk, report);
            }
        }
    }
    report.fact("weights", json!({ "folder": options.models_dir, "offline": options.offline, "files": facts }));
}

/// Whether the file could be fetched.
fn missing(file: &WeightFile, text: String, options: &FetchOptions, disk: &Disk, report: &mut Report) {
    let place = options.models_dir.join(file.file_name);
    let random = "or train with --weights FILE or --weights random";
    let (stopped, advice) = if options.offline {
        let advice = format!("XFER_OFFLINE forbids downloading: put the file at {}, {random}", place.display());
        (true, advice)
    } else if let Some(reason) = disk.refuses(file.bytes) {
        (true, format!("it cannot be kept: {reason}; set XFER_CACHE_DIR to another folder, {random}"))
    } else {
        let advice = "downloaded when it is first needed, or now by `cargo xtask fetch-weights`; without a network see its \
                      `--list`";
        (false, format!("{advice}, {random}"))
    };
    let standing = if stopped && file.name == DEFAULT { Standing::Broken } else { Standing::Note };
    report.add("weights", standing, text, advice);
}

fn state(file: &WeightFile, options: &FetchOptions, verify: bool) -> State {
    let keras = options.keras_models_dir.as_ref().map(|folder| folder.join(file.keras_name));
    let mut damaged = None;
    for path in keras.into_iter().chain([options.models_dir.join(file.file_name)]).filter(|path| path.is_file()) {
        match judge(file, &path, verify) {
            Ok(true) => return State::Verified(path),
            Ok(false) => return State::Here(path),
            // Two generations share a name in Keras' folder.
            Err(_) if WeightFile::all().iter().any(|other| other.name != file.name && fits(other, &path)) => {}
            Err(reason) => damaged = Some(State::Damaged(path, reason)),
        }
    }
    damaged.unwrap_or(State::Absent)
}

/// Whether the content was compared, if nothing is wrong.
fn judge(file: &WeightFile, path: &std::path::Path, verify: bool) -> Result<bool, String> {
    let found = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if found != file.bytes {
        return Err(format!("{found} bytes instead of {}", file.bytes));
    }
    if !verify {
        return Ok(false);
    }
    let expected: Checksum = file.md5.parse().map_err(|error: xfer_hub::HubError| error.to_string())?;
    let got = Checksum::of_file(expected.algorithm(), path, |_| {}).map_err(|error| error.to_string())?;
    if got == expected { Ok(true) } else { Err(format!("{got} instead of {expected}")) }
}

fn fits(file: &WeightFile, path: &std::path::Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.len() == file.bytes)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn place(path: &Path, bytes: u64) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // A hole: no disk is written.
        fs::File::create(path).unwrap().set_len(bytes).unwrap();
    }

    #[test]
    fn sizes_are_compared_and_contents_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = FetchOptions::new(folder.path().join("models"));
        options.keras_models_dir = Some(folder.path().join("keras"));
        let file = WeightFile::by_name("xception").unwrap();
        assert_eq!(state(file, &options, true), State::Absent);
        let path = options.models_dir.join(file.file_name);
        place(&path, file.bytes);
        assert_eq!(state(file, &options, false), State::Here(path.clone()));
        assert!(matches!(state(file, &options, true), State::Damaged(_, reason) if reason.contains("md5")));
        place(&path, 7);
        let reason = format!("7 bytes instead of {}", file.bytes);
        assert_eq!(state(file, &options, false), State::Damaged(path, reason));
    }

    #[test]
    fn the_other_generation_under_the_same_name_is_no_damage() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = FetchOptions::new(folder.path().join("models"));
        options.keras_models_dir = Some(folder.path().to_owned());
        let (new, old) = (WeightFile::by_name(DEFAULT).unwrap(), WeightFile::by_name(OLD).unwrap());
        place(&folder.path().join(old.keras_name), old.bytes);
        assert_eq!(state(new, &options, false), State::Absent);
        assert_eq!(state(old, &options, false), State::Here(folder.path().join(old.keras_name)));
    }
}
