//! A Dense layer.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use crate::error::TrainerError;
use crate::linalg;

/// A Dense layer without activation: `outputs = inputs · kernel + bias`.
///
/// # Shapes
///
/// Inputs are `[rows, inputs]`, outputs `[rows, outputs]`, both f32, row-major. The kernel is
/// `[inputs, outputs]` row-major wherever it is given or taken, as Keras has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    inputs: usize,
    outputs: usize,
    /// One row an output, `[outputs, inputs]`, so that both products run along contiguous inputs.
    rows: Vec<f32>,
    bias: Vec<f32>,
}

/// What one step changes a layer's parameters by, in the layer's own order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Gradients {
    pub(crate) rows: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

impl Dense {
    /// A fresh layer: kernel drawn uniformly from ±sqrt(6 / (inputs + outputs)) (Keras' `glorot_uniform`),
    /// zero bias. The draws follow from `seed` and `stream` alone, on any machine.
    pub(super) fn glorot_uniform(
        inputs: usize,
        outputs: usize,
        seed: u64,
        stream: [u8; 8],
    ) -> Result<Self, TrainerError> {
        check_shape(inputs, outputs)?;
        let limit = (6.0 / (inputs + outputs) as f32).sqrt();
        let mut random = generator(seed, stream);
        let kernel: Vec<f32> = (0..inputs * outputs)
            .map(|_| {
                let unit = (random.next_u32() >> 8) as f32 / (1u32 << 24) as f32;
                (2.0 * unit - 1.0) * limit
            })
            .collect();
        Self::from_parameters(inputs, outputs, &kernel, vec![0.0; outputs])
    }

    /// A layer with these parameters: `kernel` is `[inputs, outputs]` row-major, `bias` `[outputs]`.
    ///
    /// # Errors
    ///
    /// The lengths do not belong to that shape, or there are no inputs or no outputs.
    pub fn from_parameters(
        inputs: usize,
        outputs: usize,
        kernel: &[f32],
        bias: Vec<f32>,
    ) -> Result<Self, TrainerError> {
        check_shape(inputs, outputs)?;
        for (name, expected, got) in [("kernel", inputs * outputs, kernel.len()), ("bias", outputs, bias.len())] {
            if expected != got {
                return Err(TrainerError::ParameterLength { name, expected, got });
            }
        }
        Ok(Self { inputs, outputs, rows: transposed(kernel, outputs), bias })
    }

    /// Length of the vectors that it takes.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Length of the vectors that it makes.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Number of parameters: inputs x outputs + outputs.
    pub fn parameters(&self) -> usize {
        self.rows.len() + self.bias.len()
    }

    /// The kernel, `[inputs, outputs]` row-major.
    pub fn kernel(&self) -> Vec<f32> {
        transposed(&self.rows, self.inputs)
    }

    /// The bias, `[outputs]`.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// The outputs of `inputs`, in place of what `to` holds.
    pub(super) fn forward(&self, inputs: &[f32], to: &mut Vec<f32>) {
        let samples = inputs.len() / self.inputs;
        to.clear();
        to.resize(samples * self.outputs, 0.0);
        // Row by row, so that a large layer is read once and not once a sample.
        for (output, (row, bias)) in self.rows.chunks_exact(self.inputs).zip(&self.bias).enumerate() {
            let of_row = to.iter_mut().skip(output).step_by(self.outputs);
            for (to, sample) in of_row.zip(inputs.chunks_exact(self.inputs)) {
                *to = linalg::dot(sample, row) + bias;
            }
        }
    }

    /// The gradients of a loss, given its gradient in the outputs of `inputs`. Samples are added in their order.
    pub(super) fn gradients(&self, inputs: &[f32], output_gradient: &[f32], to: &mut Gradients) {
        to.rows.clear();
        to.rows.resize(self.rows.len(), 0.0);
        to.bias.clear();
        to.bias.resize(self.outputs, 0.0);
        for (output, row) in to.rows.chunks_exact_mut(self.inputs).enumerate() {
            let of_row = output_gradient.iter().skip(output).step_by(self.outputs);
            for (&gradient, sample) in of_row.zip(inputs.chunks_exact(self.inputs)) {
                linalg::add_scaled(row, gradient, sample);
            }
        }
        for by_output in output_gradient.chunks_exact(self.outputs) {
            linalg::add_scaled(&mut to.bias, 1.0, by_output);
        }
    }

    /// The gradient of a loss in the inputs, given that in the outputs; in place of what `to` holds.
    pub(super) fn input_gradient(&self, output_gradient: &[f32], to: &mut Vec<f32>) {
        to.clear();
        to.resize(output_gradient.len() / self.outputs * self.inputs, 0.0);
        for (to, by_output) in to.chunks_exact_mut(self.inputs).zip(output_gradient.chunks_exact(self.outputs)) {
            for (&gradient, row) in by_output.iter().zip(self.rows.chunks_exact(self.inputs)) {
                linalg::add_scaled(to, gradient, row);
            }
        }
    }

    /// The kernel and the bias, each in the order of its part of [`Gradients`].
    pub(super) fn parameters_mut(&mut self) -> [&mut [f32]; 2] {
        [&mut self.rows, &mut self.bias]
    }
}

fn check_shape(features: usize, classes: usize) -> Result<(), TrainerError> {
    if features == 0 || classes == 0 {
        return Err(TrainerError::EmptyHead { features, classes });
    }
    Ok(())
}

fn generator(seed: u64, stream: [u8; 8]) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut random = ChaCha8Rng::from_seed(key);
    random.set_stream(u64::from_le_bytes(stream));
    random
}

/// A row-major matrix of `columns` columns, its rows and columns exchanged.
fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| matrix.iter().skip(column).step_by(columns).copied()).collect()
}
