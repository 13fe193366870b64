//! Batches as tensors in a safetensors file.

use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use xfer_loader::{Batch, BatchTargets, Pixels, TargetValues};
use xfer_trainer::{AtomicFile, Existing};

/// Tensors in the making: `x0`, `y0`, `index0`, `x1`, ... as NumPy would have them.
#[derive(Debug, Default)]
pub(super) struct Tensors {
    tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
    batches: usize,
}

impl Tensors {
    /// Adds `x` (f32 or u8, in the layout of the flow), `y` where there are targets, `w` where there are weights, and
    /// `index` (i64: places in the index of the flow).
    pub(super) fn add(&mut self, batch: &Batch) {
        let number = self.batches;
        self.batches += 1;
        let shape = batch.shape().to_vec();
        let (dtype, pixels) = match batch.pixels() {
            Pixels::U8(values) => (Dtype::U8, values.to_vec()),
            Pixels::F32(values) => (Dtype::F32, le_bytes(values)),
        };
        self.tensors.push((format!("x{number}"), dtype, shape.clone(), pixels.clone()));
        match batch.targets() {
            BatchTargets::None => {}
            BatchTargets::Input(_) => {
                self.tensors.push((format!("y{number}"), dtype, shape, pixels));
            }
            BatchTargets::Values(targets) => self.add_targets(format!("y{number}"), targets),
            BatchTargets::Outputs(outputs) => {
                for (output, targets) in outputs.into_iter().enumerate() {
                    self.add_targets(format!("y{number}_{output}"), targets);
                }
            }
            // There are no others.
            _ => {}
        }
        // Keras' batches without labels are images alone.
        let weights = batch.weights().filter(|_| !matches!(batch.targets(), BatchTargets::None));
        if let Some(weights) = weights {
            self.tensors.push((format!("w{number}"), Dtype::F32, vec![weights.len()], le_bytes(&weights)));
        }
        let index = batch.sample_indices().iter().flat_map(|&sample| (sample as i64).to_le_bytes()).collect();
        self.tensors.push((format!("index{number}"), Dtype::I64, vec![batch.len()], index));
    }

    fn add_targets(&mut self, name: String, targets: TargetValues) {
        self.tensors.push((name, Dtype::F32, targets.shape, le_bytes(&targets.values)));
    }

    /// Writes the file.
    pub(super) fn write(&self, path: &Path, existing: Existing) -> anyhow::Result<()> {
        let views = self
            .tensors
            .iter()
            .map(|(name, dtype, shape, bytes)| Ok((name.as_str(), TensorView::new(*dtype, shape.clone(), bytes)?)));
        let views: Vec<_> = views.collect::<Result<_, safetensors::SafeTensorError>>()?;
        let bytes = safetensors::serialize(views, None)?;
        Ok(AtomicFile::write_all(path, &bytes, existing)?)
    }
}

fn le_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
