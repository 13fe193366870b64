//! What happens to a file that cannot be read or decoded, and how often it may.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{LoaderError, Stage};

/// What is done about a file that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnError {
    /// The stream ends with the error.
    #[default]
    Fail,
    /// The sample is left out: its batch is smaller, and empty where every sample of it fails. The number of batches
    /// stays the same.
    Skip,
    /// Another sample of the same class takes its place, chosen by (seed, epoch, sample): batches keep their size. Of
    /// any class where samples have no single one. After 16 that fail as well the stream ends with the first error.
    Replace,
}

impl fmt::Display for OnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fail => "fail",
            Self::Skip => "skip",
            Self::Replace => "replace",
        })
    }
}

impl FromStr for OnError {
    type Err = LoaderError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::Fail, Self::Skip, Self::Replace].into_iter().find(|policy| policy.to_string() == name).ok_or_else(|| {
            LoaderError::InvalidOption { option: "on_error", expected: "fail, skip or replace", got: name.to_owned() }
        })
    }
}

/// How many files may fail before the stream ends, where failures are skipped or replaced. A file counts once, however
/// many epochs it fails in.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ErrorBudget {
    /// So many files.
    Count(usize),
    /// This share of the samples, `0.0..=1.0`, rounded down.
    Rate(f64),
}

impl ErrorBudget {
    /// Files that may fail of `samples`.
    pub fn files(self, samples: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Rate(rate) => (rate * samples as f64) as usize,
        }
    }

    pub(crate) fn is_valid(self) -> bool {
        match self {
            Self::Count(_) => true,
            Self::Rate(rate) => (0.0..=1.0).contains(&rate),
        }
    }
}

/// One file in ten: a folder that fails more often is no folder to train on.
impl Default for ErrorBudget {
    fn default() -> Self {
        Self::Rate(0.1)
    }
}

impl fmt::Display for ErrorBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Rate(rate) => write!(f, "{}%", rate * 100.0),
        }
    }
}

/// A count such as `20`, or a share such as `5%`.
impl FromStr for ErrorBudget {
    type Err = LoaderError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let budget = match text.strip_suffix('%') {
            Some(percent) => percent.parse().ok().map(|percent: f64| Self::Rate(percent / 100.0)),
            None => text.parse().ok().map(Self::Count),
        };
        budget.filter(|budget| budget.is_valid()).ok_or_else(|| LoaderError::InvalidOption {
            option: "error_budget",
            expected: "a number of files such as 20, or a share such as 5%",
            got: text.to_owned(),
        })
    }
}

/// A file that failed and was skipped or replaced.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The file.
    pub path: PathBuf,
    /// Its place in the index of the flow.
    pub sample: usize,
    /// The first epoch that it failed in.
    pub epoch: u64,
    /// What was wrong.
    pub error: Arc<LoaderError>,
    /// The sample that took its place, where it was replaced.
    pub replacement: Option<usize>,
}

impl Failure {
    /// The stage that failed.
    pub fn stage(&self) -> Stage {
        self.error.stage().unwrap_or(Stage::Read)
    }

    /// Where in the file, in bytes, as far as that is known.
    pub fn offset(&self) -> Option<u64> {
        self.error.offset()
    }

    /// Why, in one line: the error's causes without the file's name.
    pub fn reason(&self) -> String {
        let mut cause: &dyn std::error::Error = &*self.error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        cause.to_string()
    }
}

/// `photos/a.jpg: decode: the JPEG data is cut short after 3000 bytes`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.path.display(), self.stage(), self.reason())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_and_budgets_are_read_as_they_are_written() {
        for policy in [OnError::Fail, OnError::Skip, OnError::Replace] {
            assert_eq!(policy.to_string().parse::<OnError>().unwrap(), policy);
        }
        for (text, budget) in
            [("20", ErrorBudget::Count(20)), ("0", ErrorBudget::Count(0)), ("5%", ErrorBudget::Rate(0.05))]
        {
            assert_eq!(text.parse::<ErrorBudget>().unwrap(), budget);
            assert_eq!(budget.to_string(), text);
        }
        for bad in ["", "-1", "101%", "-3%", "nan%", "0.5", "many"] {
            assert!(bad.parse::<ErrorBudget>().is_err(), "{bad}");
        }
        assert!("ignore".parse::<OnError>().is_err());
    }

    #[test]
    fn a_rate_is_rounded_down() {
        assert_eq!(ErrorBudget::Rate(0.1).files(72), 7);
        assert_eq!(ErrorBudget::Rate(0.1).files(9), 0);
        assert_eq!(ErrorBudget::Count(3).files(1), 3);
    }
}
