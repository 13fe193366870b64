//! The description of a network: layers in Keras' order, with Keras' names, as plain data.
//!
//! Shapes are NHWC as in Keras: `(height, width, channels)` after the batch axis.

mod graph;
mod padding;
mod tensors;

pub(crate) use graph::GraphBuilder;
pub use graph::{Graph, Layer, Op};
pub use padding::{Padding, same_padding};
pub use tensors::{TensorSpec, Variable};

/// Output shape of a layer, without the batch axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Height, width, channels.
    Image([usize; 3]),
    /// Features.
    Vector(usize),
}

impl Shape {
    /// The size of the last axis.
    pub fn channels(self) -> usize {
        match self {
            Self::Image([_, _, c]) | Self::Vector(c) => c,
        }
    }
}
