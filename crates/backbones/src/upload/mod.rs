//! Batches on their way to the device and features on their way back, while it computes.
//!
//! On CUDA a batch passes through a slot of a [`ring`]: bytes that the device's copy engine reads without the
//! processor (pinned memory), their counterpart on the device, and pinned memory for the features. Pixels go up as they
//! were decoded, a quarter of what floats would be, and are preprocessed on the device. Copies up run in a stream of
//! their own beside the network; the network and the copy back run in libtorch's. While the program waits for the
//! features of one batch, the next ones are queued behind it, and the device goes on.
//!
//! Streams, events and pinned memory are CUDA's own functions ([`runtime`]): libtorch's C++ classes for them are behind
//! no interface that a program in another language could count on, and they are thin covers of these. Where the functions
//! are not to be found, and on the CPU, a batch is computed when it is handed in: callers have one path.

mod cuda;
mod ring;
mod runtime;

use std::collections::VecDeque;

use crate::backbone::{Backbone, Features, ImageBatch};
use crate::error::BackboneError;

use cuda::CudaQueue;
use ring::{Job, Ring};
use runtime::Runtime;

/// Batches of a backbone, handed in ahead of their features.
///
/// Features come back in the order of the batches, each batch's own error in its place.
///
/// ```no_run
/// # fn main() -> Result<(), xfer_backbones::BackboneError> {
/// # let backbone: xfer_backbones::Backbone = unimplemented!();
/// # let batches: Vec<xfer_backbones::ImageBatch<'static>> = Vec::new();
/// let mut pipeline = backbone.pipeline()?;
/// let mut batches = batches.into_iter();
/// loop {
///     // First what keeps the device busy, then what waits for it.
///     while !pipeline.is_full()
///         && let Some(batch) = batches.next()
///     {
///         pipeline.submit(batch)?;
///     }
///     let Some(features) = pipeline.collect() else { break };
///     println!("{} vectors", features?.rows);
/// }
/// # Ok(())
/// # }
/// ```
///
/// Dropping it waits for what is under way.
#[derive(Debug)]
pub struct Pipeline<'b> {
    backbone: &'b Backbone,
    lane: Lane<'b>,
}

#[derive(Debug)]
enum Lane<'b> {
    /// Computed when handed in.
    Plain(VecDeque<Result<Features, BackboneError>>),
    Ring(Ring<CudaQueue<'b>>),
}

/// Slots of the ring: one batch computes, one is up or on its way, one is being filled.
const SLOTS: usize = 3;

impl<'b> Pipeline<'b> {
    pub(crate) fn new(backbone: &'b Backbone) -> Result<Self, BackboneError> {
        let lane = match (backbone.device(), Runtime::loaded()) {
            (crate::Device::Cuda(index), Ok(runtime)) => {
                Lane::Ring(Ring::new(CudaQueue::new(backbone, runtime, index)?, SLOTS))
            }
            _ => Lane::Plain(VecDeque::new()),
        };
        Ok(Self { backbone, lane })
    }

    /// Takes a batch; its bytes have been copied when this returns. Where the pipeline [is full](Self::is_full), it waits
    /// for the oldest batch first, whose features are kept until they are collected.
    ///
    /// # Errors
    /// When the shape does not fit the pixels or the architecture; nothing was taken then. What fails later is told by
    /// [`collect`](Self::collect), in the batch's place.
    pub fn submit(&mut self, batch: ImageBatch<'_>) -> Result<(), BackboneError> {
        match &mut self.lane {
            Lane::Plain(done) => {
                if batch.shape[0] > 0 {
                    self.backbone.size(batch)?;
                }
                done.push_back(self.backbone.forward(batch));
            }
            Lane::Ring(ring) if batch.shape[0] == 0 => ring.skip(Features { values: Vec::new(), rows: 0 }),
            Lane::Ring(ring) => ring.submit(&Job::new(self.backbone, batch)?),
        }
        Ok(())
    }

    /// Waits for the oldest batch that has not been collected, and gives its features; `None` where there is none.
    pub fn collect(&mut self) -> Option<Result<Features, BackboneError>> {
        match &mut self.lane {
            Lane::Plain(done) => done.pop_front(),
            Lane::Ring(ring) => ring.collect(),
        }
    }

    /// Whether it is time to collect: another batch would have to wait for the oldest one.
    pub fn is_full(&self) -> bool {
        self.len() >= self.depth()
    }

    /// Batches that were submitted and not collected.
    pub fn len(&self) -> usize {
        match &self.lane {
            Lane::Plain(done) => done.len(),
            Lane::Ring(ring) => ring.len(),
        }
    }

    /// Whether every batch has been collected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many batches may be under way: 1 where they are computed when handed in.
    pub fn depth(&self) -> usize {
        match &self.lane {
            Lane::Plain(_) => 1,
            Lane::Ring(ring) => ring.slots(),
        }
    }
}

#[cfg(test)]
mod tests;
