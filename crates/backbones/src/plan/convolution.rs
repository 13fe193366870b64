//! Convolutions: Keras kernels into libtorch's order of axes, batch norms folded in, and the call.

use tch::{TchError, Tensor};

use super::Border;
use crate::layers::{Layer, Op, same_padding};

/// A kernel in the order output, row, column, input: libtorch's OIHW shape in channels-last memory.
#[derive(Debug)]
pub(super) struct Kernel {
    values: Vec<f32>,
    bias: Option<Vec<f32>>,
    outputs: usize,
    size: usize,
    /// Input channels of each group.
    inputs: usize,
    groups: usize,
}

impl Kernel {
    /// From Keras' `(height, width, in, out)`.
    pub(super) fn full(kernel: &[f32], bias: Option<&[f32]>, layer: &Layer) -> Self {
        let size = match layer.op {
            Op::Conv2D { kernel, .. } => kernel,
            _ => 1,
        };
        let (inputs, outputs) = (layer.in_channels, layer.out_channels);
        let values = transpose(kernel, size * size * inputs, outputs);
        Self { values, bias: bias.map(<[f32]>::to_vec), outputs, size, inputs, groups: 1 }
    }

    /// From Keras' `(1, 1, in, out)`.
    pub(super) fn pointwise(kernel: &[f32], layer: &Layer) -> Self {
        Self::full(kernel, None, layer)
    }

    /// From Keras' `(height, width, in, 1)`: one output for each input.
    pub(super) fn depthwise(kernel: &[f32], layer: &Layer) -> Self {
        let size = match layer.op {
            Op::SeparableConv2D { kernel, .. } => kernel,
            _ => 1,
        };
        let channels = layer.in_channels;
        let values = transpose(kernel, size * size, channels);
        Self { values, bias: None, outputs: channels, size, inputs: 1, groups: channels }
    }

    /// Multiplies a batch norm (gamma, beta, mean, variance) into kernel and bias, in f64, rounding once.
    pub(super) fn fold(mut self, [gamma, beta, mean, variance]: [&[f32]; 4], epsilon: f64) -> Self {
        let window = self.values.len() / self.outputs;
        let mut folded = Vec::with_capacity(self.outputs);
        for (o, row) in self.values.chunks_exact_mut(window).enumerate() {
            let scale = f64::from(gamma[o]) / (f64::from(variance[o]) + epsilon).sqrt();
            for value in row {
                *value = (f64::from(*value) * scale) as f32;
            }
            let bias = self.bias.as_ref().map_or(0.0, |b| f64::from(b[o]));
            folded.push((f64::from(beta[o]) + (bias - f64::from(mean[o])) * scale) as f32);
        }
        self.bias = Some(folded);
        self
    }
}

/// `rows` x `columns` to `columns` x `rows`, by tiles that fit the first cache.
fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const TILE: usize = 32;
    let mut out = vec![0.0; values.len()];
    for row_tile in (0..rows).step_by(TILE) {
        for column_tile in (0..columns).step_by(TILE) {
            for row in row_tile..rows.min(row_tile + TILE) {
                for column in column_tile..columns.min(column_tile + TILE) {
                    out[column * rows + row] = values[row * columns + column];
                }
            }
        }
    }
    out
}

/// A convolution ready to run.
#[derive(Debug)]
pub(super) struct Convolution {
    kernel: Tensor,
    bias: Option<Tensor>,
    size: usize,
    stride: usize,
    border: Border,
    groups: i64,
    one_dnn: bool,
}

impl Convolution {
    pub(super) fn new(kernel: Kernel, stride: usize, border: Border, device: tch::Device) -> Result<Self, TchError> {
        let shape = [kernel.outputs, kernel.size, kernel.size, kernel.inputs].map(|n| n as i64);
        let values = Tensor::f_from_slice(&kernel.values)?.f_to_device(device)?.f_view(shape)?;
        Ok(Self {
            kernel: values.f_permute([0, 3, 1, 2])?,
            bias: kernel.bias.map(|b| Tensor::f_from_slice(&b)?.f_to_device(device)).transpose()?,
            size: kernel.size,
            stride,
            border,
            groups: kernel.groups as i64,
            one_dnn: device == tch::Device::Cpu && tch::utils::has_mkldnn(),
        })
    }

    /// Runs on an NCHW tensor in channels-last memory.
    pub(super) fn run(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let (_, _, height, width) = x.size4()?;
        let (padded, padding);
        let x = match self.border {
            Border::Fixed(pad) => {
                padding = [pad as i64; 2];
                x
            }
            Border::Same => {
                let [top, bottom, left, right] = same_border(height, width, self.size, self.stride);
                if top == bottom && left == right {
                    padding = [top, left];
                    x
                } else {
                    padding = [0; 2];
                    padded = x.f_constant_pad_nd([left, right, top, bottom])?;
                    &padded
                }
            }
        };
        let (stride, dilation) = ([self.stride as i64; 2], [1_i64; 2]);
        let bias = self.bias.as_ref();
        if self.one_dnn {
            // `conv2d` would choose between oneDNN and a loop of its own by batch size and number of threads, and the
            // two round differently. Called by name, oneDNN gives an image the same features in any batch.
            x.f_mkldnn_convolution(&self.kernel, bias, padding, stride, dilation, self.groups)
        } else {
            x.f_conv2d(&self.kernel, bias, stride, padding, dilation, self.groups)
        }
    }
}

/// Elements that `same` adds at the top, bottom, left and right.
pub(super) fn same_border(height: i64, width: i64, size: usize, stride: usize) -> [i64; 4] {
    let along = |n: i64| same_padding(usize::try_from(n).unwrap_or(0), size, stride);
    let ((top, bottom), (left, right)) = (along(height), along(width));
    [top, bottom, left, right].map(|n| n as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Padding;

    #[test]
    fn transposition_by_tiles_is_transposition() {
        let (rows, columns) = (45, 70);
        let values: Vec<f32> = (0..rows * columns).map(|v| v as f32).collect();
        let out = transpose(&values, rows, columns);
        for row in 0..rows {
            for column in 0..columns {
                assert_eq!(out[column * rows + row], values[row * columns + column]);
            }
        }
    }

    fn layer(kernel: usize, filters: usize, in_channels: usize) -> Layer {
        let op = Op::Conv2D { filters, kernel, stride: 2, padding: Padding::Same, bias: true };
        Layer { name: "c".into(), op, inputs: vec![0], in_channels, out_channels: filters }
    }

    /// A 3x3 window of ones, stride 2, counts the pixels that `same` lets it see; worked by hand for an even side
    /// (border 0 before, 1 after) and an odd one (1 and 1).
    #[test]
    fn same_border_follows_tensorflow() {
        let kernel = || Kernel::full(&[1.0; 9], Some(&[0.0]), &layer(3, 1, 1));
        let run = |height: i64, width: i64| -> Vec<f32> {
            let x = Tensor::ones([1, 1, height, width], (tch::Kind::Float, tch::Device::Cpu));
            let y = Convolution::new(kernel(), 2, Border::Same, tch::Device::Cpu).unwrap().run(&x).unwrap();
            Vec::try_from(y.contiguous().view(-1)).unwrap()
        };
        assert_eq!(run(4, 4), [9.0, 6.0, 6.0, 4.0]);
        assert_eq!(run(3, 3), [4.0, 4.0, 4.0, 4.0]);
        assert_eq!(run(3, 4), [6.0, 4.0, 6.0, 4.0]);
    }

    #[test]
    fn folding_equals_normalising_afterwards() {
        let (kernel, bias) = ([0.5, -1.0, 2.0, 0.25], [0.1, -0.3]);
        let [gamma, beta, mean, variance] = [[1.5, 0.5], [0.2, -0.1], [0.3, 0.7], [4.0, 0.25]];
        let epsilon = 1e-3;
        let layer = layer(1, 2, 2);
        let folded = Kernel::full(&kernel, Some(&bias), &layer)
            .fold([gamma.as_slice(), beta.as_slice(), mean.as_slice(), variance.as_slice()], epsilon);
        let x = [3.0_f32, -2.0];
        for o in 0..2 {
            let plain = x[0] * kernel[o] + x[1] * kernel[2 + o] + bias[o];
            let expected = gamma[o] * (plain - mean[o]) / (variance[o] + epsilon as f32).sqrt() + beta[o];
            let got = x[0] * folded.values[2 * o] + x[1] * folded.values[2 * o + 1] + folded.bias.as_ref().unwrap()[o];
            assert!((got - expected).abs() < 1e-5, "{got} {expected}");
        }
    }
}
