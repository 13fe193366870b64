//! The tensors of a plan: kernels and statistics of each layer, folded, laid out and packed.

use super::convolution::{Convolution, Kernel};
use super::{BatchNorm, Border, Norm, Target};
use crate::device;
use crate::error::{BackboneError, TorchContext as _};
use crate::layers::{Graph, Layer, Op, Padding, Shape};
use crate::parallel;
use crate::weights::Weights;

/// What a plan is made from.
pub(super) struct Source<'a> {
    pub(super) layers: &'a [Layer],
    /// Beside `layers`.
    shapes: Vec<Shape>,
    weights: &'a Weights,
    epsilon: f64,
    batch_norm: BatchNorm,
    target: Target,
}

/// Layers that one thread takes at a time; the last ones hold most of the weights.
const PIECE: usize = 4;

impl<'a> Source<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        weights: &'a Weights,
        epsilon: f64,
        batch_norm: BatchNorm,
        target: Target,
    ) -> Self {
        // A shape only says what to pack for; an image too small for the network is refused when it comes.
        let [height, width] = target.packing.image;
        let shapes = graph.shapes(height, width).unwrap_or_default();
        Self { layers: graph.layers(), shapes, weights, epsilon, batch_norm, target }
    }

    /// The convolutions of every layer, in the order of the layers, computed side by side.
    pub(super) fn convolutions(&self) -> Result<Vec<Vec<Convolution>>, BackboneError> {
        let threads = if self.target.device.is_cuda() { 1 } else { device::threads() };
        let cut = parallel::cut(self.layers.len(), threads, PIECE);
        let pieces = parallel::run(&cut, |range| {
            // The choice of a layout follows the number of threads.
            device::use_threads(self.target.packing.threads);
            range.map(|index| self.convolutions_of(index)).collect::<Result<Vec<_>, _>>()
        });
        device::use_threads(device::threads());
        Ok(pieces?.into_iter().flatten().collect())
    }

    fn convolutions_of(&self, index: usize) -> Result<Vec<Convolution>, BackboneError> {
        let layer = &self.layers[index];
        let kernels = self.weights.of_layer(index);
        Ok(match layer.op {
            Op::Conv2D { stride, padding, .. } => {
                let kernel = self.fold(index, Kernel::full(kernels[0], kernels.get(1).copied(), layer));
                vec![self.convolution(layer, kernel, stride, self.border(layer, padding))?]
            }
            Op::SeparableConv2D { .. } => {
                let pointwise = self.fold(index, Kernel::pointwise(kernels[1], layer));
                vec![
                    self.convolution(layer, Kernel::depthwise(kernels[0], layer), 1, Border::Same)?,
                    self.convolution(layer, pointwise, 1, Border::Fixed(0))?,
                ]
            }
            _ => Vec::new(),
        })
    }

    /// The only layer that reads layer `index`, if there is just one.
    fn only_reader(&self, index: usize) -> Option<(usize, &Layer)> {
        let mut readers = self.layers.iter().enumerate().filter(|(_, l)| l.inputs.contains(&index));
        let reader = readers.next()?;
        readers.next().is_none().then_some(reader)
    }

    /// Whether the zero padding `index` may be left to its reader. A pooling would have it win against negative
    /// values, which there are none of after a rectifier.
    pub(super) fn border_is_absorbed(&self, index: usize) -> bool {
        let after_relu = self.layers[index].inputs.iter().all(|&i| self.layers[i].op == Op::Relu);
        match self.only_reader(index).map(|(_, reader)| reader.op) {
            Some(Op::Conv2D { padding: Padding::Valid, .. }) => true,
            Some(Op::MaxPooling2D { padding: Padding::Valid, .. }) => after_relu,
            _ => false,
        }
    }

    /// The border of a layer with windows, including the padding that it takes over.
    pub(super) fn border(&self, layer: &Layer, padding: Padding) -> Border {
        if padding == Padding::Same {
            return Border::Same;
        }
        match layer.inputs.first().map(|&i| (i, self.layers[i].op)) {
            Some((i, Op::ZeroPadding2D { pad })) if self.border_is_absorbed(i) => Border::Fixed(pad),
            _ => Border::Fixed(0),
        }
    }

    /// Whether the batch norm `index` is part of the convolution before it, whose only reader it must be.
    pub(super) fn is_folded(&self, index: usize) -> bool {
        self.batch_norm == BatchNorm::Folded
            && self.layers[index].inputs.iter().all(|&i| {
                matches!(self.layers[i].op, Op::Conv2D { .. } | Op::SeparableConv2D { .. })
                    && self.only_reader(i).is_some()
            })
    }

    /// Multiplies the batch norm after layer `index` into its kernel.
    fn fold(&self, index: usize, kernel: Kernel) -> Kernel {
        match self.only_reader(index) {
            Some((norm, reader)) if self.batch_norm == BatchNorm::Folded && reader.op == Op::BatchNormalization => {
                let moments = self.weights.of_layer(norm);
                kernel.fold([moments[0], moments[1], moments[2], moments[3]], self.epsilon)
            }
            _ => kernel,
        }
    }

    fn convolution(
        &self,
        layer: &Layer,
        kernel: Kernel,
        stride: usize,
        border: Border,
    ) -> Result<Convolution, BackboneError> {
        let shape = match layer.inputs.first().and_then(|&i| self.shapes.get(i)) {
            // Padding that the convolution takes over is not part of what it reads.
            Some(Shape::Image([height, width, _])) => match border {
                Border::Fixed(pad) if pad > 0 => [height.saturating_sub(2 * pad), width.saturating_sub(2 * pad)],
                _ => [*height, *width],
            },
            _ => [1; 2],
        };
        Convolution::new(kernel, stride, border, self.target, shape.map(|n| n as i64))
            .stage(|| format!("loading `{}`", layer.name))
    }

    pub(super) fn norm(&self, index: usize, layer: &Layer) -> Result<Norm, BackboneError> {
        let moments = self.weights.of_layer(index);
        let tensor = |i: usize| tch::Tensor::f_from_slice(moments[i])?.f_to_device(self.target.device);
        let norm = || -> Result<Norm, tch::TchError> {
            Ok(Norm {
                gamma: tensor(0)?,
                beta: tensor(1)?,
                mean: tensor(2)?,
                variance: tensor(3)?,
                epsilon: self.epsilon,
            })
        };
        norm().stage(|| format!("loading `{}`", layer.name))
    }
}
