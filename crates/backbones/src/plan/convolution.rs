//! Convolutions: Keras kernels into libtorch's order of axes, batch norms folded in, and the call.

use tch::{TchError, Tensor};

use super::fused::{Fused, Window};
use super::{Border, Convolve, Target};
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

/// What follows a convolution and can be computed with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tail {
    /// Another feature map is added.
    pub(super) add: bool,
    /// Negative values become 0, last of all.
    pub(super) relu: bool,
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
    engine: Engine,
    /// What is computed with it.
    pub(super) tail: Tail,
}

/// Which of libtorch's functions convolves.
#[derive(Debug, Clone, Copy)]
enum Engine {
    /// oneDNN, tail included, with a kernel that is packed the way it reads it.
    Fused(Fused),
    /// oneDNN; the tail is up to others.
    OneDnn,
    /// Whatever libtorch chooses.
    Any,
}

impl Convolution {
    /// `shape` is that of the images the kernel is packed for, `[rows, columns]`; others only take longer.
    pub(super) fn new(
        kernel: Kernel,
        stride: usize,
        border: Border,
        target: Target,
        shape: [i64; 2],
    ) -> Result<Self, TchError> {
        let device = target.device;
        let sizes = [kernel.outputs, kernel.size, kernel.size, kernel.inputs].map(|n| n as i64);
        let kind = target.precision.kind();
        let load = |values: &[f32]| Tensor::f_from_slice(values)?.f_to_kind(kind)?.f_to_device(device);
        let engine = match device {
            tch::Device::Cpu if target.convolve != Convolve::Any && tch::utils::has_mkldnn() => {
                let fused = Fused::find().filter(|_| target.convolve == Convolve::Fused);
                fused.map_or(Engine::OneDnn, Engine::Fused)
            }
            _ => Engine::Any,
        };
        let mut convolution = Self {
            kernel: load(&kernel.values)?.f_view(sizes)?.f_permute([0, 3, 1, 2])?,
            bias: kernel.bias.map(|bias| load(&bias)).transpose()?,
            size: kernel.size,
            stride,
            border,
            groups: kernel.groups as i64,
            engine,
            tail: Tail::default(),
        };
        if let Engine::Fused(_) = engine {
            convolution.pack(kernel.inputs * kernel.groups, shape)?;
        }
        Ok(convolution)
    }

    /// Lays the kernel out as oneDNN wants it, which it would otherwise do at every call.
    fn pack(&mut self, channels: usize, [height, width]: [i64; 2]) -> Result<(), TchError> {
        let (window, [top, bottom, left, right]) = self.window(height, width);
        let input = [1, channels as i64, height + top + bottom, width + left + right];
        let Window { padding, stride, groups } = window;
        let kernel = self.kernel.f_to_mkldnn(None)?;
        self.kernel = kernel.f_mkldnn_reorder_conv2d_weight(padding, stride, [1, 1], groups, input.as_slice())?;
        Ok(())
    }

    /// The window over a map of this size, and what must be added to the map before: top, bottom, left, right.
    fn window(&self, height: i64, width: i64) -> (Window, [i64; 4]) {
        let (padding, added) = match self.border {
            Border::Fixed(pad) => ([pad as i64; 2], [0; 4]),
            Border::Same => {
                let [top, bottom, left, right] = same_border(height, width, self.size, self.stride);
                if top == bottom && left == right {
                    ([top, left], [0; 4])
                } else {
                    ([0; 2], [top, bottom, left, right])
                }
            }
        };
        (Window { padding, stride: [self.stride as i64; 2], groups: self.groups }, added)
    }

    /// Runs on an NCHW tensor in channels-last memory; `sum` is what the tail adds, written over where it is owned.
    pub(super) fn run(&self, x: &Tensor, sum: Option<Sum<'_>>) -> Result<Tensor, TchError> {
        let (_, _, height, width) = x.size4()?;
        let (window, [top, bottom, left, right]) = self.window(height, width);
        let padded;
        let x = if [top, bottom, left, right] == [0; 4] {
            x
        } else {
            padded = x.f_constant_pad_nd([left, right, top, bottom])?;
            &padded
        };
        let Window { padding, stride, groups } = window;
        let (kernel, bias, dilation) = (&self.kernel, self.bias.as_ref(), [1_i64; 2]);
        let y = match (self.engine, sum) {
            (Engine::Fused(fused), None) => return fused.convolve(x, kernel, bias, window, self.tail.relu),
            (Engine::Fused(fused), Some(sum)) => {
                return fused.convolve_onto(sum.owned()?, x, kernel, bias, window, self.tail.relu);
            }
            // `conv2d` would choose between oneDNN and a loop of its own by batch size and number of threads, and the
            // two round differently. Called by name, oneDNN gives an image the same features in any batch.
            (Engine::OneDnn, sum) => (x.f_mkldnn_convolution(kernel, bias, padding, stride, dilation, groups)?, sum),
            (Engine::Any, sum) => (x.f_conv2d(kernel, bias, stride, padding, dilation, groups)?, sum),
        };
        let (mut y, sum) = y;
        if let Some(sum) = sum {
            y = y.f_add_(sum.borrowed())?;
        }
        if self.tail.relu { y.f_relu_() } else { Ok(y) }
    }
}

/// A feature map that a convolution is added to.
#[derive(Debug)]
pub(super) enum Sum<'a> {
    /// Nobody else reads it.
    Owned(Tensor),
    /// A later step reads it, too.
    Shared(&'a Tensor),
}

impl Sum<'_> {
    fn owned(self) -> Result<Tensor, TchError> {
        match self {
            Self::Owned(tensor) => Ok(tensor),
            Self::Shared(tensor) => tensor.f_to_dtype(tensor.kind(), false, true),
        }
    }

    fn borrowed(&self) -> &Tensor {
        match self {
            Self::Owned(tensor) => tensor,
            Self::Shared(tensor) => tensor,
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
            let run = |convolve| -> Vec<f32> {
                let target = Target { convolve, ..Target::plain(tch::Device::Cpu) };
                let convolution = Convolution::new(kernel(), 2, Border::Same, target, [height, width]).unwrap();
                Vec::try_from(convolution.run(&x, None).unwrap().contiguous().view(-1)).unwrap()
            };
            let counted = run(Convolve::OneDnn);
            assert_eq!(run(Convolve::Fused), counted);
            assert_eq!(run(Convolve::Any), counted);
            counted
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
