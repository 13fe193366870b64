//! ZCA whitening: applying a matrix to an image, and fitting it where the `zca` feature is on.

#[cfg(feature = "zca")]
mod covariance;
#[cfg(not(feature = "zca"))]
mod without;

#[cfg(feature = "zca")]
pub(super) use covariance::Covariance;
#[cfg(not(feature = "zca"))]
pub(super) use without::Covariance;

/// How much memory fitting a whitening may need unless it is told otherwise: 2 GiB, enough for 56 x 56 x 3.
pub const DEFAULT_ZCA_BYTES: u64 = 2 << 30;

/// Multiplies a flattened image, a row vector, by `matrix`, in double precision: row after row, as memory lies.
pub(super) fn whiten(pixels: &mut [f32], matrix: &[f32], sums: &mut Vec<f64>) {
    sums.clear();
    sums.resize(pixels.len(), 0.0);
    for (&mut value, row) in pixels.iter_mut().zip(matrix.chunks_exact(sums.len().max(1))) {
        let value = f64::from(value);
        for (sum, &weight) in sums.iter_mut().zip(row) {
            *sum += value * f64::from(weight);
        }
    }
    for (pixel, &sum) in pixels.iter_mut().zip(sums.iter()) {
        *pixel = sum as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_a_row() {
        let mut pixels = [2.0, 3.0];
        let mut sums = vec![9.0; 5];
        whiten(&mut pixels, &[1.0, 10.0, 100.0, 1000.0], &mut sums);
        assert_eq!(pixels, [302.0, 3020.0]);
        whiten(&mut [], &[], &mut sums);
    }
}
