//! A network made ready to run: the layers of a [`Graph`] with their weights as libtorch tensors, fused where that
//! changes nothing but rounding.
//!
//! This is the boundary behind which arithmetic may be replaced (packed weights, other precisions, other libraries):
//! [`Backbone`](crate::Backbone) knows only [`Plan::compile`] and [`Plan::run`].

mod compile;
mod convolution;
mod fused;
mod fusion;
mod kernels;
mod run;

use tch::{Kind, Tensor};

use crate::precision::Precision;

use convolution::Convolution;

/// Whether this libtorch's fused convolutions are there and give the numbers of the plain ones.
pub(crate) fn has_fused_convolutions() -> bool {
    fused::Fused::find().is_some()
}

/// Whether batch norms are folded into the convolutions before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchNorm {
    /// Folded, in f64, rounded once. What runs by default.
    Folded,
    /// A step of its own. What calibration watches, and what tests compare the folded plan with.
    Separate,
}

/// What a plan is made for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) device: tch::Device,
    /// Of weights and feature maps.
    pub(crate) precision: Precision,
    pub(crate) convolve: Convolve,
    pub(crate) packing: Packing,
}

/// Which convolutions of libtorch may be called, where they are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Convolve {
    /// Those that take sums and rectifiers along.
    Fused,
    /// oneDNN's by name.
    OneDnn,
    /// The one that chooses by itself.
    Any,
}

/// What kernels are packed for: oneDNN's choice follows it. Other images and threads only take longer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packing {
    /// Height and width.
    pub(crate) image: [usize; 2],
    /// Of one operation.
    pub(crate) threads: usize,
}

impl Target {
    /// f32, by libtorch's public functions alone.
    pub(crate) fn plain(device: tch::Device) -> Self {
        let packing = Packing { image: [224, 224], threads: 1 };
        Self { device, precision: Precision::Fp32, convolve: Convolve::OneDnn, packing }
    }

    /// f32, by operations that every build of PyTorch has.
    pub(crate) fn portable() -> Self {
        Self { convolve: Convolve::Any, ..Self::plain(tch::Device::Cpu) }
    }
}

/// Steps in the order in which they run.
#[derive(Debug)]
pub(crate) struct Plan {
    steps: Vec<Step>,
    /// Values are numbered like the layers that give them, the input is layer 0; those inside a layer come after.
    values: usize,
    output: usize,
    kind: Kind,
}

// SAFETY: tensors are not Sync because they can be written through a shared reference. A plan only reads its own: what
// steps write over are feature maps, which belong to one run. libtorch counts references atomically and lets any number
// of threads read a tensor.
unsafe impl Sync for Plan {}

#[derive(Debug)]
struct Step {
    /// The layer's name, for messages.
    name: String,
    operation: Operation,
    inputs: Vec<usize>,
    output: usize,
    /// Inputs that no later step reads.
    last_used: Vec<usize>,
}

#[derive(Debug)]
enum Operation {
    Convolution(Convolution),
    BatchNorm(Norm),
    Relu,
    MaxPool { pool: usize, stride: usize, border: Border },
    ZeroPad(usize),
    Add,
}

/// How far a window reaches beyond the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Border {
    /// By a fixed number of elements on every side.
    Fixed(usize),
    /// As TensorFlow's `same` says for the size at hand.
    Same,
}

#[derive(Debug)]
struct Norm {
    gamma: Tensor,
    beta: Tensor,
    mean: Tensor,
    variance: Tensor,
    epsilon: f64,
}

/// Moments of one layer's input, as tensors of shape `[channels]`.
#[derive(Debug)]
pub(crate) struct BatchMoments {
    pub(crate) mean: Tensor,
    pub(crate) variance: Tensor,
}
