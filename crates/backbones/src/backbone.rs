//! A frozen network on a device: images in, features out.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::architecture::Architecture;
use crate::device::Device;
use crate::error::BackboneError;
use crate::forward::Prepared;
use crate::layers::Graph;
use crate::plan::{BatchNorm, Plan, Target};
use crate::precision::Precision;
use crate::upload::Pipeline;
use crate::weights::{BatchNormStatistics, Weights};

/// The pixels of a batch, NHWC, three channels.
#[derive(Debug, Clone, Copy)]
pub enum PixelData<'a> {
    /// RGB, 0..255, as decoded; the backbone preprocesses them on its device.
    U8(&'a [u8]),
    /// Already preprocessed as [`Architecture::preprocessing`] says (BGR for `caffe`).
    F32(&'a [f32]),
}

impl PixelData<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::U8(pixels) => pixels.len(),
            Self::F32(pixels) => pixels.len(),
        }
    }

    /// The values of this range, which lies inside.
    pub(crate) fn slice(self, range: Range<usize>) -> Self {
        match self {
            Self::U8(pixels) => Self::U8(&pixels[range]),
            Self::F32(pixels) => Self::F32(&pixels[range]),
        }
    }
}

/// A batch of images, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct ImageBatch<'a> {
    /// The values, row-major.
    pub pixels: PixelData<'a>,
    /// Images, height, width, channels; channels are 3.
    pub shape: [usize; 4],
}

/// Feature vectors, row-major `[rows, Architecture::FEATURES]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// The values.
    pub values: Vec<f32>,
    /// Number of vectors: one for each image, in the order of the batch.
    pub rows: usize,
}

/// Where the time of a batch went, of the clock on the wall.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ForwardTime {
    /// Pixels to the device, in the form that the network takes them in.
    pub upload: Duration,
    /// The rest: the network.
    pub forward: Duration,
}

impl Features {
    /// The vectors, one by one.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(Architecture::FEATURES)
    }
}

/// A frozen ResNet50 or Xception with its weights on a device.
///
/// It keeps the [`Weights`] it was made from (a clone shares them), so that batch-norm statistics can be changed.
#[derive(Debug)]
pub struct Backbone {
    pub(crate) weights: Weights,
    pub(crate) graph: Graph,
    pub(crate) epsilon: f64,
    device: Device,
    pub(crate) torch_device: tch::Device,
    pub(crate) precision: Precision,
    /// Made with the first batch.
    pub(crate) prepared: Mutex<Option<Prepared>>,
}

impl Backbone {
    /// A backbone on `device`, in f32. `bn_epsilon` takes the place of the epsilon that belongs to the weights' layout.
    ///
    /// Weights are laid out for the device with the first batch, for images of its size; a batch of another size has it
    /// done again.
    ///
    /// # Errors
    /// When the epsilon is negative or not finite, or the device is not there.
    pub fn new(weights: &Weights, bn_epsilon: Option<f64>, device: Device) -> Result<Self, BackboneError> {
        Self::with_precision(weights, bn_epsilon, device, Precision::Fp32)
    }

    /// The same in any precision.
    ///
    /// # Errors
    /// As for [`Backbone::new`], and when the device is slower in that precision than in f32.
    pub fn with_precision(
        weights: &Weights,
        bn_epsilon: Option<f64>,
        device: Device,
        precision: Precision,
    ) -> Result<Self, BackboneError> {
        let epsilon = bn_epsilon.unwrap_or_else(|| weights.epsilon());
        if !epsilon.is_finite() || epsilon < 0.0 {
            return Err(BackboneError::Setting {
                what: "batch-norm epsilon",
                value: epsilon.to_string(),
                reason: "it must be a finite number, not negative",
            });
        }
        precision.check(device)?;
        let torch_device = device.open()?;
        let graph = weights.architecture().graph();
        let prepared = Mutex::new(None);
        Ok(Self { weights: weights.clone(), graph, epsilon, device, torch_device, precision, prepared })
    }

    /// A way to hand in batches before the features of earlier ones are there, so that the device never waits for them
    /// to be handed in.
    ///
    /// # Errors
    /// When memory for copying cannot be had.
    pub fn pipeline(&self) -> Result<Pipeline<'_>, BackboneError> {
        Pipeline::new(self)
    }

    /// Which backbone this is.
    pub fn architecture(&self) -> Architecture {
        self.weights.architecture()
    }

    /// Where it runs.
    pub fn device(&self) -> Device {
        self.device
    }

    pub(crate) fn torch_device(&self) -> tch::Device {
        self.torch_device
    }

    /// Whether its convolutions take sums and rectifiers along, as libtorch's fused ones do where it has them.
    pub fn is_fused(&self) -> bool {
        self.device.has_fused_convolutions()
    }

    /// In which type it computes.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The batch-norm epsilon in use.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// The weights in use, with the batch-norm statistics as they are now.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Mean and variance of every batch norm.
    pub fn batch_norm_statistics(&self) -> BatchNormStatistics {
        self.weights.batch_norm_statistics()
    }

    /// Replaces mean and variance of the batch norms named.
    ///
    /// # Errors
    /// When a layer is unknown or its values do not fit; nothing is changed then.
    pub fn set_batch_norm_statistics(&mut self, statistics: &BatchNormStatistics) -> Result<(), BackboneError> {
        let mut weights = self.weights.clone();
        weights.set_batch_norm_statistics(statistics)?;
        self.weights = weights;
        *self.prepared.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    /// The plan with batch norms as steps of their own, in f32 always.
    pub(crate) fn separate_plan(&self) -> Result<Plan, BackboneError> {
        let target = Target::plain(self.torch_device);
        Plan::compile(&self.graph, &self.weights, self.epsilon, BatchNorm::Separate, target)
    }
}
