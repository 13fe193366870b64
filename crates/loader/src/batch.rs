//! Batches, and the buffers that they come in.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

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
    pub(crate) sample_indices: Vec<usize>,
    pub(crate) labels: Vec<u32>,
    pub(crate) source: Arc<Index>,
    pub(crate) buffer: PooledBuffer,
}

impl Batch {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.sample_indices.len()
    }

    /// Whether there are none, as when [`OnError::Skip`](crate::OnError::Skip) had to leave out every sample.
    pub fn is_empty(&self) -> bool {
        self.sample_indices.is_empty()
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
            PixelType::U8 => Pixels::U8(&self.buffer.bytes),
            PixelType::F32 => Pixels::F32(bytemuck::cast_slice(&self.buffer.bytes)),
        }
    }

    /// The class of each sample; empty where samples have no single class.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// What Keras' iterator yields beside the pixels, by the [`ClassMode`](crate::ClassMode) of the flow.
    pub fn targets(&self) -> BatchTargets<'_> {
        BatchTargets::of(&self.source, &self.sample_indices, self.pixels())
    }

    /// What each sample counts for in the loss, `[samples]`, where the table has a column for it.
    pub fn weights(&self) -> Option<Vec<f32>> {
        let weights = self.source.weights()?;
        Some(self.sample_indices.iter().map(|&sample| weights[sample]).collect())
    }

    /// Each sample's place in the index of its [`Flow`](crate::Flow).
    pub fn sample_indices(&self) -> &[usize] {
        &self.sample_indices
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("epoch", &self.epoch)
            .field("index", &self.index)
            .field("shape", &self.shape())
            .field("pixel_type", &self.shape.pixel_type)
            .field("labels", &self.labels)
            .field("sample_indices", &self.sample_indices)
            .finish_non_exhaustive()
    }
}

/// Buffers of one size, used again and again.
#[derive(Debug)]
pub(crate) struct BufferPool {
    capacity: usize,
    /// How many wait for their next use at most; more are freed.
    keep: usize,
    free: Mutex<Vec<BytesMut>>,
}

/// `f32` values are read from buffers, which therefore begin at a multiple of their size.
const ALIGNMENT: usize = align_of::<f32>();

impl BufferPool {
    pub(crate) fn new(capacity: usize, keep: usize) -> Arc<Self> {
        Arc::new(Self { capacity, keep, free: Mutex::new(Vec::new()) })
    }

    /// An aligned buffer of `len` bytes, of unspecified content.
    pub(crate) fn take(&self, len: usize) -> BytesMut {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffer = free.unwrap_or_else(|| aligned(self.capacity));
        buffer.resize(len, 0);
        buffer
    }

    fn give_back(&self, buffer: BytesMut) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < self.keep && buffer.capacity() >= self.capacity {
            free.push(buffer);
        }
    }
}

fn aligned(capacity: usize) -> BytesMut {
    let mut buffer = BytesMut::zeroed(capacity + ALIGNMENT);
    let offset = buffer.as_ptr().align_offset(ALIGNMENT);
    drop(buffer.split_to(offset));
    buffer.truncate(capacity);
    buffer
}

/// A buffer that returns to its pool when it is dropped.
#[derive(Debug)]
pub(crate) struct PooledBuffer {
    bytes: BytesMut,
    pool: Arc<BufferPool>,
}

impl PooledBuffer {
    pub(crate) fn new(bytes: BytesMut, pool: Arc<BufferPool>) -> Self {
        Self { bytes, pool }
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_rejoin_without_a_copy_and_the_buffer_is_used_again() {
        let pool = BufferPool::new(12, 1);
        let mut rest = pool.take(12);
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
        drop(rest);
        drop(PooledBuffer::new(whole, Arc::clone(&pool)));
        assert_eq!(pool.take(8).as_ptr(), address, "used again");
    }

    #[test]
    fn buffers_hold_floats() {
        for capacity in [4, 64, 4096, 1 << 20] {
            let pool = BufferPool::new(capacity, 2);
            let buffer = pool.take(capacity);
            assert!(bytemuck::try_cast_slice::<u8, f32>(&buffer).is_ok());
        }
    }

    #[test]
    fn a_pool_keeps_no_more_than_it_may() {
        let pool = BufferPool::new(16, 1);
        let buffers: Vec<PooledBuffer> = (0..3).map(|_| PooledBuffer::new(pool.take(16), Arc::clone(&pool))).collect();
        drop(buffers);
        assert_eq!(pool.free.lock().unwrap().len(), 1);
    }
}
