//! What can be said about one image.

use std::fmt;
use std::path::PathBuf;

use crate::error::Stage;

/// Everything there is to say about one image.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Finding {
    /// The file, relative to the folder that was scanned.
    pub path: PathBuf,
    /// Why it cannot be used, if it cannot.
    pub problem: Option<Problem>,
    /// The format of its content, where that is known.
    pub format: Option<&'static str>,
    /// What is unusual about it.
    pub oddities: Vec<Oddity>,
}

/// Why an image cannot be used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Problem {
    /// Where it failed: read or decode.
    pub stage: Stage,
    /// A short, fixed name of the reason, as in the metrics: `truncated`, `corrupt`, `io`, ...
    pub kind: &'static str,
    /// Where in the file, in bytes, as far as that is known.
    pub offset: Option<u64>,
    /// The reason, in words.
    pub reason: String,
}

/// What is unusual about an image that decodes. None of it keeps it from being used; some of it may surprise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Oddity {
    /// The name ends in the extension of another format.
    WrongExtension,
    /// The name does not end as an image's does: `flow_from_directory` does not see it.
    NoExtension,
    /// The EXIF orientation says that it is stored rotated or mirrored.
    Rotated,
    /// Grey of more than 8 bits.
    Deep,
    /// Shades of grey only, by its format.
    Grey,
    /// Four inks.
    Cmyk,
    /// A palette.
    Palette,
    /// Transparency, which training ignores.
    Alpha,
    /// More than one frame or page; the first one counts.
    Animated,
}

impl Oddity {
    /// The name in reports: lower case, words joined by `_`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WrongExtension => "wrong_extension",
            Self::NoExtension => "no_extension",
            Self::Rotated => "rotated",
            Self::Deep => "16_bit",
            Self::Grey => "grey",
            Self::Cmyk => "cmyk",
            Self::Palette => "palette",
            Self::Alpha => "alpha",
            Self::Animated => "animated",
        }
    }
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Finding {
    /// Whether there is nothing to say.
    pub(super) fn is_empty(&self) -> bool {
        self.problem.is_none() && self.oddities.is_empty()
    }
}
