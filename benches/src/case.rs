//! One thing that is measured, by name.

use std::fmt;

use anyhow::{Result, bail};

use crate::{Photos, passes, stages};

/// Every case: the stage, the photos, and how.
pub const NAMES: [&str; 27] = [
    "read/web",
    "read/phone",
    "decode/small/exact",
    "decode/web/exact",
    "decode/web/nearest",
    "decode/web/progressive",
    "decode/web/png",
    "decode/phone/exact",
    "decode/phone/nearest",
    "decode/phone/scaled",
    "decode/phone/progressive",
    "resize/small/bilinear",
    "resize/web/nearest",
    "resize/web/bilinear",
    "resize/web/bicubic",
    "resize/phone/nearest",
    "resize/phone/bilinear",
    "resize/phone/bicubic",
    "standardize/224x224/none",
    "standardize/224x224/caffe",
    "standardize/224x224/tf",
    "pass/small/nearest",
    "pass/web/nearest",
    "pass/web/bilinear",
    "pass/web/warped",
    "pass/web/augmented",
    "pass/web/u8",
];

/// Something that can be done again and again, with warm buffers.
pub struct Case {
    /// Images that one run takes.
    pub images: usize,
    /// Pixels of all of them, as they are before the stage.
    pub pixels: usize,
    /// Bytes of all of them: those of files where files are read or decoded.
    pub bytes: usize,
    run: Box<dyn FnMut() -> Result<()>>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { images, pixels, bytes, .. } = self;
        write!(f, "Case({images} images, {pixels} pixels, {bytes} bytes)")
    }
}

impl Case {
    /// The case called `name`, one of [`NAMES`]; passes with so many `threads`.
    ///
    /// # Errors
    ///
    /// There is no such case, or a photo that it needs cannot be read.
    pub fn new(name: &str, photos: &Photos, threads: usize) -> Result<Self> {
        let parts: Vec<_> = name.split('/').collect();
        match parts[..] {
            ["read", corpus] => stages::read(photos, corpus),
            ["decode", corpus, how] => stages::decode(photos, corpus, how),
            ["resize", corpus, interpolation] => stages::resize(photos, corpus, interpolation.parse()?),
            ["standardize", _, preprocessing] => stages::standardize(photos, preprocessing.parse()?),
            ["pass", corpus, how] => passes::pass(photos, corpus, how, threads),
            _ => bail!("no case is called {name}"),
        }
    }

    pub(crate) fn of(images: usize, pixels: usize, bytes: usize, run: impl FnMut() -> Result<()> + 'static) -> Self {
        Self { images, pixels, bytes, run: Box::new(run) }
    }

    /// Does it once.
    ///
    /// # Errors
    ///
    /// A stage fails.
    pub fn run(&mut self) -> Result<()> {
        (self.run)()
    }
}
