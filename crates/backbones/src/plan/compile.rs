//! Graph and weights to steps.

use super::convolution::{Convolution, Kernel};
use super::{BatchNorm, Border, Norm, Operation, Plan, Step, Target, fusion};
use crate::error::{BackboneError, TorchContext as _};
use crate::layers::{Graph, Layer, Op, Padding, Shape};
use crate::weights::Weights;

impl Plan {
    /// Prepares `graph` with `weights` on `device`.
    ///
    /// Zero padding is left to the convolution or pooling that follows it, and with [`BatchNorm::Folded`] each batch
    /// norm becomes part of the convolution before it. The last layer, global average pooling, is left to
    /// [`Plan::run`].
    pub(crate) fn compile(
        graph: &Graph,
        weights: &Weights,
        epsilon: f64,
        batch_norm: BatchNorm,
        target: Target,
    ) -> Result<Self, BackboneError> {
        let layers = graph.layers();
        // A shape only says what to pack for; an image too small for the network is refused when it comes.
        let [height, width] = target.image;
        let shapes = graph.shapes(height, width).unwrap_or_default();
        let mut compiler = Compiler { layers, shapes, weights, epsilon, target, value: Vec::new(), steps: Vec::new() };
        for (index, layer) in layers.iter().enumerate() {
            let value = compiler.layer(index, layer, batch_norm)?;
            compiler.value.push(value);
        }
        let output = compiler.value.last().copied().unwrap_or_default();
        let mut steps = fusion::fuse(compiler.steps, output);
        mark_last_uses(&mut steps, output);
        Ok(Self { steps, values: 2 * layers.len(), output, kind: target.precision.kind() })
    }
}

struct Compiler<'a> {
    layers: &'a [Layer],
    /// Beside `layers`.
    shapes: Vec<Shape>,
    weights: &'a Weights,
    epsilon: f64,
    target: Target,
    /// For each layer so far, the value that holds its output.
    value: Vec<usize>,
    steps: Vec<Step>,
}

impl Compiler<'_> {
    /// Adds the steps of a layer and says which value holds its output.
    fn layer(&mut self, index: usize, layer: &Layer, batch_norm: BatchNorm) -> Result<usize, BackboneError> {
        let input = layer.inputs.first().copied();
        let operation = match layer.op {
            Op::Input => return Ok(index),
            Op::GlobalAveragePooling2D => return Ok(input.map_or(index, |i| self.value[i])),
            Op::ZeroPadding2D { .. } if self.border_is_absorbed(index) => {
                return Ok(input.map_or(index, |i| self.value[i]));
            }
            Op::BatchNormalization if batch_norm == BatchNorm::Folded && self.is_folded(index) => {
                return Ok(input.map_or(index, |i| self.value[i]));
            }
            Op::ZeroPadding2D { pad } => Operation::ZeroPad(pad),
            Op::Conv2D { stride, padding, .. } => {
                let kernel = self.weights.of_layer(index);
                let kernel = Kernel::full(kernel[0], kernel.get(1).copied(), layer);
                let kernel = self.fold(index, kernel, batch_norm);
                let border = self.border(layer, padding);
                Operation::Convolution(self.convolution(layer, kernel, stride, border)?)
            }
            Op::SeparableConv2D { .. } => {
                let kernels = self.weights.of_layer(index);
                let depthwise = Kernel::depthwise(kernels[0], layer);
                let depthwise = Operation::Convolution(self.convolution(layer, depthwise, 1, Border::Same)?);
                let between = self.push(layer, depthwise, self.read(layer), self.layers.len() + index);
                let pointwise = self.fold(index, Kernel::pointwise(kernels[1], layer), batch_norm);
                let pointwise = Operation::Convolution(self.convolution(layer, pointwise, 1, Border::Fixed(0))?);
                return Ok(self.push(layer, pointwise, vec![between], index));
            }
            Op::BatchNormalization => Operation::BatchNorm(self.norm(index, layer)?),
            Op::Relu => Operation::Relu,
            Op::MaxPooling2D { pool, stride, padding } => {
                Operation::MaxPool { pool, stride, border: self.border(layer, padding) }
            }
            Op::Add => Operation::Add,
        };
        Ok(self.push(layer, operation, self.read(layer), index))
    }

    fn push(&mut self, layer: &Layer, operation: Operation, inputs: Vec<usize>, output: usize) -> usize {
        self.steps.push(Step { name: layer.name.clone(), operation, inputs, output, last_used: Vec::new() });
        output
    }

    /// The values that a layer reads.
    fn read(&self, layer: &Layer) -> Vec<usize> {
        layer.inputs.iter().map(|&i| self.value[i]).collect()
    }

    /// The only layer that reads layer `index`, if there is just one.
    fn only_reader(&self, index: usize) -> Option<(usize, &Layer)> {
        let mut readers = self.layers.iter().enumerate().filter(|(_, l)| l.inputs.contains(&index));
        let reader = readers.next()?;
        readers.next().is_none().then_some(reader)
    }

    /// Whether the zero padding `index` may be left to its reader. A pooling would have it win against negative
    /// values, which there are none of after a rectifier.
    fn border_is_absorbed(&self, index: usize) -> bool {
        let after_relu = self.layers[index].inputs.iter().all(|&i| self.layers[i].op == Op::Relu);
        match self.only_reader(index).map(|(_, reader)| reader.op) {
            Some(Op::Conv2D { padding: Padding::Valid, .. }) => true,
            Some(Op::MaxPooling2D { padding: Padding::Valid, .. }) => after_relu,
            _ => false,
        }
    }

    /// The border of a layer with windows, including the padding that it takes over.
    fn border(&self, layer: &Layer, padding: Padding) -> Border {
        if padding == Padding::Same {
            return Border::Same;
        }
        match layer.inputs.first().map(|&i| (i, self.layers[i].op)) {
            Some((i, Op::ZeroPadding2D { pad })) if self.border_is_absorbed(i) => Border::Fixed(pad),
            _ => Border::Fixed(0),
        }
    }

    /// Whether the batch norm `index` is the only reader of a convolution.
    fn is_folded(&self, index: usize) -> bool {
        self.layers[index].inputs.iter().all(|&i| {
            matches!(self.layers[i].op, Op::Conv2D { .. } | Op::SeparableConv2D { .. }) && self.only_reader(i).is_some()
        })
    }

    /// Multiplies the batch norm after layer `index` into its kernel.
    fn fold(&self, index: usize, kernel: Kernel, batch_norm: BatchNorm) -> Kernel {
        match self.only_reader(index) {
            Some((norm, reader)) if batch_norm == BatchNorm::Folded && reader.op == Op::BatchNormalization => {
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
                Border::Fixed(pad) if pad > 0 => [height - 2 * pad, width - 2 * pad],
                _ => [*height, *width],
            },
            _ => [1; 2],
        };
        Convolution::new(kernel, stride, border, self.target, shape.map(|n| n as i64))
            .stage(|| format!("loading `{}`", layer.name))
    }

    fn norm(&self, index: usize, layer: &Layer) -> Result<Norm, BackboneError> {
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

/// Notes at each step which values are not read again, so that memory is freed and reused as early as can be.
fn mark_last_uses(steps: &mut [Step], output: usize) {
    let mut read_later = std::collections::BTreeSet::from([output]);
    for step in steps.iter_mut().rev() {
        for &input in &step.inputs {
            if read_later.insert(input) {
                step.last_used.push(input);
            }
        }
    }
}
