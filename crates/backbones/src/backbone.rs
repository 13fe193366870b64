//! A frozen network on a device: images in, features out.

use std::ops::Range;

use tch::{Kind, Tensor};

use crate::architecture::Architecture;
use crate::device::{self, Device};
use crate::error::{BackboneError, TorchContext as _};
use crate::layers::{Graph, Shape};
use crate::parallel::{self, Cut};
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
    fn len(&self) -> usize {
        match self {
            Self::U8(pixels) => pixels.len(),
            Self::F32(pixels) => pixels.len(),
        }
    }

    /// The values of this range, which lies inside.
    fn slice(self, range: Range<usize>) -> Self {
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
    weights: Weights,
    graph: Graph,
    epsilon: f64,
    device: Device,
    torch_device: tch::Device,
    precision: Precision,
    plan: Plan,
}

impl Backbone {
    /// Puts `weights` on `device`, in f32. `bn_epsilon` takes the place of the epsilon that belongs to the weights'
    /// layout.
    ///
    /// # Errors
    /// When the epsilon is negative or not finite, or the device is not there or has no room.
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
        let plan = fast_plan(&graph, weights, epsilon, torch_device, precision)?;
        Ok(Self { weights: weights.clone(), graph, epsilon, device, torch_device, precision, plan })
    }

    /// The features of a batch: one row for each image. They depend on the image alone, not on the others of the batch
    /// nor on the number of threads.
    ///
    /// # Errors
    /// When the shape does not fit the pixels or the architecture, or libtorch fails (no memory, for one).
    pub fn forward(&self, batch: ImageBatch<'_>) -> Result<Features, BackboneError> {
        let rows = batch.shape[0];
        if rows == 0 {
            return Ok(Features { values: Vec::new(), rows });
        }
        self.check(batch)?;
        let average = |images: Tensor| {
            let map = self.plan.run(images, None)?;
            self.average(&map).stage(|| "global average pooling".to_owned())
        };
        if self.torch_device.is_cuda() {
            return Ok(Features { values: average(self.images(batch)?)?, rows });
        }
        let [_, height, width, channels] = batch.shape;
        let cut = self.cut(rows, [height, width]);
        let image = height * width * channels;
        let pieces = parallel::run(&cut, |range| {
            device::use_threads(cut.threads);
            let pixels = batch.pixels.slice(range.start * image..range.end * image);
            average(self.images(ImageBatch { pixels, shape: [range.len(), height, width, channels] })?)
        });
        device::use_threads(device::threads());
        Ok(Features { values: pieces?.concat(), rows })
    }

    /// Pieces whose feature maps stay in the caches.
    fn cut(&self, images: usize, [height, width]: [usize; 2]) -> Cut {
        let values = |shape: &Shape| match *shape {
            Shape::Image([h, w, c]) => h.saturating_mul(w).saturating_mul(c),
            Shape::Vector(n) => n,
        };
        let shapes = self.graph.shapes(height, width).unwrap_or_default();
        let largest = shapes.iter().map(values).max().unwrap_or(1).saturating_mul(self.precision.bytes());
        parallel::cut(images, device::threads(), parallel::PIECE_BYTES / largest.max(1))
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
        self.plan = fast_plan(&self.graph, &weights, self.epsilon, self.torch_device, self.precision)?;
        self.weights = weights;
        Ok(())
    }

    /// The plan with batch norms as steps of their own, in f32 always.
    pub(crate) fn separate_plan(&self) -> Result<Plan, BackboneError> {
        let target = Target::plain(self.torch_device);
        Plan::compile(&self.graph, &self.weights, self.epsilon, BatchNorm::Separate, target)
    }

    /// Refuses pixels that are not images of the shape given, and images that the architecture cannot take.
    fn check(&self, batch: ImageBatch<'_>) -> Result<(), BackboneError> {
        let shape = batch.shape;
        let refuse = |reason: String| Err(BackboneError::Batch { shape, reason });
        let [_, height, width, channels] = shape;
        if channels != 3 {
            return refuse("images must have 3 channels".to_owned());
        }
        let least = self.architecture().min_image_size();
        if height < least || width < least {
            return refuse(format!("{} needs images of at least {least}x{least} pixels", self.architecture()));
        }
        let length = shape.iter().try_fold(1_usize, |n, &side| n.checked_mul(side));
        if length != Some(batch.pixels.len()) {
            return refuse(format!("{} values were given", batch.pixels.len()));
        }
        Ok(())
    }

    /// The batch as the network's input: NCHW in channels-last memory, f32, preprocessed, on the device.
    pub(crate) fn images(&self, batch: ImageBatch<'_>) -> Result<Tensor, BackboneError> {
        let size = self.size(batch)?;
        let load = |bytes: &[u8], kind| Tensor::f_from_data_size(bytes, &size, kind)?.f_to_device(self.torch_device);
        let nhwc = match batch.pixels {
            PixelData::U8(pixels) => {
                let images = load(pixels, Kind::Uint8).stage(|| "loading a batch".to_owned())?;
                self.architecture().preprocessing().apply(&images)?
            }
            PixelData::F32(pixels) => {
                load(bytemuck::cast_slice(pixels), Kind::Float).stage(|| "loading a batch".to_owned())?
            }
        };
        nhwc.f_permute([0, 3, 1, 2]).stage(|| "loading a batch".to_owned())
    }

    /// The batch's shape as libtorch takes it, if the pixels fill it and the architecture takes such images.
    pub(crate) fn size(&self, batch: ImageBatch<'_>) -> Result<[i64; 4], BackboneError> {
        self.check(batch)?;
        // The lengths agree, so each side is below isize::MAX.
        Ok(batch.shape.map(|n| n as i64))
    }

    /// Queues the network on its device and returns at once where that is a CUDA device: `[rows, FEATURES]` f32, dense,
    /// of preprocessed NHWC images that are on the device.
    pub(crate) fn queue(&self, nhwc: &Tensor) -> Result<Tensor, BackboneError> {
        let images = nhwc.f_permute([0, 3, 1, 2]).stage(|| "loading a batch".to_owned())?;
        let map = self.plan.run(images, None)?;
        let mean = || map.f_mean_dim([2_i64, 3].as_slice(), false, Kind::Float)?.f_contiguous();
        mean().stage(|| "global average pooling".to_owned())
    }

    /// Mean over height and width of an NCHW map.
    pub(crate) fn average(&self, map: &Tensor) -> Result<Vec<f32>, tch::TchError> {
        let (rows, channels, height, width) = map.size4()?;
        let copy = |tensor: &Tensor| {
            let mut values = vec![0.0_f32; tensor.numel()];
            tensor.f_copy_data(&mut values, tensor.numel())?;
            Ok::<_, tch::TchError>(values)
        };
        if self.torch_device.is_cuda() {
            return copy(&map.f_mean_dim([2_i64, 3].as_slice(), false, Kind::Float)?.f_to_device(tch::Device::Cpu)?);
        }
        // Here rather than in libtorch, whose order of summation may follow the number of threads.
        let map = copy(&map.f_permute([0, 2, 3, 1])?.f_to_kind(Kind::Float)?.f_contiguous()?)?;
        let (rows, channels, area) = (rows as usize, channels as usize, (height * width) as usize);
        let mut features = Vec::with_capacity(rows * channels);
        let mut sums = vec![0.0_f64; channels];
        for image in map.chunks_exact(area * channels) {
            sums.fill(0.0);
            for pixel in image.chunks_exact(channels) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += f64::from(value);
                }
            }
            features.extend(sums.iter().map(|sum| (sum / area as f64) as f32));
        }
        Ok(features)
    }
}

/// The plan that features come from.
fn fast_plan(
    graph: &Graph,
    weights: &Weights,
    epsilon: f64,
    device: tch::Device,
    precision: Precision,
) -> Result<Plan, BackboneError> {
    let side = weights.architecture().default_image_size();
    let target = Target { device, precision, fused: true, image: [side; 2] };
    Plan::compile(graph, weights, epsilon, BatchNorm::Folded, target)
}
