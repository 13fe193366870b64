//! Graph and weights to steps.

use super::convolution::Convolution;
use super::kernels::Source;
use super::{BatchNorm, Operation, Plan, Step, Target, fusion};
use crate::error::BackboneError;
use crate::layers::{Graph, Layer, Op};
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
        let source = Source::new(graph, weights, epsilon, batch_norm, target);
        let kernels = source.convolutions()?;
        let mut compiler = Compiler { source: &source, value: Vec::new(), steps: Vec::new() };
        for ((index, layer), kernels) in layers.iter().enumerate().zip(kernels) {
            let value = compiler.layer(index, layer, kernels)?;
            compiler.value.push(value);
        }
        let output = compiler.value.last().copied().unwrap_or_default();
        let mut steps = fusion::fuse(compiler.steps, output);
        mark_last_uses(&mut steps, output);
        Ok(Self { steps, values: 2 * layers.len(), output, kind: target.precision.kind() })
    }
}

struct Compiler<'a> {
    source: &'a Source<'a>,
    /// For each layer so far, the value that holds its output.
    value: Vec<usize>,
    steps: Vec<Step>,
}

impl Compiler<'_> {
    /// Adds the steps of a layer and says which value holds its output. `kernels` are its convolutions in order.
    fn layer(&mut self, index: usize, layer: &Layer, kernels: Vec<Convolution>) -> Result<usize, BackboneError> {
        let source = self.source;
        let input = layer.inputs.first().copied();
        let operation = match layer.op {
            Op::Input => return Ok(index),
            Op::GlobalAveragePooling2D => return Ok(input.map_or(index, |i| self.value[i])),
            Op::ZeroPadding2D { .. } if source.border_is_absorbed(index) => {
                return Ok(input.map_or(index, |i| self.value[i]));
            }
            Op::BatchNormalization if source.is_folded(index) => {
                return Ok(input.map_or(index, |i| self.value[i]));
            }
            Op::Conv2D { .. } | Op::SeparableConv2D { .. } => {
                let mut inputs = self.read(layer);
                let last = kernels.len().saturating_sub(1);
                for (number, kernel) in kernels.into_iter().enumerate() {
                    let between = source.layers.len() + index;
                    let output = if number == last { index } else { between };
                    self.push(layer, Operation::Convolution(kernel), inputs, output);
                    inputs = vec![between];
                }
                return Ok(index);
            }
            Op::ZeroPadding2D { pad } => Operation::ZeroPad(pad),
            Op::BatchNormalization => Operation::BatchNorm(source.norm(index, layer)?),
            Op::Relu => Operation::Relu,
            Op::MaxPooling2D { pool, stride, padding } => {
                Operation::MaxPool { pool, stride, border: source.border(layer, padding) }
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
