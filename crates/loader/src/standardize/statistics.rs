//! What is known of a data set's images as a whole, and how that is saved.

use std::collections::HashMap;
use std::fmt;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::error::StandardizeError;
use super::shape::ImageShape;

/// The key of the shape in a file's metadata: the only one, so that the same statistics are the same bytes.
const SHAPE_KEY: &str = "image_shape";

/// Mean, standard deviation and whitening of a data set: what Keras' `fit` leaves in a generator.
///
/// They are of images after rescaling and before everything else, and are only right for images that are rescaled
/// alike. Made by [`StatisticsBuilder`](super::StatisticsBuilder), or by [`new`](Self::new) from known numbers.
#[derive(Clone, PartialEq)]
pub struct Statistics {
    shape: ImageShape,
    mean: Vec<f32>,
    std: Vec<f32>,
    zca: Option<Vec<f32>>,
}

impl Statistics {
    /// Statistics from known numbers: `mean` and `std` have one value a channel; `zca`, if there is one, is a matrix
    /// of `shape.values()` rows and columns that a flattened (HWC) image, a row vector, is multiplied by from the left.
    ///
    /// # Errors
    ///
    /// [`StandardizeError::Statistics`] when a length is another, a value is not finite, or a deviation is negative.
    pub fn new(
        shape: ImageShape,
        mean: Vec<f32>,
        std: Vec<f32>,
        zca: Option<Vec<f32>>,
    ) -> Result<Self, StandardizeError> {
        let matrix = shape.values().saturating_mul(shape.values());
        check("mean", &mean, shape.channels)?;
        check("std", &std, shape.channels)?;
        if let Some(zca) = &zca {
            check("zca", zca, matrix)?;
        }
        if shape.values() == 0 || std.iter().any(|&std| std < 0.0) {
            return Err(invalid("a negative std, or images without pixels"));
        }
        Ok(Self { shape, mean, std, zca })
    }

    /// Shape of the images that were fitted on.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// Mean of each channel over all pixels of all images.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Population standard deviation of each channel over all pixels of all images.
    pub fn std(&self) -> &[f32] {
        &self.std
    }

    /// The whitening matrix, symmetric, `shape().values()` squared, where one was fitted.
    pub fn zca(&self) -> Option<&[f32]> {
        self.zca.as_deref()
    }

    /// The statistics as a safetensors file: tensors `mean`, `std` and perhaps `zca`, `f32`, and the image's shape as
    /// `height,width,channels` under `image_shape` in the metadata. The same statistics give the same bytes.
    ///
    /// # Errors
    ///
    /// [`StandardizeError::Statistics`] with the format's own reason.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StandardizeError> {
        let ImageShape { height, width, channels } = self.shape;
        let values = self.shape.values();
        let mut tensors = vec![("mean", vec![channels], &self.mean), ("std", vec![channels], &self.std)];
        if let Some(zca) = &self.zca {
            tensors.push(("zca", vec![values, values], zca));
        }
        let bytes: Vec<_> = tensors.iter().map(|(_, _, values)| little_endian(values)).collect();
        let views = tensors
            .into_iter()
            .zip(&bytes)
            .map(|((name, shape, _), bytes)| TensorView::new(Dtype::F32, shape, bytes).map(|view| (name, view)));
        let views = views.collect::<Result<Vec<_>, _>>().map_err(invalid)?;
        let metadata = HashMap::from([(SHAPE_KEY.to_owned(), format!("{height},{width},{channels}"))]);
        safetensors::serialize(views, Some(metadata)).map_err(invalid)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) gave.
    ///
    /// # Errors
    ///
    /// [`StandardizeError::Statistics`] when that is not safetensors, a tensor is missing or not `f32`, or the numbers
    /// are not statistics by [`new`](Self::new).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StandardizeError> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(invalid)?;
        let shape = header.metadata().as_ref().and_then(|metadata| metadata.get(SHAPE_KEY));
        let shape = shape.ok_or_else(|| invalid(format!("no {SHAPE_KEY} in the metadata")))?;
        let sizes = shape.split(',').map(str::parse).collect::<Result<Vec<usize>, _>>();
        let Ok(&[height, width, channels]) = sizes.as_deref() else {
            return Err(invalid(format!("{SHAPE_KEY} is {shape:?}, not height,width,channels")));
        };
        let tensors = SafeTensors::deserialize(bytes).map_err(invalid)?;
        let read = |name| tensors.tensor(name).map_err(invalid).and_then(|tensor| floats(name, &tensor));
        let zca = tensors.names().contains(&"zca").then(|| read("zca")).transpose()?;
        Self::new(ImageShape { height, width, channels }, read("mean")?, read("std")?, zca)
    }
}

impl fmt::Debug for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the matrix, which may have millions of numbers.
        f.debug_struct("Statistics")
            .field("shape", &self.shape)
            .field("mean", &self.mean)
            .field("std", &self.std)
            .field("zca", &self.zca.as_ref().map(Vec::len))
            .finish()
    }
}

fn invalid(reason: impl ToString) -> StandardizeError {
    StandardizeError::Statistics { reason: reason.to_string() }
}

fn check(name: &str, values: &[f32], expected: usize) -> Result<(), StandardizeError> {
    if values.len() != expected {
        return Err(invalid(format!("{name} has {} values, not {expected}", values.len())));
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(invalid(format!("{name}[{index}] is {}", values[index]))),
        None => Ok(()),
    }
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn floats(name: &str, tensor: &TensorView<'_>) -> Result<Vec<f32>, StandardizeError> {
    if tensor.dtype() != Dtype::F32 {
        return Err(invalid(format!("{name} is {:?}, not F32", tensor.dtype())));
    }
    Ok(tensor.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { height: 1, width: 2, channels: 1 };

    fn statistics() -> Statistics {
        Statistics::new(SHAPE, vec![0.5], vec![0.25], Some(vec![1.0, 0.5, 0.5, 2.0])).unwrap()
    }

    fn reason(result: Result<Statistics, StandardizeError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn they_read_back_from_the_same_bytes_every_time() {
        let bytes = statistics().to_bytes().unwrap();
        assert_eq!(Statistics::from_bytes(&bytes).unwrap(), statistics());
        assert_eq!(bytes, statistics().to_bytes().unwrap());
        let plain = Statistics::new(SHAPE, vec![0.5], vec![0.25], None).unwrap();
        assert_eq!(Statistics::from_bytes(&plain.to_bytes().unwrap()).unwrap(), plain);
    }

    #[test]
    fn wrong_numbers_are_not_statistics() {
        assert!(reason(Statistics::new(SHAPE, vec![0.5, 0.5], vec![1.0], None)).contains("mean has 2 values, not 1"));
        assert!(reason(Statistics::new(SHAPE, vec![f32::NAN], vec![1.0], None)).contains("mean[0] is NaN"));
        assert!(reason(Statistics::new(SHAPE, vec![0.5], vec![-1.0], None)).contains("negative std"));
        assert!(reason(Statistics::new(SHAPE, vec![0.5], vec![1.0], Some(vec![1.0]))).contains("zca has 1 values"));
        let huge = ImageShape { height: usize::MAX, width: 2, channels: 1 };
        assert!(reason(Statistics::new(huge, vec![0.5], vec![1.0], Some(vec![1.0]))).contains("zca has 1 values"));
    }

    #[test]
    fn other_bytes_are_not_statistics() {
        assert!(Statistics::from_bytes(b"").is_err());
        let bytes = statistics().to_bytes().unwrap();
        for cut in 0..bytes.len() {
            assert!(Statistics::from_bytes(&bytes[..cut]).is_err(), "{cut}");
        }
        for position in 0..bytes.len() {
            // Whatever this is, reading it does not panic.
            let mut damaged = bytes.clone();
            damaged[position] ^= 0x11;
            let _ = Statistics::from_bytes(&damaged);
        }
        let view = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
        let unshaped = safetensors::serialize([("mean", view)], None).unwrap();
        assert!(reason(Statistics::from_bytes(&unshaped)).contains("no image_shape"));
    }
}
