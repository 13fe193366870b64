//! Batches, and the buffers that they come in.

use std::fmt;
use std::sync::{Arc, Weak};

use bytes::BytesMut;

use crate::source::Index;
use crate::standardize::ImageShape;
use crate::targets::BatchTargets;

/// What a batch's pixels are stored as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PixelType {
    /// `0..=255`, one byte a value; only where nothing standardises. What a warp interpolates is rounded, and what is
    /// beyond 0 or 255 clipped.
    U8,
    /// Levels `0.0..=255.0`, or what the standardisation makes of them; four bytes a value.
    #[default]
    F32,
}

/// The order of a batch's axes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// `[samples, height, width, channels]`: Keras' `channels_last`, and its default.
    #[default]
    Nhwc,
    /// `[samples, channels, height, width]`: Keras' `channels_first`, and PyTorch's order.
    Nchw,
}

impl PixelType {
    pub(crate) const fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::F32 => 4,
        }
    }
}

/// The pixels of a batch, contiguous, in the [`Layout`] that was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pixels<'a> {
    /// `0..=255`.
    U8(&'a [u8]),
    /// What the standardisation made of that.
    F32(&'a [f32]),
}

/// Size of a sample: height and width in pixels, and channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SampleShape {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) layout: Layout,
    pub(crate) pixel_type: PixelType,
}

impl SampleShape {
    /// Values of one sample.
    pub(crate) const fn values(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// The size of one image, whatever its layout.
    pub(crate) const fn image(&self) -> ImageShape {
        ImageShape { height: self.height, width: self.width, channels: self.channels }
    }

    /// Bytes of one sample.
    pub(crate) const fn bytes(&self) -> usize {
        self.values() * self.pixel_type.size()
    }
}

/// Samples that are trained on together. Its buffer returns to the loader when it is dropped.
pub struct Batch {
    /// The pass over the data that it belongs to, from 0.
    pub epoch: u64,
    /// Its place in that pass, from 0.
    pub index: usize,
    pub(crate) shape: SampleShape,
    pub(crate) source: Arc<Index>,
    pub(crate) parts: BatchParts,
    pub(crate) home: Weak<dyn Home>,
}

/// The memory of a batch, used again and again.
#[derive(Debug, Default)]
pub(crate) struct BatchParts {
    /// The pixels, aligned for their type.
    pub(crate) bytes: BytesMut,
    pub(crate) sample_indices: Vec<usize>,
    pub(crate) labels: Vec<u32>,
}

/// Where the memory of a batch returns to when it is dropped.
pub(crate) trait Home: fmt::Debug + Send + Sync {
    /// Takes the memory of a batch that was dropped.
    fn take_back(&self, parts: BatchParts);
}

impl BatchParts {
    /// Room for the pixels of a batch, and for what is known of its samples.
    pub(crate) fn new(samples: usize, bytes: usize) -> Self {
        Self { bytes: aligned(bytes), sample_indices: Vec::with_capacity(samples), labels: Vec::with_capacity(samples) }
    }
}

/// Buffers begin at a cache line, and so at a multiple of the size of an `f32`.
const ALIGNMENT: usize = 64;

fn aligned(capacity: usize) -> BytesMut {
    let mut buffer = BytesMut::zeroed(capacity + ALIGNMENT);
    let offset = buffer.as_ptr().align_offset(ALIGNMENT);
    drop(buffer.split_to(offset));
    buffer.truncate(capacity);
    buffer
}

impl Batch {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.parts.sample_indices.len()
    }

    /// Whether there are none, as when [`OnError::Skip`](crate::OnError::Skip) had to leave out every sample.
    pub fn is_empty(&self) -> bool {
        self.parts.sample_indices.is_empty()
    }

    /// `[samples, height, width, channels]`, or `[samples, channels, height, width]` in [`Layout::Nchw`].
    pub fn shape(&self) -> [usize; 4] {
        let SampleShape { height, width, channels, layout, .. } = self.shape;
        match layout {
            Layout::Nhwc => [self.len(), height, width, channels],
            Layout::Nchw => [self.len(), channels, height, width],
        }
    }

    /// The pixels, contiguous, in the order of [`shape`](Self::shape).
    pub fn pixels(&self) -> Pixels<'_> {
        match self.shape.pixel_type {
            PixelType::U8 => Pixels::U8(&self.parts.bytes),
            PixelType::F32 => Pixels::F32(bytemuck::cast_slice(&self.parts.bytes)),
        }
    }

    /// The class of each sample; empty where samples have no single class.
    pub fn labels(&self) -> &[u32] {
        &self.parts.labels
    }

    /// What Keras' iterator yields beside the pixels, by the [`ClassMode`](crate::ClassMode) of the flow.
    pub fn targets(&self) -> BatchTargets<'_> {
        BatchTargets::of(&self.source, &self.parts.sample_indices, self.pixels())
    }

    /// What each sample counts for in the loss, `[samples]`, where the table has a column for it.
    pub fn weights(&self) -> Option<Vec<f32>> {
        let weights = self.source.weights()?;
        Some(self.parts.sample_indices.iter().map(|&sample| weights[sample]).collect())
    }

    /// Each sample's place in the index of its [`Flow`](crate::Flow).
    pub fn sample_indices(&self) -> &[usize] {
        &self.parts.sample_indices
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("epoch", &self.epoch)
            .field("index", &self.index)
            .field("shape", &self.shape())
            .field("pixel_type", &self.shape.pixel_type)
            .field("labels", &self.parts.labels)
            .field("sample_indices", &self.parts.sample_indices)
            .finish_non_exhaustive()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(home) = self.home.upgrade() {
            home.take_back(std::mem::take(&mut self.parts));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_rejoin_without_a_copy() {
        let mut rest = BatchParts::new(3, 12).bytes;
        let address = rest.as_ptr();
        let mut slots: Vec<BytesMut> = (0..3).map(|_| rest.split_to(4)).collect();
        for (slot, value) in slots.iter_mut().zip(1..) {
            slot.fill(value);
        }
        let mut slots = slots.into_iter();
        let mut whole = slots.next().unwrap();
        slots.for_each(|slot| whole.unsplit(slot));
        assert_eq!(&whole[..], [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
        assert_eq!(whole.as_ptr(), address, "joined in place");
    }

    #[test]
    fn buffers_hold_floats() {
        for capacity in [4, 64, 4096, 1 << 20] {
            let buffer = BatchParts::new(1, capacity).bytes;
            assert_eq!(buffer.len(), capacity);
            assert!(bytemuck::try_cast_slice::<u8, f32>(&buffer).is_ok());
        }
    }
}
