//! One image from a file's bytes to its place in a batch.

use std::time::Instant;

use super::draws::Draw;
use super::worker::Content;
use crate::augment::{flip_horizontal, flip_vertical};
use crate::batch::PixelType;
use crate::decode::Decoder;
use crate::error::{LoaderError, Stage};
use crate::flow::Flow;
use crate::metrics;
use crate::report::Notes;
use crate::resize::Resizer;

/// What is worth telling of an image that is in order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Remarks {
    pub(super) rotated: bool,
    pub(super) clipped: bool,
}

impl Remarks {
    pub(super) fn add_to(self, notes: &mut Notes) {
        notes.rotated += u64::from(self.rotated);
        notes.clipped += u64::from(self.clipped);
    }
}

/// Decodes, resizes, augments and standardises, with buffers that stay warm from one image to the next.
#[derive(Debug)]
pub(super) struct Processor {
    flow: Flow,
    name: &'static str,
    decoder: Decoder,
    resizer: Resizer,
    /// The resized image, where it is standardised into its slot.
    resized: Vec<u8>,
}

impl Processor {
    pub(super) fn new(flow: &Flow, name: &'static str) -> Self {
        Self { flow: flow.clone(), name, decoder: Decoder::default(), resizer: Resizer::default(), resized: Vec::new() }
    }

    /// Fills `out`, a slot, with `sample`, augmented as `draw` says. Tells `enter` each stage that
    /// begins.
    pub(super) fn process(
        &mut self,
        content: Content,
        sample: usize,
        draw: Draw,
        out: &mut [u8],
        mut enter: impl FnMut(Stage),
    ) -> Result<Remarks, LoaderError> {
        let options = self.flow.options();
        let generator = self.flow.generator();
        let started = Instant::now();
        enter(Stage::Decode);
        let image = self
            .decoder
            .decode(&content.bytes)
            .map_err(|source| LoaderError::Decode { path: self.flow.source().path(sample), source })?;
        drop(content);
        let decoded = Instant::now();
        metrics::stage(Stage::Decode, self.name, decoded - started);

        enter(Stage::Resize);
        let shape = options.sample_shape();
        let target = match shape.pixel_type {
            PixelType::U8 => &mut *out,
            PixelType::F32 => {
                self.resized.resize(shape.values(), 0);
                &mut self.resized[..]
            }
        };
        self.resizer.resize(
            &image.pixels,
            (image.height, image.width),
            target,
            options.target_size,
            options.interpolation,
        );
        if draw.transform.flip_horizontal {
            flip_horizontal(target, shape.width, shape.channels);
        }
        if draw.transform.flip_vertical {
            flip_vertical(target, shape.width * shape.channels);
        }
        if shape.pixel_type == PixelType::F32 {
            enter(Stage::Standardize);
            generator.preprocessing.apply(&self.resized, bytemuck::cast_slice_mut(out));
        }
        metrics::stage(Stage::Resize, self.name, decoded.elapsed());
        Ok(Remarks::default())
    }
}
