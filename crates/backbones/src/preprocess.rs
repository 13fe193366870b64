//! What is done to a 0..255 RGB image before the first layer, as `preprocess_input` of `keras.applications` does it.

use tch::Tensor;

use crate::error::{BackboneError, TorchContext as _};

/// Mean of each channel of ImageNet in BGR order (`keras.applications.imagenet_utils`).
pub const CAFFE_MEANS_BGR: [f32; 3] = [103.939, 116.779, 123.68];

/// A preprocessing mode, by Keras' name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Preprocess {
    /// RGB becomes BGR, then the means of ImageNet are subtracted; no scaling.
    Caffe,
    /// `x / 127.5 - 1`, so that values lie in -1..1.
    Tf,
}

impl Preprocess {
    /// Turns RGB bytes into the f32 input of the network, both NHWC, on the device of `images`.
    ///
    /// On the CPU the result is bit for bit that of NumPy in f32.
    pub(crate) fn apply(self, images: &Tensor) -> Result<Tensor, BackboneError> {
        let run = || {
            let constant = |values: &[f32]| Tensor::f_from_slice(values)?.f_to_device(images.device());
            match self {
                Self::Caffe => {
                    let mut x = images.f_flip([3])?.f_to_kind(tch::Kind::Float)?;
                    x.f_sub_(&constant(&CAFFE_MEANS_BGR)?)
                }
                Self::Tf => {
                    let mut x = images.f_to_kind(tch::Kind::Float)?;
                    // A division, not a product with 1/127.5, which rounds differently.
                    x.f_div_(&constant(&[127.5])?)?.f_sub_(&constant(&[1.0])?)
                }
            }
        };
        run().stage(|| "preprocessing".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(mode: Preprocess, pixels: &[u8]) -> Vec<f32> {
        let images = Tensor::f_from_data_size(pixels, &[1, 1, pixels.len() as i64 / 3, 3], tch::Kind::Uint8).unwrap();
        let x = mode.apply(&images).unwrap();
        assert_eq!(x.size(), images.size());
        let mut values = vec![0.0; pixels.len()];
        x.f_copy_data(&mut values, pixels.len()).unwrap();
        values
    }

    #[test]
    fn every_byte_gives_what_f32_arithmetic_gives() {
        let pixels: Vec<u8> = (0..=255_u8).flat_map(|v| [v, v.wrapping_mul(7), 255 - v]).collect();
        let caffe = run(Preprocess::Caffe, &pixels);
        let tf = run(Preprocess::Tf, &pixels);
        for (i, pixel) in pixels.chunks(3).enumerate() {
            for c in 0..3 {
                assert_eq!(caffe[3 * i + c].to_bits(), (f32::from(pixel[2 - c]) - CAFFE_MEANS_BGR[c]).to_bits());
                assert_eq!(tf[3 * i + c].to_bits(), (f32::from(pixel[c]) / 127.5 - 1.0).to_bits());
            }
        }
    }

    /// From `keras.applications.{resnet50,xception}.preprocess_input` on the same pixel.
    #[test]
    fn golden_pixel() {
        assert_eq!(run(Preprocess::Caffe, &[10, 20, 30]), [-73.939, -96.779, -113.68]);
        assert_eq!(run(Preprocess::Tf, &[0, 255, 51]), [-1.0, 1.0, -0.6]);
    }
}
