//! From a batch to its features.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tch::{Kind, Tensor};

use crate::architecture::Architecture;
use crate::backbone::{Backbone, Features, ForwardTime, ImageBatch, PixelData};
use crate::device;
use crate::error::{BackboneError, TorchContext as _};
use crate::layers::Shape;
use crate::parallel::{self, Cut};
use crate::plan::{BatchNorm, Convolve, Packing, Plan, Target};

/// A plan whose kernels lie as oneDNN wants them for images of one size.
#[derive(Debug)]
pub(crate) struct Prepared {
    image: [usize; 2],
    plan: Arc<Plan>,
}

impl Backbone {
    /// The features of a batch: one row for each image. They depend on the image alone, not on the others of the batch
    /// nor on the number of threads.
    ///
    /// # Errors
    /// When the shape does not fit the pixels or the architecture, or libtorch fails (no memory, for one).
    pub fn forward(&self, batch: ImageBatch<'_>) -> Result<Features, BackboneError> {
        self.forward_timed(batch).map(|(features, _)| features)
    }

    /// As [`forward`](Self::forward), and where the time went.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_timed(&self, batch: ImageBatch<'_>) -> Result<(Features, ForwardTime), BackboneError> {
        let rows = batch.shape[0];
        if rows == 0 {
            return Ok((Features { values: Vec::new(), rows }, ForwardTime::default()));
        }
        self.check(batch)?;
        let start = Instant::now();
        let [_, height, width, channels] = batch.shape;
        let cut = self.cut(rows, [height, width]);
        let plan = self.plan([height, width], &cut)?;
        let average = |images: Tensor| {
            let map = plan.run(images, None)?;
            self.average(&map).stage(|| "global average pooling".to_owned())
        };
        if self.torch_device.is_cuda() {
            let before = Instant::now();
            let images = self.images(batch)?;
            let upload = before.elapsed();
            let features = Features { values: average(images)?, rows };
            return Ok((features, ForwardTime { upload, forward: start.elapsed().saturating_sub(upload) }));
        }
        let image = height * width * channels;
        let pieces = parallel::run(&cut, |range| {
            device::use_threads(cut.threads);
            let pixels = batch.pixels.slice(range.start * image..range.end * image);
            let before = Instant::now();
            let images = self.images(ImageBatch { pixels, shape: [range.len(), height, width, channels] })?;
            let upload = before.elapsed();
            Ok((average(images)?, upload, before.elapsed()))
        });
        device::use_threads(device::threads());
        let pieces = pieces?;
        // Pieces are computed side by side: their shares of the clock's time are those of their threads'.
        let sum = |part: fn(&(Vec<f32>, Duration, Duration)) -> Duration| pieces.iter().map(part).sum::<Duration>();
        let share = sum(|piece| piece.1).as_secs_f64() / sum(|piece| piece.2).as_secs_f64().max(f64::MIN_POSITIVE);
        let mut values = Vec::with_capacity(rows * Architecture::FEATURES);
        pieces.iter().for_each(|piece| values.extend_from_slice(&piece.0));
        let took = start.elapsed();
        let upload = took.mul_f64(share.clamp(0.0, 1.0));
        Ok((Features { values, rows }, ForwardTime { upload, forward: took.saturating_sub(upload) }))
    }

    /// The plan for images of this size, made where there is none; the one before it is given up.
    fn plan(&self, image: [usize; 2], cut: &Cut) -> Result<Arc<Plan>, BackboneError> {
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        match &*prepared {
            Some(found) if found.image == image => Ok(Arc::clone(&found.plan)),
            _ => {
                // Not two at a time: each is as large as the weights.
                *prepared = None;
                let target = Target {
                    device: self.torch_device,
                    precision: self.precision,
                    convolve: Convolve::Fused,
                    packing: Packing { image, threads: cut.threads },
                };
                let plan = Plan::compile(&self.graph, &self.weights, self.epsilon, BatchNorm::Folded, target)?;
                let plan = Arc::new(plan);
                *prepared = Some(Prepared { image, plan: Arc::clone(&plan) });
                Ok(plan)
            }
        }
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

    /// Refuses pixels that are not images of the shape given, and images that the architecture cannot take.
    fn check(&self, batch: ImageBatch<'_>) -> Result<(), BackboneError> {
        let shape = batch.shape;
        self.check_shape(shape)?;
        let length = shape.iter().try_fold(1_usize, |n, &side| n.checked_mul(side));
        if length != Some(batch.pixels.len()) {
            let reason = format!("{} values were given", batch.pixels.len());
            return Err(BackboneError::Batch { shape, reason });
        }
        Ok(())
    }

    /// Refuses images that the architecture cannot take.
    pub(crate) fn check_shape(&self, shape: [usize; 4]) -> Result<(), BackboneError> {
        let refuse = |reason: String| Err(BackboneError::Batch { shape, reason });
        let [_, height, width, channels] = shape;
        if channels != 3 {
            return refuse("images must have 3 channels".to_owned());
        }
        let least = self.architecture().min_image_size();
        if height < least || width < least {
            return refuse(format!("{} needs images of at least {least}x{least} pixels", self.architecture()));
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
        let (rows, _, height, width) = images.size4().stage(|| "loading a batch".to_owned())?;
        let image = [height as usize, width as usize];
        let plan = self.plan(image, &self.cut(rows as usize, image))?;
        let map = plan.run(images, None)?;
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
