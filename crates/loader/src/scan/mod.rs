//! Decodes every image under a folder and says what is wrong with which, before a training finds out. Changes nothing.

mod crew;
mod duplicates;
mod finding;
mod inspect;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::LoaderError;
use crate::source::{Found, every_file};
use crew::Crew;

pub use duplicates::{Duplicates, Sameness};
pub use finding::{Finding, Oddity, Problem};

/// How a scan runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanOptions {
    /// Threads that read and decode. Default 0: one for each core.
    pub threads: usize,
    /// How long reading and decoding one file may take; then it is reported, and the scan goes on. Default 60 s.
    pub stall_timeout: Duration,
    /// Whether linked folders are followed. Default `false`.
    pub follow_links: bool,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self { threads: 0, stall_timeout: Duration::from_secs(60), follow_links: false }
    }
}

/// What a scan found. Paths are relative to the folder, in byte order.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ScanReport {
    /// Files with the name of an image, or the content of one.
    pub images: usize,
    /// Of them, those that decode.
    pub usable: usize,
    /// Files that are no images, by name and by content.
    pub others: usize,
    /// Every image that there is something to say about.
    pub findings: Vec<Finding>,
    /// Photos that are there more than once.
    pub duplicates: Vec<Duplicates>,
    /// Folders that were left out because their names begin with a dot.
    pub hidden_folders: Vec<PathBuf>,
    /// Linked folders that lead back to where they hang.
    pub link_loops: Vec<PathBuf>,
}

/// How far a scan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanProgress {
    /// Files looked at.
    pub done: usize,
    /// Files there are.
    pub files: usize,
}

/// Reads and decodes every file under `root` that may be an image, in parallel. `progress` is told after each.
///
/// # Errors
///
/// The folder is missing, is not a folder or cannot be listed; no thread can be started. What is wrong with single files
/// is what the report is for.
pub fn scan(
    root: &Path,
    options: &ScanOptions,
    mut progress: impl FnMut(ScanProgress),
) -> Result<ScanReport, LoaderError> {
    let Found { images, hidden, loops } = every_file(root, options.follow_links)?;
    let files: Vec<PathBuf> = images.into_iter().flatten().collect();
    let total = files.len();
    let mut report = ScanReport { hidden_folders: hidden, link_loops: loops, ..ScanReport::default() };
    let mut seen = duplicates::Seen::default();
    let crew = Crew::new(root, files, options)?;
    let mut inspected: Vec<_> = crew
        .enumerate()
        .map(|(done, inspected)| {
            progress(ScanProgress { done: done + 1, files: total });
            inspected
        })
        .collect::<Result<_, _>>()?;
    inspected.sort_by(|a, b| a.path.as_os_str().as_encoded_bytes().cmp(b.path.as_os_str().as_encoded_bytes()));
    for file in inspected {
        if !file.is_image {
            report.others += 1;
            continue;
        }
        report.images += 1;
        report.usable += usize::from(file.finding.problem.is_none());
        if let Some(digests) = file.digests {
            seen.add(&file.path, digests);
        }
        if !file.finding.is_empty() {
            report.findings.push(file.finding);
        }
    }
    report.duplicates = seen.finish();
    Ok(report)
}

impl ScanReport {
    /// Images that cannot be read or decoded.
    pub fn problems(&self) -> impl Iterator<Item = (&Finding, &Problem)> {
        self.findings.iter().filter_map(|finding| finding.problem.as_ref().map(|problem| (finding, problem)))
    }

    /// Images with `oddity`.
    pub fn with(&self, oddity: Oddity) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.oddities.contains(&oddity))
    }

    /// Whether every image can be trained on.
    pub fn is_usable(&self) -> bool {
        self.usable == self.images
    }
}
