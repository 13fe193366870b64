//! Which samples belong together.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use regex::bytes::Regex;

use crate::error::LoaderError;

/// A regular expression that finds the group of a sample in its path under the root: what its parentheses
/// match, together, or all that it matches where it has none. `patient(\d+)` groups by the number.
///
/// Samples that it does not match are no group, and go by their content.
#[derive(Clone, Debug)]
pub struct GroupBy(Regex);

impl GroupBy {
    /// The group of the sample with this path.
    pub(super) fn group(&self, path: &Path) -> Option<Vec<u8>> {
        let found = self.0.captures(path.as_os_str().as_encoded_bytes())?;
        let parts = if found.len() == 1 { 0..1 } else { 1..found.len() };
        // A path has no NUL in it: `ab` and `c` are not `a` and `bc`.
        let parts: Vec<&[u8]> = parts.map(|part| found.get(part).map_or(&b""[..], |part| part.as_bytes())).collect();
        Some(parts.join(&0))
    }
}

impl PartialEq for GroupBy {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl fmt::Display for GroupBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl FromStr for GroupBy {
    type Err = LoaderError;

    fn from_str(pattern: &str) -> Result<Self, Self::Err> {
        Regex::new(pattern).map(Self).map_err(|error| LoaderError::InvalidOption {
            option: "group_by",
            expected: "a regular expression",
            got: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(pattern: &str, path: &str) -> Option<Vec<u8>> {
        pattern.parse::<GroupBy>().unwrap().group(Path::new(path))
    }

    #[test]
    fn parentheses_or_the_whole_match_are_the_group() {
        assert_eq!(group(r"patient\d+", "a/patient12_3.jpg").unwrap(), b"patient12");
        assert_eq!(group(r"patient(\d+)", "a/patient12_3.jpg").unwrap(), b"12");
        assert_eq!(group(r"(\d)(x)?-(\d+)", "a/1-12.jpg").unwrap(), b"1\0\x0012");
        assert_eq!(group(r"patient(\d+)", "a/other.jpg"), None);
    }

    #[test]
    fn a_pattern_that_is_none_is_shown() {
        let message = "(".parse::<GroupBy>().unwrap_err().to_string();
        assert!(message.starts_with("group_by: expected a regular expression, got") && message.contains("unclosed"));
    }
}
