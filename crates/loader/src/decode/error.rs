//! Why bytes are not an image.

use std::fmt;

use super::{FileFormat, MAX_PIXELS};

/// What is wrong with a file's bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There are none.
    #[error("the file is empty")]
    Empty,

    /// They begin like no format that is known.
    #[error("not an image: begins with {begins}; JPEG, PNG, GIF, BMP, TIFF, WebP and PNM are known")]
    UnknownFormat {
        /// The first bytes, readable.
        begins: String,
    },

    /// They end before the image does.
    #[error("the {format} data is cut short after {bytes} bytes")]
    Truncated {
        /// The format's name.
        format: &'static str,
        /// Bytes that there are.
        bytes: usize,
    },

    /// The header says an image without pixels.
    #[error("the header says {width}x{height} pixels")]
    NoPixels {
        /// Pixels a row.
        width: u64,
        /// Rows.
        height: u64,
    },

    /// The header says more pixels than [`MAX_PIXELS`].
    #[error("the header says {width}x{height} pixels, more than the limit of {MAX_PIXELS}")]
    TooLarge {
        /// Pixels a row.
        width: u64,
        /// Rows.
        height: u64,
    },

    /// They break the rules of their format.
    #[error("corrupt {format} data{}: {message}", At(*offset))]
    Corrupt {
        /// The format's name.
        format: &'static str,
        /// The decoder's words.
        message: String,
        /// The byte of the file that decoding came to, where that is known.
        offset: Option<u64>,
    },

    /// They use a part of the format that is not supported.
    #[error("unsupported {format}: {message}")]
    Unsupported {
        /// The format's name.
        format: &'static str,
        /// What part that is.
        message: String,
    },
}

impl DecodeError {
    /// A short, fixed name of the reason, for metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Empty => "empty_file",
            Self::UnknownFormat { .. } => "unknown_format",
            Self::Truncated { .. } => "truncated",
            Self::NoPixels { .. } | Self::TooLarge { .. } => "size",
            Self::Corrupt { .. } => "corrupt",
            Self::Unsupported { .. } => "unsupported",
        }
    }

    /// Where in the file decoding failed, in bytes from its start, where that is known: the length of a file
    /// that is cut short; in a corrupt one the marker, chunk or strip at fault, or how far the decoder came.
    pub const fn offset(&self) -> Option<u64> {
        match self {
            Self::Truncated { bytes, .. } => Some(*bytes as u64),
            Self::Corrupt { offset, .. } => *offset,
            _ => None,
        }
    }

    /// `format` breaks its rules at byte `at`.
    pub(super) fn corrupt(format: FileFormat, at: usize, message: impl Into<String>) -> Self {
        Self::Corrupt { format: format.name(), message: message.into(), offset: Some(at as u64) }
    }

    /// `bytes` are not all of it.
    pub(super) fn truncated(format: FileFormat, bytes: &[u8]) -> Self {
        Self::Truncated { format: format.name(), bytes: bytes.len() }
    }

    pub(super) fn unsupported(format: FileFormat, message: impl Into<String>) -> Self {
        Self::Unsupported { format: format.name(), message: message.into() }
    }
}

/// A place in a message.
struct At(Option<u64>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |offset| write!(f, " at byte {offset}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_where() {
        let error = DecodeError::corrupt(FileFormat::Gif, 17, "no palette");
        assert_eq!(error.to_string(), "corrupt GIF data at byte 17: no palette");
        assert_eq!(error.offset(), Some(17));
        let error = DecodeError::Corrupt { format: "PNG", message: "no".to_owned(), offset: None };
        assert_eq!(error.to_string(), "corrupt PNG data: no");
        assert_eq!(DecodeError::truncated(FileFormat::Png, b"abc").offset(), Some(3));
    }
}
