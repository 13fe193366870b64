//! The whitening of a data set, from its covariance.
//!
//! Keras takes the singular vectors `U` and values `s` of all images at once, in single precision. They are the
//! eigenvectors and the roots of the eigenvalues of the sum of `x x'` over images, which needs memory for one matrix,
//! whatever the number of images. Squaring loses half of the digits; in double precision what is left is more than
//! single precision had.

use nalgebra::{DMatrix, DVector, Dyn, MatrixView, SymmetricEigen};

use crate::standardize::error::StandardizeError;
use crate::standardize::shape::ImageShape;

/// Images that are added in one multiplication of matrices.
const BLOCK: usize = 64;

/// Bytes for each entry of the matrix: three matrices in double precision while it is taken apart.
const BYTES_PER_ENTRY: u64 = 24;

/// The sum of `x x'` over flattened images `x`.
#[derive(Debug)]
pub(in crate::standardize) struct Covariance {
    shape: ImageShape,
    epsilon: f64,
    images: u64,
    /// Subtracted from every image, a value for each channel: near the mean, so that squares stay small.
    origin: Vec<f64>,
    /// Images that are not in `squares` yet, one a column.
    block: DMatrix<f64>,
    filled: usize,
    sum: DVector<f64>,
    squares: DMatrix<f64>,
}

impl Covariance {
    pub(in crate::standardize) fn new(
        shape: ImageShape,
        epsilon: f64,
        max_bytes: u64,
    ) -> Result<Self, StandardizeError> {
        if !(epsilon >= 0.0 && epsilon.is_finite()) {
            return Err(StandardizeError::Zca { reason: "zca_epsilon is negative or not finite" });
        }
        let values = shape.values();
        let bytes = (values as u64).saturating_mul(values as u64).saturating_mul(BYTES_PER_ENTRY);
        if bytes > max_bytes {
            return Err(StandardizeError::ZcaTooLarge { shape, bytes, limit: max_bytes });
        }
        Ok(Self {
            shape,
            epsilon,
            images: 0,
            origin: Vec::new(),
            block: DMatrix::zeros(values, BLOCK),
            filled: 0,
            sum: DVector::zeros(values),
            squares: DMatrix::zeros(values, values),
        })
    }

    /// Adds an image whose values are finite, with the mean of each of its channels.
    pub(in crate::standardize) fn add(&mut self, image: &[f32], rescale: f32, image_mean: &[f64]) {
        if self.images == 0 {
            self.origin = image_mean.to_vec();
        }
        let origin = self.origin.iter().cycle();
        let mut column = self.block.column_mut(self.filled);
        for ((entry, &value), origin) in column.iter_mut().zip(image).zip(origin) {
            *entry = f64::from(value * rescale) - origin;
        }
        self.sum += &column;
        self.images += 1;
        self.filled += 1;
        if self.filled == BLOCK {
            self.flush();
        }
    }

    /// The whitening of the images centred by `mean`, a value for each channel: row-major, which is column-major too.
    pub(in crate::standardize) fn whitening(mut self, mean: &[f64]) -> Result<Vec<f32>, StandardizeError> {
        self.flush();
        let images = self.images as f64;
        let values = self.shape.values();
        let centre: Vec<f64> = mean.iter().zip(&self.origin).map(|(mean, origin)| mean - origin).collect();
        let centre = DVector::from_iterator(values, centre.into_iter().cycle().take(values));
        // The sum of (x - c)(x - c)' is that of x x', less c (the sum of x)' and its transpose, plus n c c'.
        self.squares.ger(-1.0, &centre, &self.sum, 1.0);
        self.squares.ger(-1.0, &self.sum, &centre, 1.0);
        self.squares.ger(images, &centre, &centre, 1.0);

        let eigen = SymmetricEigen::try_new(self.squares, f64::EPSILON, 100 * values)
            .ok_or(StandardizeError::Zca { reason: "their eigenvalues do not converge" })?;
        // There are only as many singular values as images.
        let mut order: Vec<usize> = (0..values).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        let mut vectors = eigen.eigenvectors;
        for (rank, &index) in order.iter().enumerate() {
            let singular = eigen.eigenvalues[index].max(0.0).sqrt();
            let weight = if rank as u64 >= self.images { 0.0 } else { images.sqrt() / (singular + self.epsilon) };
            vectors.column_mut(index).scale_mut(weight.sqrt());
        }
        let whitening: Vec<f32> = times_transposed(&vectors).iter().map(|&weight| weight as f32).collect();
        if whitening.iter().all(|weight| weight.is_finite()) {
            Ok(whitening)
        } else {
            Err(StandardizeError::Zca { reason: "a singular value is 0; zca_epsilon must be larger" })
        }
    }

    fn flush(&mut self) {
        if self.filled == 0 {
            return;
        }
        let values = self.shape.values();
        let block = self.block.columns(0, self.filled);
        let rows = transposed(&self.block.as_slice()[..values * self.filled], values, self.filled);
        self.squares.gemm(1.0, &block, &rows, 1.0);
        self.filled = 0;
    }
}

/// A matrix by its own transpose.
fn times_transposed(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let mut product = DMatrix::zeros(matrix.nrows(), matrix.nrows());
    product.gemm(1.0, matrix, &transposed(matrix.as_slice(), matrix.nrows(), matrix.ncols()), 0.0);
    product
}

/// The transpose of a column-major matrix of `rows` and `columns`, where it lies.
fn transposed(matrix: &[f64], rows: usize, columns: usize) -> MatrixView<'_, f64, Dyn, Dyn, Dyn, Dyn> {
    MatrixView::from_slice_with_strides_generic(matrix, Dyn(columns), Dyn(rows), Dyn(rows), Dyn(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { height: 1, width: 2, channels: 1 };

    fn whitening(images: &[[f32; 2]], epsilon: f64) -> Result<Vec<f32>, StandardizeError> {
        let mut covariance = Covariance::new(SHAPE, epsilon, u64::MAX).unwrap();
        for image in images {
            covariance.add(image, 1.0, &[f64::from(image[0] + image[1]) / 2.0]);
        }
        let sum: f32 = images.iter().flatten().sum();
        covariance.whitening(&[f64::from(sum) / (2 * images.len()) as f64])
    }

    #[test]
    fn independent_values_are_scaled_to_one() {
        let images: Vec<_> =
            (0..200).map(|i| [if i % 2 == 0 { 3.0 } else { -3.0 }, (i / 2 % 2) as f32 - 0.5]).collect();
        let whitening = whitening(&images, 0.0).unwrap();
        for (weight, expected) in whitening.iter().zip([1.0 / 3.0, 0.0, 0.0, 2.0]) {
            assert!((weight - expected).abs() < 1e-6, "{whitening:?}");
        }
    }

    // u, s, _ = np.linalg.svd([[-1.], [1.]], full_matrices=False); (u * 1 / (s + 1)).dot(u.T)
    #[test]
    fn one_image_has_one_singular_value() {
        let whitening = whitening(&[[1.0, 3.0]], 1.0).unwrap();
        for (weight, expected) in whitening.iter().zip([0.207_106_8, -0.207_106_8, -0.207_106_8, 0.207_106_8]) {
            assert!((weight - expected).abs() < 1e-6, "{whitening:?}");
        }
    }

    #[test]
    fn flat_images_need_an_epsilon() {
        assert!(matches!(whitening(&[[2.0, 2.0], [2.0, 2.0]], 0.0), Err(StandardizeError::Zca { .. })));
        assert!(whitening(&[[2.0, 2.0], [2.0, 2.0]], 1e-6).is_ok());
        assert!(matches!(Covariance::new(SHAPE, f64::NAN, u64::MAX), Err(StandardizeError::Zca { .. })));
    }

    #[test]
    fn what_is_needed_is_said() {
        let photo = ImageShape { height: 224, width: 224, channels: 3 };
        let error = Covariance::new(photo, 1e-6, 2 << 30).unwrap_err().to_string();
        assert!(error.contains("needs 543808290816 bytes, more than the 2147483648 allowed"), "{error}");
    }
}
