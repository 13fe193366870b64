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
        self.apply_with(images, &self.constants(images.device())?)
    }

    /// What [`apply_with`](Self::apply_with) needs on a device. Bringing it there waits for all that the device has to
    /// do, so that a pipeline does it once.
    pub(crate) fn constants(self, device: tch::Device) -> Result<Vec<Tensor>, BackboneError> {
        let values: &[&[f32]] = match self {
            Self::Caffe => &[&CAFFE_MEANS_BGR],
            Self::Tf => &[&[127.5], &[1.0]],
        };
        let constant = |values: &&[f32]| Tensor::f_from_slice(values)?.f_to_device(device);
        values.iter().map(constant).collect::<Result<_, _>>().stage(|| "preprocessing".to_owned())
    }

    /// [`apply`](Self::apply) with constants that are on the device of `images` already.
    pub(crate) fn apply_with(self, images: &Tensor, constants: &[Tensor]) -> Result<Tensor, BackboneError> {
        let run = || match (self, constants) {
            (Self::Caffe, [means]) => images.f_flip([3])?.f_to_kind(tch::Kind::Float)?.f_sub_(means),
            // A division by a tensor: libtorch divides by a number as it multiplies by 1/127.5, which rounds differently.
            (Self::Tf, [scale, one]) => images.f_to_kind(tch::Kind::Float)?.f_div_(scale)?.f_sub_(one),
            _ => Err(tch::TchError::Torch("the constants of another preprocessing".to_owned())),
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
