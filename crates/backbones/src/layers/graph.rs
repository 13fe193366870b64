//! Layers and how they are connected.

use super::{Padding, Shape};

/// What a layer computes. All windows are square.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// The image, already preprocessed, three channels.
    Input,
    /// Zeros on all four sides.
    ZeroPadding2D {
        /// Rows and columns added on each side.
        pad: usize,
    },
    /// A full convolution.
    Conv2D {
        /// Output channels.
        filters: usize,
        /// Side of the window.
        kernel: usize,
        /// Step of the window.
        stride: usize,
        /// What happens at the border.
        padding: Padding,
        /// Whether a bias is added.
        bias: bool,
    },
    /// A 3x3 depthwise convolution, then a 1x1 convolution; nothing between, no bias, stride 1, padding `same`.
    SeparableConv2D {
        /// Output channels.
        filters: usize,
        /// Side of the depthwise window.
        kernel: usize,
    },
    /// `gamma * (x - mean) / sqrt(variance + epsilon) + beta` by channel, with stored statistics.
    BatchNormalization,
    /// Rectified linear unit.
    Relu,
    /// Largest value of each window; the border never wins.
    MaxPooling2D {
        /// Side of the window.
        pool: usize,
        /// Step of the window.
        stride: usize,
        /// What happens at the border.
        padding: Padding,
    },
    /// Sum of two layers.
    Add,
    /// Mean over height and width.
    GlobalAveragePooling2D,
}

impl Op {
    /// Keras' name of the layer type.
    pub fn keras_type(self) -> &'static str {
        match self {
            Self::Input => "InputLayer",
            Self::ZeroPadding2D { .. } => "ZeroPadding2D",
            Self::Conv2D { .. } => "Conv2D",
            Self::SeparableConv2D { .. } => "SeparableConv2D",
            Self::BatchNormalization => "BatchNormalization",
            Self::Relu => "Activation",
            Self::MaxPooling2D { .. } => "MaxPooling2D",
            Self::Add => "Add",
            Self::GlobalAveragePooling2D => "GlobalAveragePooling2D",
        }
    }

    fn channels(self, input: usize) -> usize {
        match self {
            Self::Input => 3,
            Self::Conv2D { filters, .. } | Self::SeparableConv2D { filters, .. } => filters,
            _ => input,
        }
    }
}

/// One layer of a [`Graph`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Keras' name.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Indices of the layers it reads, in Keras' order.
    pub inputs: Vec<usize>,
    /// Channels it reads; 0 for the input layer.
    pub in_channels: usize,
    /// Channels it gives.
    pub out_channels: usize,
}

/// A network: layers in an order in which each comes after those it reads. The last layer is the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    layers: Vec<Layer>,
}

impl Graph {
    /// The layers, as `model.layers` of Keras lists them.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Output shape of every layer for an image of `height` x `width`, or `None` where the image is too small for
    /// a window.
    pub fn shapes(&self, height: usize, width: usize) -> Option<Vec<Shape>> {
        let mut shapes: Vec<Shape> = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let input = layer.inputs.first().map(|&i| shapes[i]);
            shapes.push(output_shape(layer, input, [height, width])?);
        }
        Some(shapes)
    }
}

fn output_shape(layer: &Layer, input: Option<Shape>, image: [usize; 2]) -> Option<Shape> {
    let [h, w] = match input {
        Some(Shape::Image([h, w, _])) => [h, w],
        Some(Shape::Vector(_)) => return None,
        None => image,
    };
    let [h, w] = match layer.op {
        Op::ZeroPadding2D { pad } => [h + 2 * pad, w + 2 * pad],
        Op::Conv2D { kernel: k, stride: s, padding: p, .. } | Op::MaxPooling2D { pool: k, stride: s, padding: p } => {
            [p.output_size(h, k, s)?, p.output_size(w, k, s)?]
        }
        Op::GlobalAveragePooling2D => return Some(Shape::Vector(layer.out_channels)),
        Op::Input | Op::SeparableConv2D { .. } | Op::BatchNormalization | Op::Relu | Op::Add => [h, w],
    };
    Some(Shape::Image([h, w, layer.out_channels]))
}

/// Writes a graph down layer by layer.
#[derive(Debug, Default)]
pub(crate) struct GraphBuilder {
    layers: Vec<Layer>,
}

impl GraphBuilder {
    /// Adds a layer that reads `inputs` and returns its index.
    pub(crate) fn add(&mut self, name: impl Into<String>, op: Op, inputs: &[usize]) -> usize {
        let in_channels = inputs.first().map_or(0, |&i| self.layers[i].out_channels);
        self.layers.push(Layer {
            name: name.into(),
            op,
            inputs: inputs.to_vec(),
            in_channels,
            out_channels: op.channels(in_channels),
        });
        self.layers.len() - 1
    }

    pub(crate) fn finish(self) -> Graph {
        Graph { layers: self.layers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Architecture;

    #[test]
    fn every_layer_reads_earlier_ones_with_matching_channels() {
        for architecture in Architecture::ALL {
            let graph = architecture.graph();
            for (index, layer) in graph.layers().iter().enumerate() {
                for &input in &layer.inputs {
                    assert!(input < index, "{}", layer.name);
                    assert_eq!(graph.layers()[input].out_channels, layer.in_channels, "{}", layer.name);
                }
                assert_eq!(
                    layer.inputs.len(),
                    match layer.op {
                        Op::Input => 0,
                        Op::Add => 2,
                        _ => 1,
                    }
                );
            }
        }
    }

    #[test]
    fn final_maps_have_keras_sizes() {
        for (architecture, size, side) in [
            (Architecture::ResNet50, 224, 7),
            (Architecture::ResNet50, 32, 1),
            (Architecture::ResNet50, 225, 8),
            (Architecture::Xception, 299, 10),
            (Architecture::Xception, 224, 7),
            (Architecture::Xception, 71, 3),
        ] {
            let shapes = architecture.graph().shapes(size, size).unwrap();
            assert_eq!(shapes[shapes.len() - 2], Shape::Image([side, side, 2048]), "{architecture} {size}");
            assert_eq!(shapes.last(), Some(&Shape::Vector(2048)));
        }
    }

    #[test]
    fn an_image_smaller_than_a_window_has_no_shapes() {
        assert_eq!(Architecture::Xception.graph().shapes(2, 71), None);
    }
}
