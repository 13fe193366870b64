//! Which backbones there are, and what a user of one needs to know about it.

use std::fmt;
use std::str::FromStr;

use crate::error::BackboneError;
use crate::layers::Graph;
use crate::preprocess::Preprocess;
use crate::{resnet50, xception};

/// A backbone of `keras.applications`, without its top and with global average pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Architecture {
    /// ResNet50 v1: 23,587,712 parameters, strides on the first 1x1 convolution of a block.
    ResNet50,
    /// Xception: 20,861,480 parameters, separable convolutions.
    Xception,
}

impl Architecture {
    /// Every architecture, in the order in which they are listed to users.
    pub const ALL: [Self; 2] = [Self::ResNet50, Self::Xception];

    /// Length of a feature vector; the same for all architectures.
    pub const FEATURES: usize = 2048;

    /// The lower-case name that Keras gives the model, as in `--backbone resnet50`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ResNet50 => "resnet50",
            Self::Xception => "xception",
        }
    }

    /// Height and width in pixels for which the published weights were trained.
    pub fn default_image_size(self) -> usize {
        match self {
            Self::ResNet50 => 224,
            Self::Xception => 299,
        }
    }

    /// Smallest height and width in pixels that Keras admits.
    pub fn min_image_size(self) -> usize {
        match self {
            Self::ResNet50 => 32,
            Self::Xception => 71,
        }
    }

    /// What is done to a 0..255 RGB image before the first layer.
    pub fn preprocessing(self) -> Preprocess {
        match self {
            Self::ResNet50 => Preprocess::Caffe,
            Self::Xception => Preprocess::Tf,
        }
    }

    /// The layers, in Keras' order.
    pub fn graph(self) -> Graph {
        match self {
            Self::ResNet50 => resnet50::graph(),
            Self::Xception => xception::graph(),
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Architecture {
    type Err = BackboneError;

    fn from_str(name: &str) -> Result<Self, BackboneError> {
        Self::ALL
            .into_iter()
            .find(|a| a.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| BackboneError::UnknownArchitecture { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_unknown_ones_are_named() {
        for a in Architecture::ALL {
            assert_eq!(a.to_string().parse::<Architecture>().unwrap(), a);
        }
        assert_eq!("ResNet50".parse::<Architecture>().unwrap(), Architecture::ResNet50);
        let message = "vgg16".parse::<Architecture>().unwrap_err().to_string();
        assert_eq!(message, "unknown backbone `vgg16`; there are resnet50, xception");
    }
}
