//! One image from a file's bytes to its place in a batch.

use std::sync::Arc;
use std::time::Instant;

use super::draws::Draw;
use crate::augment::{Warper, apply_after_warp, flip_horizontal, flip_vertical};
use crate::batch::{Layout, PixelType, SampleShape};
use crate::decode::{Decoder, Image};
use crate::error::{LoaderError, Stage};
use crate::flow::Flow;
use crate::metrics::Meters;
use crate::report::Notes;
use crate::resize::Resizer;
use crate::stages::{resize_deep, resize_levels};
use crate::standardize::{StandardizeError, StandardizeScratch};

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
    meters: Arc<Meters>,
    decoder: Decoder,
    resizer: Resizer,
    warper: Warper,
    standardize: StandardizeScratch,
    /// The resized image, HWC, where it is not resized into its slot.
    resized: Vec<u8>,
    deep: Vec<i32>,
    /// The resized image in single precision, HWC, where it is not a whole number of 8 bits.
    floats: Vec<f32>,
    /// The finished image, HWC, where its slot has another layout.
    finished: Vec<f32>,
    /// The largest picture that the buffers have grown for, and the largest of the last ones, in pixels.
    grown: usize,
    peak: usize,
}

/// Buffers that have grown for a picture so many times larger than the last ones are let go.
const OUTLIER: usize = 4;

impl Processor {
    pub(super) fn new(flow: &Flow, meters: &Arc<Meters>) -> Self {
        Self {
            flow: flow.clone(),
            meters: Arc::clone(meters),
            decoder: Decoder::default(),
            resizer: Resizer::default(),
            warper: Warper::default(),
            standardize: StandardizeScratch::default(),
            resized: Vec::new(),
            deep: Vec::new(),
            floats: Vec::new(),
            finished: Vec::new(),
            grown: 0,
            peak: 0,
        }
    }

    /// Fills `out`, a slot, with `sample`, the image in `file`, augmented as `draw` says. Tells `enter` each stage that
    /// begins.
    pub(super) fn process(
        &mut self,
        file: &[u8],
        sample: usize,
        draw: Draw,
        out: &mut [u8],
        mut enter: impl FnMut(Stage),
    ) -> Result<Remarks, LoaderError> {
        let meters = Arc::clone(&self.meters);
        let mut clock = Instant::now();
        let mut leave = |stage| {
            let now = Instant::now();
            meters.stage(stage, now - clock);
            clock = now;
        };
        enter(Stage::Decode);
        self.shrink();
        let decoded = self.decoder.decode_for(file, &self.flow.options().decode, &self.flow.wanted());
        decoded.map_err(|source| LoaderError::Decode { path: self.flow.source().path(sample), source })?;
        self.count_picture();
        leave(Stage::Decode);

        let shape = self.flow.options().sample_shape();
        let transform = &draw.transform;
        let remarks = remarks(self.decoder.image());
        if transform.is_flips_only() && self.decoder.image().deep.is_none() {
            enter(Stage::Resize);
            let direct = shape.pixel_type == PixelType::U8 && shape.layout == Layout::Nhwc;
            let mut resized = std::mem::take(&mut self.resized);
            resized.resize(if direct { 0 } else { shape.values() }, 0);
            let target = if direct { &mut *out } else { &mut resized[..] };
            self.resize(sample, target)?;
            if transform.flip_horizontal {
                flip_horizontal(target, shape.width, shape.channels);
            }
            if transform.flip_vertical {
                flip_vertical(target, shape.width * shape.channels);
            }
            leave(Stage::Resize);
            if !direct {
                enter(Stage::Standardize);
                self.finish_levels(&resized, sample, shape, out)?;
                leave(Stage::Standardize);
            }
            self.resized = resized;
        } else {
            enter(Stage::Resize);
            self.resize_any(sample, shape)?;
            leave(Stage::Resize);
            enter(Stage::Augment);
            self.warp(&draw, shape);
            leave(Stage::Augment);
            enter(Stage::Standardize);
            self.finish_floats(sample, shape, out)?;
            leave(Stage::Standardize);
        }
        if let Some(save_to) = &self.flow.options().save_to {
            enter(Stage::Save);
            let values = values(out, shape);
            save_to.save(&values, (shape.height, shape.width, shape.channels), (sample, draw.file_hash))?;
            leave(Stage::Save);
        }
        Ok(remarks)
    }

    /// Remembers how large pictures are.
    fn count_picture(&mut self) {
        let (height, width) = self.decoder.image().picture;
        self.grown = self.grown.max(height * width);
        self.peak = (self.peak - self.peak / 64).max(height * width);
    }

    /// Lets go of what an outlier among the pictures left behind, some hundred pictures later.
    fn shrink(&mut self) {
        if self.grown > OUTLIER * self.peak.max(1 << 18) {
            (self.decoder, self.resizer) = (Decoder::default(), Resizer::default());
            self.grown = self.peak;
        }
    }

    /// The decoded image of 8 bits a channel, resized into `out`.
    fn resize(&mut self, sample: usize, out: &mut [u8]) -> Result<(), LoaderError> {
        let resized = resize_levels(self.decoder.image(), self.flow.options(), &mut self.resizer, out);
        resized.ok_or_else(|| self.nothing_left(sample))
    }

    /// The decoded image, resized into [`resized`](Self::resized), or into [`floats`](Self::floats) where it is deep.
    fn resize_any(&mut self, sample: usize, shape: SampleShape) -> Result<(), LoaderError> {
        let mut resized = std::mem::take(&mut self.resized);
        resized.resize(shape.values(), 0);
        let image = self.decoder.image();
        if image.deep.is_some() {
            self.deep.resize(shape.values(), 0);
            let done = resize_deep(image, self.flow.options(), &mut self.resizer, &mut self.deep);
            done.ok_or_else(|| self.nothing_left(sample))?;
        } else {
            self.resize(sample, &mut resized)?;
        }
        self.resized = resized;
        Ok(())
    }

    /// The resized image, augmented, in [`floats`](Self::floats).
    fn warp(&mut self, draw: &Draw, shape: SampleShape) {
        let generator = self.flow.generator();
        let size = (shape.height, shape.width, shape.channels);
        let affine = draw.transform.affine((shape.height, shape.width), generator.compat);
        let is_deep = self.decoder.image().deep.is_some();
        self.floats.resize(shape.values(), 0.0);
        let (fill, cval, order) = (generator.fill_mode, generator.cval, generator.interpolation_order);
        match affine {
            Some(affine) if is_deep => {
                self.finished.clear();
                self.finished.extend(self.deep.iter().map(|&value| value as f32));
                self.warper.warp(&self.finished, size, &affine, fill, cval, order, &mut self.floats);
            }
            Some(affine) => self.warper.warp(&self.resized, size, &affine, fill, cval, order, &mut self.floats),
            None if is_deep => copy(&self.deep, &mut self.floats, |value| value as f32),
            None => copy(&self.resized, &mut self.floats, f32::from),
        }
        apply_after_warp(&draw.transform, &mut self.floats, size);
    }

    /// An image of whole numbers of 8 bits to its slot.
    fn finish_levels(
        &mut self,
        levels: &[u8],
        sample: usize,
        shape: SampleShape,
        out: &mut [u8],
    ) -> Result<(), LoaderError> {
        let Self { flow, standardize, finished, .. } = self;
        let standardization = flow.generator().standardization();
        let image_shape = shape.image();
        let standardized = match (shape.pixel_type, shape.layout) {
            (PixelType::U8, Layout::Nhwc) => {
                out.copy_from_slice(levels);
                Ok(())
            }
            (PixelType::U8, Layout::Nchw) => {
                to_channels_first(levels, out, shape.channels);
                Ok(())
            }
            (PixelType::F32, Layout::Nhwc) => {
                standardization.standardize_levels(levels, bytemuck::cast_slice_mut(out), image_shape, standardize)
            }
            (PixelType::F32, Layout::Nchw) => {
                finished.resize(shape.values(), 0.0);
                let standardized = standardization.standardize_levels(levels, finished, image_shape, standardize);
                to_channels_first(finished, bytemuck::cast_slice_mut(out), shape.channels);
                standardized
            }
        };
        standardized.map_err(|error| self.not_standardized(sample, error))
    }

    /// What is in [`floats`](Self::floats) to its slot.
    fn finish_floats(&mut self, sample: usize, shape: SampleShape, out: &mut [u8]) -> Result<(), LoaderError> {
        let Self { flow, standardize, floats, resized, .. } = self;
        let standardized = flow.generator().standardization().standardize(floats, shape.image(), standardize);
        match (shape.pixel_type, shape.layout) {
            (PixelType::F32, Layout::Nhwc) => bytemuck::cast_slice_mut(out).copy_from_slice(floats),
            (PixelType::F32, Layout::Nchw) => {
                to_channels_first(floats, bytemuck::cast_slice_mut(out), shape.channels);
            }
            (PixelType::U8, layout) => {
                let level = |value: f32| value.round().clamp(0.0, 255.0) as u8;
                if layout == Layout::Nhwc {
                    copy(floats, out, level);
                } else {
                    copy(floats, resized, level);
                    to_channels_first(resized, out, shape.channels);
                }
            }
        }
        standardized.map_err(|error| self.not_standardized(sample, error))
    }

    fn nothing_left(&self, sample: usize) -> LoaderError {
        let image = self.decoder.image();
        LoaderError::NothingLeft {
            path: self.flow.source().path(sample),
            size: image.picture,
            target: self.flow.options().target_size,
        }
    }

    fn not_standardized(&self, sample: usize, source: StandardizeError) -> LoaderError {
        LoaderError::Standardize { path: self.flow.source().path(sample), source }
    }
}

fn remarks(image: &Image) -> Remarks {
    Remarks { rotated: image.orientation > 1 && !image.turned, clipped: image.clipped }
}

fn copy<T: Copy, U>(from: &[T], to: &mut [U], convert: impl Fn(T) -> U) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = convert(from);
    }
}

/// HWC to CHW.
fn to_channels_first<T: Copy>(pixels: &[T], out: &mut [T], channels: usize) {
    for (channel, plane) in out.chunks_exact_mut(pixels.len() / channels).enumerate() {
        for (out, pixel) in plane.iter_mut().zip(pixels.chunks_exact(channels)) {
            *out = pixel[channel];
        }
    }
}

/// The finished image in a slot, HWC.
fn values(slot: &[u8], shape: SampleShape) -> Vec<f32> {
    let values: Vec<f32> = match shape.pixel_type {
        PixelType::U8 => slot.iter().map(|&value| value.into()).collect(),
        PixelType::F32 => bytemuck::cast_slice(slot).to_vec(),
    };
    match shape.layout {
        Layout::Nhwc => values,
        Layout::Nchw => {
            let plane = shape.height * shape.width;
            (0..values.len()).map(|at| values[at % shape.channels * plane + at / shape.channels]).collect()
        }
    }
}
