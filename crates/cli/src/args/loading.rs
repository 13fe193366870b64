//! How photos are read, augmented and split: what the verbs that load photos share.

use std::time::Duration;

use xfer_loader::{Alpha, DecodeOptions, DecodeScale, Depth16, ErrorBudget, ExifOrientation, OnError};

use super::values;

/// What of a photo's file is heeded.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Photos")]
pub(crate) struct PhotoArgs {
    /// EXIF orientation: `ignore` it, as Keras does, or `apply` it
    #[arg(long, value_name = "WHAT", default_value_t = ExifOrientation::default())]
    exif: ExifOrientation,

    /// 16 bits a channel: `clip` grey at 255, as Pillow does, or `scale` it
    #[arg(long, value_name = "WHAT", default_value_t = Depth16::default())]
    depth16: Depth16,

    /// Transparency: `drop` it, as Keras does, or put the photo on a colour such as `#ffffff`
    #[arg(long, value_name = "WHAT", default_value_t = Alpha::default())]
    alpha: Alpha,

    /// Large JPEG photos: `exact` pixels, or `scaled`: decoded at a fraction of their size where the resize filter shrinks
    /// them by more anyway, less than a level off and much faster; `auto` is scaled but for --compat keras3
    #[arg(long, value_name = "HOW", default_value_t = DecodeScale::default())]
    pub(crate) decode: DecodeScale,
}

impl PhotoArgs {
    pub(crate) fn decode_options(&self) -> DecodeOptions {
        DecodeOptions { exif: self.exif, depth16: self.depth16, alpha: self.alpha, ..DecodeOptions::default() }
    }
}

/// What is done about photos that fail.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Failures")]
pub(crate) struct FailureArgs {
    /// A file that cannot be read or decoded: `fail`, `skip` it, or `replace` it by another of its class
    #[arg(long, value_name = "WHAT", default_value_t = OnError::default())]
    pub(crate) on_error: OnError,

    /// How many files may be skipped or replaced: a number, or a share such as 5%
    #[arg(long, value_name = "FILES", default_value_t = ErrorBudget::default())]
    pub(crate) error_budget: ErrorBudget,

    /// Seconds that reading or decoding one file may take before the run ends; 0: any time
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = values::seconds)]
    stall_timeout: Duration,
}

impl FailureArgs {
    pub(crate) fn stall_timeout(&self) -> Option<Duration> {
        (!self.stall_timeout.is_zero()).then_some(self.stall_timeout)
    }
}
