//! The Dense layer that is trained: features -> one logit a class.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use crate::error::TrainerError;
use crate::linalg;

/// A Dense layer without its softmax: `logits = features · kernel + bias`.
///
/// # Shapes
///
/// Features are `[rows, features]`, logits `[rows, classes]`, both f32, row-major. The kernel is
/// `[features, classes]` row-major wherever it is given or taken, as Keras has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    features: usize,
    classes: usize,
    /// One row a class, `[classes, features]`, so that both products run along contiguous features.
    rows: Vec<f32>,
    bias: Vec<f32>,
}

/// What one step changes the parameters by, in the head's own order.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    pub(crate) rows: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// Keeps the head's draws apart from others made with the same seed.
const STREAM: u64 = u64::from_le_bytes(*b"head\0\0\0\0");

impl Head {
    /// A fresh layer: kernel drawn uniformly from ±sqrt(6 / (features + classes)) (Keras' `glorot_uniform`),
    /// zero bias. The draws follow from `seed` alone, on any machine.
    ///
    /// # Errors
    ///
    /// There are no features or no classes.
    pub fn glorot_uniform(features: usize, classes: usize, seed: u64) -> Result<Self, TrainerError> {
        check_shape(features, classes)?;
        let limit = (6.0 / (features + classes) as f32).sqrt();
        let mut random = generator(seed);
        let kernel: Vec<f32> = (0..features * classes)
            .map(|_| {
                let unit = (random.next_u32() >> 8) as f32 / (1u32 << 24) as f32;
                (2.0 * unit - 1.0) * limit
            })
            .collect();
        Self::from_parameters(features, classes, &kernel, vec![0.0; classes])
    }

    /// A layer with these parameters: `kernel` is `[features, classes]` row-major, `bias` `[classes]`.
    ///
    /// # Errors
    ///
    /// The lengths do not belong to that shape, or there are no features or no classes.
    pub fn from_parameters(
        features: usize,
        classes: usize,
        kernel: &[f32],
        bias: Vec<f32>,
    ) -> Result<Self, TrainerError> {
        check_shape(features, classes)?;
        for (name, expected, got) in [("kernel", features * classes, kernel.len()), ("bias", classes, bias.len())] {
            if expected != got {
                return Err(TrainerError::ParameterLength { name, expected, got });
            }
        }
        Ok(Self { features, classes, rows: transposed(kernel, classes), bias })
    }

    /// Length of the feature vectors that it takes.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Number of trained parameters: features x classes + classes.
    pub fn parameters(&self) -> usize {
        self.rows.len() + self.bias.len()
    }

    /// The kernel, `[features, classes]` row-major.
    pub fn kernel(&self) -> Vec<f32> {
        transposed(&self.rows, self.features)
    }

    /// The bias, `[classes]`.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// The logits of `features` (`[rows, features]`), `[rows, classes]`.
    ///
    /// # Errors
    ///
    /// The length of `features` is no multiple of the length of a feature vector.
    pub fn logits(&self, features: &[f32]) -> Result<Vec<f32>, TrainerError> {
        if !features.len().is_multiple_of(self.features) {
            return Err(TrainerError::FeatureLength { expected: self.features, got: features.len() });
        }
        let mut logits = Vec::with_capacity(features.len() / self.features * self.classes);
        for sample in features.chunks_exact(self.features) {
            let classes = self.rows.chunks_exact(self.features).zip(&self.bias);
            logits.extend(classes.map(|(row, bias)| linalg::dot(sample, row) + bias));
        }
        Ok(logits)
    }

    /// The gradients of a loss, given its gradient in the logits (`[rows, classes]`) of `features`
    /// (`[rows, features]`). Samples are added in their order.
    pub fn gradients(&self, features: &[f32], logit_gradient: &[f32]) -> Gradients {
        let mut gradients = Gradients { rows: vec![0.0; self.rows.len()], bias: vec![0.0; self.classes] };
        let samples = features.chunks_exact(self.features).zip(logit_gradient.chunks_exact(self.classes));
        for (sample, by_class) in samples {
            for (row, &gradient) in gradients.rows.chunks_exact_mut(self.features).zip(by_class) {
                linalg::add_scaled(row, gradient, sample);
            }
            linalg::add_scaled(&mut gradients.bias, 1.0, by_class);
        }
        gradients
    }

    /// The kernel and the bias, each in the order of its part of [`Gradients`].
    pub(crate) fn parameters_mut(&mut self) -> [&mut [f32]; 2] {
        [&mut self.rows, &mut self.bias]
    }
}

fn check_shape(features: usize, classes: usize) -> Result<(), TrainerError> {
    if features == 0 || classes == 0 {
        return Err(TrainerError::EmptyHead { features, classes });
    }
    Ok(())
}

fn generator(seed: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut random = ChaCha8Rng::from_seed(key);
    random.set_stream(STREAM);
    random
}

/// A row-major matrix of `columns` columns, its rows and columns exchanged.
fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| matrix.iter().skip(column).step_by(columns).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_head_is_glorot_uniform_with_zero_bias() {
        let head = Head::glorot_uniform(2048, 2, 123).unwrap();
        let (kernel, limit) = (head.kernel(), (6.0f64 / 2050.0).sqrt());
        assert_eq!(head.parameters(), 4098);
        assert!(head.bias().iter().all(|&b| b == 0.0));
        assert!(kernel.iter().all(|&k| f64::from(k).abs() <= limit + 1e-9));
        let mean: f64 = kernel.iter().map(|&k| f64::from(k)).sum::<f64>() / 4096.0;
        let variance: f64 = kernel.iter().map(|&k| f64::from(k).powi(2)).sum::<f64>() / 4096.0;
        assert!(mean.abs() < 3.0 * limit / (3.0f64 * 4096.0).sqrt(), "mean {mean}");
        assert!((variance / (limit * limit / 3.0) - 1.0).abs() < 0.05, "variance {variance}");
    }

    #[test]
    fn the_seed_decides_the_draw_on_every_machine() {
        let head = Head::glorot_uniform(3, 2, 123).unwrap();
        assert_eq!(head, Head::glorot_uniform(3, 2, 123).unwrap());
        assert_ne!(head, Head::glorot_uniform(3, 2, 124).unwrap());
        // From another implementation of ChaCha8, key 123, stream "head".
        let golden = [1065685238, 1045995122, 1060146970, 1055546090, 3211699224, 3213493854];
        assert_eq!(head.kernel().iter().map(|k| k.to_bits()).collect::<Vec<_>>(), golden);
    }

    #[test]
    fn logits_are_the_product_in_keras_layout() {
        // kernel [[1, 10], [2, 20], [3, 30]], bias [0.5, -0.5]
        let head = Head::from_parameters(3, 2, &[1.0, 10.0, 2.0, 20.0, 3.0, 30.0], vec![0.5, -0.5]).unwrap();
        let logits = head.logits(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]).unwrap();
        assert_eq!(logits, [1.5, 9.5, 6.5, 59.5]);
        assert_eq!(head.kernel(), [1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let (features, classes) = (5, 3);
        let head = Head::glorot_uniform(features, classes, 1).unwrap();
        let x: Vec<f32> = (0..2 * features).map(|i| (i as f32 * 0.37).sin()).collect();
        // loss = sum of squares of the logits; its gradient in the logits is twice the logits
        let loss = |head: &Head| -> f64 { head.logits(&x).unwrap().iter().map(|&z| f64::from(z).powi(2)).sum() };
        let doubled: Vec<f32> = head.logits(&x).unwrap().iter().map(|z| 2.0 * z).collect();
        let gradients = head.gradients(&x, &doubled);
        let step = 1e-2;
        for part in 0..2 {
            let analytic = [&gradients.rows, &gradients.bias][part];
            for (i, &analytic) in analytic.iter().enumerate() {
                let moved = |by: f32| {
                    let mut head = head.clone();
                    head.parameters_mut()[part][i] += by;
                    loss(&head)
                };
                let numeric = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
                assert!((numeric - f64::from(analytic)).abs() < 1e-3, "part {part}, {i}: {numeric} {analytic}");
            }
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        assert!(matches!(
            Head::from_parameters(3, 2, &[0.0; 5], vec![0.0; 2]),
            Err(TrainerError::ParameterLength { name: "kernel", expected: 6, got: 5 })
        ));
        assert!(matches!(
            Head::from_parameters(3, 2, &[0.0; 6], vec![0.0; 3]),
            Err(TrainerError::ParameterLength { name: "bias", .. })
        ));
        assert!(matches!(Head::glorot_uniform(0, 2, 1), Err(TrainerError::EmptyHead { .. })));
        let head = Head::glorot_uniform(3, 2, 1).unwrap();
        assert!(matches!(head.logits(&[0.0; 4]), Err(TrainerError::FeatureLength { expected: 3, got: 4 })));
    }
}
