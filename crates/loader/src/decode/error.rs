//! Why bytes are not an image.

use super::MAX_PIXELS;

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
    #[error("corrupt {format} data: {message}")]
    Corrupt {
        /// The format's name.
        format: &'static str,
        /// The decoder's words.
        message: String,
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

    /// Where in the file decoding failed, in bytes, as far as that is known.
    pub const fn offset(&self) -> Option<u64> {
        match self {
            Self::Truncated { bytes, .. } => Some(*bytes as u64),
            _ => None,
        }
    }
}
