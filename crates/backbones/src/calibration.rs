//! Batch-norm statistics for weights that have none: one pass over images, without labels.
//!
//! While a batch passes, each batch norm normalises with the moments of that batch, as in training. The moments of
//! all batches are then combined into those of all values together (Chan et al., 1979, "Updating formulae and a
//! pairwise algorithm for computing sample variances"), so that a batch counts by its size.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use crate::backbone::{Backbone, ImageBatch};
use crate::device;
use crate::error::{BackboneError, TorchContext as _};
use crate::plan::{BatchMoments, Plan};
use crate::weights::{BatchNormStatistics, Moments};

/// A calibration under way; see [`Backbone::calibration`].
#[derive(Debug)]
pub struct Calibration<'a> {
    backbone: &'a mut Backbone,
    plan: Plan,
    seen: BTreeMap<String, Running>,
    images: u64,
}

impl Backbone {
    /// Begins a calibration. Feed it batches with [`Calibration::observe`], then [`Calibration::finish`].
    ///
    /// # Errors
    /// When the device has no room for a second copy of the weights.
    pub fn calibration(&mut self) -> Result<Calibration<'_>, BackboneError> {
        let plan = self.separate_plan()?;
        Ok(Calibration { backbone: self, plan, seen: BTreeMap::new(), images: 0 })
    }

    /// Sets the statistics of every batch norm from one pass over `batches`, and returns the number of images seen.
    ///
    /// The result depends on the images and on how they are batched, not on the number of threads.
    ///
    /// # Errors
    /// The first error of the iterator, or when there are no images, or as for [`Backbone::forward`]. The backbone is
    /// unchanged then.
    pub fn calibrate<'b, E>(&mut self, batches: impl IntoIterator<Item = Result<ImageBatch<'b>, E>>) -> Result<u64, E>
    where
        E: From<BackboneError>,
    {
        let mut calibration = self.calibration()?;
        for batch in batches {
            calibration.observe(batch?)?;
        }
        Ok(calibration.finish()?)
    }
}

impl Calibration<'_> {
    /// Passes one batch through the network.
    ///
    /// # Errors
    /// As for [`Backbone::forward`].
    pub fn observe(&mut self, batch: ImageBatch<'_>) -> Result<(), BackboneError> {
        if batch.shape[0] == 0 {
            return Ok(());
        }
        device::use_threads(device::threads());
        let images = self.backbone.images(batch)?;
        let seen = &mut self.seen;
        let mut observe = |layer: &str, x: &Tensor| {
            let found = moments(x).stage(|| format!("moments at `{layer}`"))?;
            let running = seen.entry(layer.to_owned()).or_default();
            running.add(&found);
            let tensor = |values: &[f64]| {
                let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
                Tensor::f_from_slice(&values)?.f_to_device(x.device())
            };
            let both = || Ok(BatchMoments { mean: tensor(&found.mean)?, variance: tensor(&found.variance())? });
            both().stage(|| format!("moments at `{layer}`"))
        };
        // The features themselves are of no use yet.
        drop(self.plan.run(images, Some(&mut observe))?);
        self.images += batch.shape[0] as u64;
        Ok(())
    }

    /// Gives the backbone the statistics of all batches, and returns the number of images seen.
    ///
    /// # Errors
    /// When no image was seen, or a value became infinite on the way.
    pub fn finish(self) -> Result<u64, BackboneError> {
        if self.images == 0 {
            return Err(BackboneError::Batch {
                shape: [0, 0, 0, 3],
                reason: "batch-norm statistics need at least one image".to_owned(),
            });
        }
        let statistics: BatchNormStatistics = self.seen.into_iter().map(|(layer, r)| (layer, r.finish())).collect();
        self.backbone.set_batch_norm_statistics(&statistics)?;
        Ok(self.images)
    }
}

/// Count, mean and summed squared distance from the mean, by channel, in f64.
#[derive(Debug, Default)]
struct Running {
    count: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Running {
    /// Chan's formula for two sets of values.
    fn add(&mut self, other: &Self) {
        self.mean.resize(other.mean.len(), 0.0);
        self.squares.resize(other.squares.len(), 0.0);
        let count = self.count + other.count;
        for c in 0..other.mean.len() {
            let delta = other.mean[c] - self.mean[c];
            self.mean[c] += delta * other.count / count;
            self.squares[c] += other.squares[c] + delta * delta * self.count * other.count / count;
        }
        self.count = count;
    }

    fn variance(&self) -> Vec<f64> {
        self.squares.iter().map(|s| s / self.count).collect()
    }

    fn finish(self) -> Moments {
        let variance = self.variance().into_iter().map(|v| v as f32).collect();
        Moments { mean: self.mean.into_iter().map(|m| m as f32).collect(), variance }
    }
}

/// The moments of an NCHW tensor by channel: libtorch averages each image, this adds the images up in order.
fn moments(x: &Tensor) -> Result<Running, tch::TchError> {
    let (_, channels, height, width) = x.size4()?;
    let (channels, area) = (channels as usize, (height * width) as f64);
    let by_image = |tensor: &Tensor| -> Result<Vec<f32>, tch::TchError> {
        let means = tensor.f_mean_dim([2_i64, 3].as_slice(), false, Kind::Float)?;
        let means = means.f_to_device(tch::Device::Cpu)?.f_contiguous()?;
        let mut values = vec![0.0; means.numel()];
        means.f_copy_data(&mut values, means.numel())?;
        Ok(values)
    };
    let mean = average(&by_image(x)?, channels);
    let center: Vec<f32> = mean.iter().map(|&m| m as f32).collect();
    let center = Tensor::f_from_slice(&center)?.f_to_device(x.device())?.f_view([1, channels as i64, 1, 1])?;
    let mut distance = x.f_sub(&center)?;
    let squares = average(&by_image(&distance.f_square_()?)?, channels);

    let count = area * x.size()[0] as f64;
    Ok(Running { count, mean, squares: squares.into_iter().map(|s| s * count).collect() })
}

/// Mean of the rows of a row-major `[rows, channels]`.
fn average(rows: &[f32], channels: usize) -> Vec<f64> {
    let mut sums = vec![0.0_f64; channels];
    for row in rows.chunks_exact(channels) {
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += f64::from(value);
        }
    }
    let count = (rows.len() / channels.max(1)).max(1) as f64;
    sums.into_iter().map(|sum| sum / count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Architecture;
    use crate::backbone::PixelData;
    use crate::device::Device;
    use crate::weights::Weights;

    const SIDE: usize = 72;

    fn pixels(images: usize, seed: usize) -> Vec<u8> {
        (0..images * SIDE * SIDE * 3).map(|i| (((i + seed) * 7919) % 251 + i % 5) as u8).collect()
    }

    fn batch(pixels: &[u8]) -> ImageBatch<'_> {
        ImageBatch { pixels: PixelData::U8(pixels), shape: [pixels.len() / (SIDE * SIDE * 3), SIDE, SIDE, 3] }
    }

    fn moments_of(values: &[f64]) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64)
    }

    #[test]
    fn moments_are_those_of_the_definition() {
        // 3 images, 2 channels, 4x5 pixels; NCHW.
        let values: Vec<f32> = (0..120).map(|i| 100.0 + ((i * 29) % 83) as f32 / 7.0).collect();
        let found = moments(&Tensor::from_slice(&values).view([3, 2, 4, 5])).unwrap();
        assert_eq!(found.count, 60.0);
        for c in 0..2 {
            let own: Vec<f64> = (0..120).filter(|i| i / 20 % 2 == c).map(|i| f64::from(values[i])).collect();
            let (mean, variance) = moments_of(&own);
            assert!((found.mean[c] - mean).abs() < 1e-4, "{} {mean}", found.mean[c]);
            assert!((found.variance()[c] / variance - 1.0).abs() < 1e-5, "{} {variance}", found.variance()[c]);
        }
    }

    #[test]
    fn batches_are_combined_as_if_they_were_one() {
        let all: Vec<f64> = (0..60).map(|i| ((i * 29) % 83) as f64 / 7.0 + i as f64).collect();
        let mut running = Running::default();
        for part in [&all[..10], &all[10..47], &all[47..]] {
            let (mean, variance) = moments_of(part);
            let count = part.len() as f64;
            running.add(&Running { count, mean: vec![mean], squares: vec![variance * count] });
        }
        let (mean, variance) = moments_of(&all);
        assert!((running.mean[0] - mean).abs() < 1e-12);
        assert!((running.variance()[0] - variance).abs() < 1e-9);
    }

    #[test]
    fn calibration_makes_features_of_random_weights_usable() {
        for architecture in Architecture::ALL {
            let mut backbone = Backbone::new(&Weights::random(architecture, 3), None, Device::Cpu).unwrap();
            let (a, b) = (pixels(3, 0), pixels(2, 17));
            let seen = backbone.calibrate([Ok::<_, BackboneError>(batch(&a)), Ok(batch(&b))]).unwrap();
            assert_eq!(seen, 5);
            let features = backbone.forward(batch(&a)).unwrap();
            let values: Vec<f64> = features.values.iter().map(|&v| f64::from(v)).collect();
            let (mean, variance) = moments_of(&values);
            assert!((0.05..20.0).contains(&mean) && variance > 1e-3, "{mean} {variance}");
            let (first, second) = (features.rows().next().unwrap(), features.rows().nth(1).unwrap());
            assert_ne!(first, second);

            // The same again: the same to the last bit, and a backbone made from the saved weights agrees.
            let mut again = Backbone::new(&Weights::random(architecture, 3), None, Device::Cpu).unwrap();
            again.calibrate([Ok::<_, BackboneError>(batch(&a)), Ok(batch(&b))]).unwrap();
            assert_eq!(again.weights().digest(), backbone.weights().digest());
            let saved = Backbone::new(backbone.weights(), None, Device::Cpu).unwrap();
            assert_eq!(saved.forward(batch(&a)).unwrap(), features);
        }
    }

    /// The first batch norm sees the first convolution, whose output can be had from the plan of a network whose
    /// first batch norm does nothing: its moments are then those that calibration must find.
    #[test]
    fn statistics_of_the_first_layer_are_those_of_its_input() {
        let mut backbone = Backbone::new(&Weights::random(Architecture::ResNet50, 3), None, Device::Cpu).unwrap();
        let all = pixels(3, 0);
        let mut seen = None;
        {
            let plan = backbone.separate_plan().unwrap();
            let mut observe = |layer: &str, x: &Tensor| {
                if layer == "conv1_bn" {
                    let x: Vec<f32> = Vec::try_from(x.select(1, 5).contiguous().view(-1)).unwrap();
                    seen = Some(moments_of(&x.into_iter().map(f64::from).collect::<Vec<_>>()));
                }
                let c = x.size()[1];
                let option = (Kind::Float, tch::Device::Cpu);
                Ok(BatchMoments { mean: Tensor::zeros(c, option), variance: Tensor::ones(c, option) })
            };
            let images = backbone.images(batch(&all)).unwrap();
            drop(plan.run(images, Some(&mut observe)).unwrap());
        }
        let cut = SIDE * SIDE * 3;
        backbone.calibrate([Ok::<_, BackboneError>(batch(&all[..cut])), Ok(batch(&all[cut..]))]).unwrap();
        let found = &backbone.batch_norm_statistics()["conv1_bn"];
        let (mean, variance) = seen.unwrap();
        assert!((f64::from(found.mean[5]) - mean).abs() < 1e-3 * variance.sqrt(), "{} {mean}", found.mean[5]);
        assert!((f64::from(found.variance[5]) / variance - 1.0).abs() < 1e-3, "{} {variance}", found.variance[5]);
    }

    #[test]
    fn a_failed_calibration_changes_nothing() {
        let mut backbone = Backbone::new(&Weights::random(Architecture::ResNet50, 3), None, Device::Cpu).unwrap();
        let before = backbone.weights().digest().to_owned();
        let error = backbone.calibrate(std::iter::empty::<Result<_, BackboneError>>()).unwrap_err();
        assert!(error.to_string().contains("at least one image"), "{error}");
        let a = pixels(1, 0);
        let wrong = ImageBatch { pixels: PixelData::U8(&a), shape: [2, SIDE, SIDE, 3] };
        backbone.calibrate([Ok::<_, BackboneError>(batch(&a)), Ok(wrong)]).unwrap_err();
        assert_eq!(backbone.weights().digest(), before);
    }
}
