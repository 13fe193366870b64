//! What the end-to-end tests work with: the real executable, and folders of drawn photos.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

pub mod nasty;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use image::{Rgb, RgbImage};
use tempfile::TempDir;

/// A folder of its own for one test, with photos in it.
#[derive(Debug)]
pub struct Workplace {
    folder: TempDir,
}

/// What the executable did.
#[derive(Debug)]
pub struct Ran {
    /// Its exit status; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Workplace {
    /// An empty folder.
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// `photos/{train,val}/{rural,urban}` with `train` and `val` photos a class.
    pub fn with_photos(train: u32, val: u32) -> Self {
        let place = Self::empty();
        for (split, count) in [("train", train), ("val", val)] {
            for class in ["rural", "urban"] {
                draw(&place.path(&format!("photos/{split}/{class}")), class, count);
            }
        }
        place
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `xfer-cli` with `words`, to be run in the folder, with a cache of its own there.
    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(executable());
        command.args(words.split_whitespace()).current_dir(self.folder.path()).env_remove("LD_LIBRARY_PATH");
        command.env("XFER_CACHE_DIR", self.path(".cache"));
        command
    }

    /// Runs `xfer-cli` with `words` in the folder.
    pub fn run(&self, words: &str) -> Ran {
        Ran::of(&self.command(words).output().expect("the executable runs"))
    }

    /// The content of a file.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Every file under `name`, with its bytes.
    pub fn snapshot(&self, name: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.path(name)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder").flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    files.push((entry.path(), fs::read(entry.path()).expect("a file")));
                }
            }
        }
        files.sort();
        files
    }
}

impl Ran {
    /// What a finished process did.
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// The same, if it succeeded.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard error of a run that failed with `code`.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self.stderr
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// Whether this system lets a user mount a disk of his own in a namespace; says so where it does not.
#[expect(clippy::print_stderr, reason = "who runs the tests should know what was left out")]
pub fn may_mount() -> bool {
    let allowed = Command::new("unshare").args(["--user", "--map-root-user", "--mount", "true"]).status();
    let allowed = allowed.is_ok_and(|status| status.success());
    if !allowed {
        eprintln!("skipped: this system lets no user mount a small disk (unshare --user --mount)");
    }
    allowed
}

/// Writes `count` photos of a class: green waves, or grey blocks.
pub fn draw(folder: &Path, class: &str, count: u32) {
    fs::create_dir_all(folder).expect("a folder");
    for number in 0..count {
        let (width, height) = (90 + 7 * number, 80 + 5 * number);
        let image = RgbImage::from_fn(width, height, |x, y| match class {
            "rural" => Rgb([(40 + y / 4) as u8, (120 + (x * (number + 3)) % 60) as u8, (y % (9 + number) * 8) as u8]),
            _ => {
                let wall = if (x / (6 + number) + y / 9) % 2 == 0 { 60 } else { 170 };
                Rgb([wall, wall, (wall as u32 + number * 5) as u8])
            }
        });
        let extension = if number % 3 == 2 { "png" } else { "jpg" };
        image.save(folder.join(format!("{class}_{number:02}.{extension}"))).expect("a photo");
    }
}

/// The executable, built once by each test process, in the profile of the tests.
fn executable() -> &'static Path {
    static EXECUTABLE: OnceLock<PathBuf> = OnceLock::new();
    EXECUTABLE.get_or_init(|| {
        let build = escargot::CargoBuild::new().package("xfer-cli").bin("xfer-cli");
        let build = if cfg!(debug_assertions) { build } else { build.release() };
        build.run().expect("xfer-cli builds").path().to_owned()
    })
}
