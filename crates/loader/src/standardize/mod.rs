//! Pixels to the numbers that a backbone was trained on.

use std::fmt;
use std::str::FromStr;

use crate::error::LoaderError;

/// How an RGB image in `0..=255` is standardised: the modes of `keras.applications`' `preprocess_input`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preprocessing {
    /// RGB as it is, `0.0..=255.0`.
    #[default]
    None,
    /// BGR minus the ImageNet means `[103.939, 116.779, 123.68]`, unscaled: ResNet50.
    Caffe,
    /// RGB in `-1.0..=1.0`: `x / 127.5 - 1`: Xception.
    Tf,
}

/// Means of [`Preprocessing::Caffe`], in the order of its channels, BGR.
const CAFFE_MEANS: [f32; 3] = [103.939, 116.779, 123.68];

impl Preprocessing {
    /// Writes the standardised `rgb` (HWC, `u8`) to `out` (HWC, `f32`), in single precision in the order of
    /// operations of Keras, so that the numbers are the same to the last bit.
    ///
    /// # Panics
    ///
    /// When the two lengths differ.
    pub fn apply(self, rgb: &[u8], out: &mut [f32]) {
        assert_eq!(rgb.len(), out.len(), "one number a pixel and channel");
        match self {
            Self::None => {
                for (out, &value) in out.iter_mut().zip(rgb) {
                    *out = f32::from(value);
                }
            }
            Self::Caffe => {
                let [blue, green, red] = CAFFE_MEANS;
                for (out, rgb) in out.as_chunks_mut::<3>().0.iter_mut().zip(rgb.as_chunks::<3>().0) {
                    *out = [f32::from(rgb[2]) - blue, f32::from(rgb[1]) - green, f32::from(rgb[0]) - red];
                }
            }
            Self::Tf => {
                for (out, &value) in out.iter_mut().zip(rgb) {
                    *out = f32::from(value) / 127.5 - 1.0;
                }
            }
        }
    }

    /// Whether pixels stay the `u8` that they were.
    pub const fn is_identity(self) -> bool {
        matches!(self, Self::None)
    }
}

impl fmt::Display for Preprocessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Caffe => "caffe",
            Self::Tf => "tf",
        })
    }
}

impl FromStr for Preprocessing {
    type Err = LoaderError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "none" => Ok(Self::None),
            "caffe" => Ok(Self::Caffe),
            "tf" => Ok(Self::Tf),
            other => Err(LoaderError::InvalidOption {
                option: "preprocessing",
                expected: "none, caffe or tf",
                got: other.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(preprocessing: Preprocessing, rgb: &[u8]) -> Vec<f32> {
        let mut out = vec![0.0; rgb.len()];
        preprocessing.apply(rgb, &mut out);
        out
    }

    // keras.applications.resnet50.preprocess_input and xception.preprocess_input, Keras 3.15.1, on
    // np.array([[0, 128, 255], [17, 3, 200]], np.float32).
    #[test]
    fn caffe_is_bgr_minus_means() {
        let expected = [255.0 - 103.939, 128.0 - 116.779, 0.0 - 123.68, 200.0 - 103.939, 3.0 - 116.779, 17.0 - 123.68];
        assert_eq!(apply(Preprocessing::Caffe, &[0, 128, 255, 17, 3, 200]), expected);
    }

    #[test]
    fn tf_is_minus_one_to_one() {
        let expected = [-1.0, 0.003_921_628, 1.0, -0.866_666_7, -0.976_470_6, 0.568_627_4];
        for (value, expected) in apply(Preprocessing::Tf, &[0, 128, 255, 17, 3, 200]).into_iter().zip(expected) {
            assert!((value - expected).abs() < 2e-7_f32, "{value} {expected}");
        }
    }

    #[test]
    fn names_read_back() {
        for preprocessing in [Preprocessing::None, Preprocessing::Caffe, Preprocessing::Tf] {
            assert_eq!(preprocessing.to_string().parse::<Preprocessing>().unwrap(), preprocessing);
        }
        assert!("rescale".parse::<Preprocessing>().is_err());
    }
}
