//! What is asked for.

use std::path::PathBuf;

use anyhow::Result;
use serde::Deserialize;
use xfer_benches::{Augmentation, generator};
use xfer_loader::{DirectoryOptions, Flow, FlowOptions, LoaderOptions, Preprocessing};

/// One line of standard input.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Job {
    pub(crate) what: What,
    data: PathBuf,
    interpolation: String,
    /// `exact` or `scaled`.
    decode: String,
    augment: bool,
    /// Side of an image, in pixels, and images of a batch.
    size: usize,
    batch: usize,
    threads: usize,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What {
    /// A pass that is timed.
    Pass,
    /// A pass whose memory is watched.
    Memory,
    /// One image after another, by one thread.
    Latency,
}

impl Job {
    pub(crate) fn flow(&self) -> Result<Flow> {
        let options = FlowOptions {
            target_size: (self.size, self.size),
            batch_size: self.batch,
            interpolation: self.interpolation.parse()?,
            decode_scale: self.decode.parse()?,
            ..FlowOptions::default()
        };
        let augmentation = if self.augment { Augmentation::All } else { Augmentation::None };
        let generator = generator(augmentation, Preprocessing::Caffe);
        Ok(generator.flow_from_directory(&self.data, &DirectoryOptions::default(), options)?)
    }

    pub(crate) fn loader(&self) -> LoaderOptions {
        LoaderOptions { threads: self.threads, name: "bench", ..LoaderOptions::default() }
    }
}
