//! The queue of a CUDA device.

use std::ffi::c_int;

use tch::{Kind, Tensor};

use super::ring::{Job, Queue};
use super::runtime::{Event, Pinned, Runtime, Stream};
use crate::architecture::Architecture;
use crate::backbone::Backbone;
use crate::error::{BackboneError, TorchContext as _};

/// Copies up in a stream of its own; the network and the copy down in libtorch's.
#[derive(Debug)]
pub(super) struct CudaQueue<'b> {
    backbone: &'b Backbone,
    runtime: &'static Runtime,
    index: c_int,
    copies: Stream,
    compute: Stream,
    /// Of the preprocessing, on the device.
    constants: Vec<Tensor>,
}

/// Memory of one batch.
#[derive(Debug)]
pub(super) struct Slot {
    pixels: Pinned,
    on_device: Tensor,
    /// `pixels` are on the device.
    uploaded: Event,
    features: Pinned,
    /// `features` are there.
    done: Event,
    /// What is copied from; lives until then.
    pooled: Option<Tensor>,
}

const ROW_BYTES: usize = Architecture::FEATURES * size_of::<f32>();

impl<'b> CudaQueue<'b> {
    pub(super) fn new(backbone: &'b Backbone, runtime: &'static Runtime, index: usize) -> Result<Self, BackboneError> {
        let index = c_int::try_from(index)
            .map_err(|error| BackboneError::Cuda { function: "cudaSetDevice", reason: error.to_string() })?;
        runtime.set_device(index)?;
        let copies = Stream::new(runtime)?;
        let constants = backbone.architecture().preprocessing().constants(backbone.torch_device())?;
        Ok(Self { backbone, runtime, index, copies, compute: Stream::default(runtime), constants })
    }

    fn queue(&self, slot: &mut Slot, job: &Job<'_>) -> Result<(), BackboneError> {
        let length = job.bytes.len();
        // SAFETY: `fits` was asked, so that there is room on the device. Slots live, and their bytes are left alone, until
        // `done` or both streams have been waited for.
        unsafe { self.copies.copy_up(slot.on_device.data_ptr(), &slot.pixels, length) }?;
        slot.uploaded.record(&self.copies)?;
        self.compute.wait_for(&slot.uploaded)?;

        let view = || {
            let bytes = slot.on_device.f_narrow(0, 0, length as i64)?;
            let values = if job.kind == Kind::Uint8 { bytes } else { bytes.f_view_dtype(job.kind)? };
            values.f_view(job.size)
        };
        let images = view().stage(|| "loading a batch".to_owned())?;
        let nhwc = if job.kind == Kind::Uint8 {
            self.backbone.architecture().preprocessing().apply_with(&images, &self.constants)?
        } else {
            images
        };
        let _no_grad = tch::no_grad_guard();
        let pooled = self.backbone.queue(&nhwc)?;
        if pooled.size() != [job.rows as i64, Architecture::FEATURES as i64] || pooled.kind() != Kind::Float {
            let source = tch::TchError::Shape(format!("{:?} features of {} images", pooled.size(), job.rows));
            return Err(BackboneError::Torch { stage: "global average pooling".to_owned(), source });
        }
        // SAFETY: the tensor has as many bytes, dense, and lives in the slot until `done` has been waited for.
        unsafe { self.compute.copy_down(&slot.features, pooled.data_ptr(), job.rows * ROW_BYTES) }?;
        slot.pooled = Some(pooled);
        slot.done.record(&self.compute)
    }
}

impl Queue for CudaQueue<'_> {
    type Slot = Slot;

    fn allocate(&mut self, bytes: usize, rows: usize) -> Result<Slot, BackboneError> {
        self.runtime.set_device(self.index)?;
        let on_device = Tensor::f_empty([bytes as i64], (Kind::Uint8, self.backbone.torch_device()))
            .stage(|| "allocating memory for a batch".to_owned())?;
        // libtorch may give out memory that queued operations still use, since its own later ones come behind them. Copies
        // up do not.
        self.compute.synchronize()?;
        Ok(Slot {
            pixels: Pinned::new(self.runtime, bytes)?,
            on_device,
            uploaded: Event::new(self.runtime)?,
            features: Pinned::new(self.runtime, rows * ROW_BYTES)?,
            done: Event::new(self.runtime)?,
            pooled: None,
        })
    }

    fn fits(&self, slot: &Slot, bytes: usize, rows: usize) -> bool {
        bytes <= slot.pixels.len() && rows * ROW_BYTES <= slot.features.len()
    }

    fn start(&mut self, slot: &mut Slot, job: &Job<'_>) -> Result<(), BackboneError> {
        self.runtime.set_device(self.index)?;
        slot.pixels.write(job.bytes);
        let queued = self.queue(slot, job);
        if queued.is_err() {
            // Half of it may be under way.
            let _ = self.copies.synchronize();
            let _ = self.compute.synchronize();
            slot.pooled = None;
        }
        queued
    }

    fn finish(&mut self, slot: &mut Slot, rows: usize) -> Result<Vec<f32>, BackboneError> {
        // The device is done with all that came before `done`, the copy up included. A failure means that the device does
        // nothing any more.
        let waited = slot.done.synchronize();
        slot.pooled = None;
        waited?;
        // SAFETY: they were waited for.
        Ok(unsafe { slot.features.read(rows * Architecture::FEATURES) })
    }
}
