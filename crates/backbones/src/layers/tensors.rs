//! The weights of a network: names, shapes and roles, derived from its layers.

use super::{Graph, Layer, Op};

/// What a tensor is to its layer. The names are those of current Keras files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Variable {
    /// Convolution kernel `(height, width, in, out)`.
    Kernel,
    /// Convolution bias `(out,)`.
    Bias,
    /// Depthwise kernel `(height, width, in, 1)`.
    DepthwiseKernel,
    /// Pointwise kernel `(1, 1, in, out)`.
    PointwiseKernel,
    /// Batch-norm scale `(channels,)`.
    Gamma,
    /// Batch-norm offset `(channels,)`.
    Beta,
    /// Batch-norm mean `(channels,)`.
    MovingMean,
    /// Batch-norm variance `(channels,)`.
    MovingVariance,
}

impl Variable {
    /// The last part of the tensor's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Bias => "bias",
            Self::DepthwiseKernel => "depthwise_kernel",
            Self::PointwiseKernel => "pointwise_kernel",
            Self::Gamma => "gamma",
            Self::Beta => "beta",
            Self::MovingMean => "moving_mean",
            Self::MovingVariance => "moving_variance",
        }
    }

    /// Whether gradient descent would move it (were the backbone not frozen).
    pub fn is_trainable(self) -> bool {
        !matches!(self, Self::MovingMean | Self::MovingVariance)
    }
}

/// Name and shape of one weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// The canonical name, `layer/variable`, as in `conv1_conv/kernel`.
    pub name: String,
    /// Index of the layer in the graph.
    pub layer: usize,
    /// Role in the layer.
    pub variable: Variable,
    /// Shape in Keras' order of axes.
    pub shape: Vec<usize>,
}

impl TensorSpec {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no values; never so for the architectures here.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Layer {
    /// The weights of this layer, in Keras' order.
    pub fn variables(&self) -> Vec<(Variable, Vec<usize>)> {
        let (i, o) = (self.in_channels, self.out_channels);
        match self.op {
            Op::Conv2D { kernel: k, bias, .. } => {
                let mut all = vec![(Variable::Kernel, vec![k, k, i, o])];
                if bias {
                    all.push((Variable::Bias, vec![o]));
                }
                all
            }
            Op::SeparableConv2D { kernel: k, .. } => {
                vec![(Variable::DepthwiseKernel, vec![k, k, i, 1]), (Variable::PointwiseKernel, vec![1, 1, i, o])]
            }
            Op::BatchNormalization => vec![
                (Variable::Gamma, vec![o]),
                (Variable::Beta, vec![o]),
                (Variable::MovingMean, vec![o]),
                (Variable::MovingVariance, vec![o]),
            ],
            _ => Vec::new(),
        }
    }

    /// Number of weights.
    pub fn parameters(&self) -> usize {
        self.variables().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }
}

impl Graph {
    /// Every weight, in the order of the layers.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let mut all = Vec::new();
        for (index, layer) in self.layers().iter().enumerate() {
            for (variable, shape) in layer.variables() {
                let name = format!("{}/{}", layer.name, variable.name());
                all.push(TensorSpec { name, layer: index, variable, shape });
            }
        }
        all
    }

    /// Number of weights of all layers.
    pub fn parameters(&self) -> usize {
        self.layers().iter().map(Layer::parameters).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Architecture;

    #[test]
    fn parameter_counts_are_keras() {
        let statistics = |a: Architecture| -> usize {
            a.graph().tensors().iter().filter(|t| !t.variable.is_trainable()).map(TensorSpec::len).sum()
        };
        assert_eq!(Architecture::ResNet50.graph().parameters(), 23_587_712);
        assert_eq!(statistics(Architecture::ResNet50), 53_120);
        assert_eq!(Architecture::Xception.graph().parameters(), 20_861_480);
        assert_eq!(statistics(Architecture::Xception), 54_528);
    }

    #[test]
    fn tensor_names_are_unique() {
        for architecture in Architecture::ALL {
            let tensors = architecture.graph().tensors();
            let names: std::collections::BTreeSet<_> = tensors.iter().map(|t| &t.name).collect();
            assert_eq!(names.len(), tensors.len());
        }
    }
}
