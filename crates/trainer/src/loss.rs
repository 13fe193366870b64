//! Softmax cross-entropy on logits, as TensorFlow computes it for a Keras model that ends in a softmax.

use crate::error::TrainerError;
use crate::linalg;

/// The loss of a batch, and what follows from the same softmax.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossEntropy {
    /// Mean of the samples' losses.
    pub loss: f32,
    /// Samples whose largest logit (the first of equals) is that of their class.
    pub correct: usize,
    /// Gradient of `loss` in the logits: (softmax - one-hot) / rows; `[rows, classes]`.
    pub logit_gradient: Vec<f32>,
}

/// Mean cross-entropy of `logits` (`[rows, classes]`) against the class of each row.
///
/// Each row's loss is `ln(sum(exp(z - max))) - (z[label] - max)`, the stable form, which never reaches the
/// clipping that Keras applies to probabilities.
///
/// # Errors
///
/// There is no row, there is not one label a row, or a label is no class.
pub fn softmax_cross_entropy(logits: &[f32], labels: &[u32], classes: usize) -> Result<CrossEntropy, TrainerError> {
    let rows = labels.len();
    if rows == 0 || logits.len() != rows * classes {
        return Err(TrainerError::Labels { rows: logits.len() / classes.max(1), labels: rows });
    }
    let mut losses = Vec::with_capacity(rows);
    let mut correct = 0;
    let mut gradient = Vec::with_capacity(logits.len());
    for (row, &label) in logits.chunks_exact(classes).zip(labels) {
        let class = usize::try_from(label).unwrap_or(usize::MAX);
        let Some(&of_label) = row.get(class) else {
            return Err(TrainerError::LabelOutOfRange { label, classes });
        };
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let start = gradient.len();
        gradient.extend(row.iter().map(|z| (z - max).exp()));
        let exponentials = &mut gradient[start..];
        let total = linalg::sum(exponentials);
        losses.push(total.ln() - (of_label - max));
        correct += usize::from(row.iter().position(|&z| z == max) == Some(class));
        for (k, value) in exponentials.iter_mut().enumerate() {
            let target = if k == class { 1.0 } else { 0.0 };
            *value = (*value / total - target) / rows as f32;
        }
    }
    Ok(CrossEntropy { loss: linalg::sum(&losses) / rows as f32, correct, logit_gradient: gradient })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_logits_cost_the_logarithm_of_the_number_of_classes() {
        let result = softmax_cross_entropy(&[0.0; 8], &[0, 3], 4).unwrap();
        assert!((result.loss - 4f32.ln()).abs() < 1e-6);
        assert_eq!(result.correct, 1, "the first of equal logits is the prediction");
        assert_eq!(result.logit_gradient[..4], [(0.25 - 1.0) / 2.0, 0.125, 0.125, 0.125]);
    }

    #[test]
    fn huge_logits_neither_overflow_nor_clip() {
        let result = softmax_cross_entropy(&[1000.0, -1000.0], &[1], 2).unwrap();
        assert_eq!(result.loss, 2000.0);
        assert_eq!(result.logit_gradient, [1.0, -1.0]);
        let result = softmax_cross_entropy(&[1000.0, -1000.0], &[0], 2).unwrap();
        assert_eq!((result.loss, result.correct), (0.0, 1));
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let logits = [0.3f32, -1.2, 2.0, 0.1, 0.2, -0.7];
        let labels = [2, 0];
        let gradient = softmax_cross_entropy(&logits, &labels, 3).unwrap().logit_gradient;
        let exact_loss = |z: &[f64]| -> f64 {
            let row = |z: &[f64], label: usize| z.iter().map(|z| z.exp()).sum::<f64>().ln() - z[label];
            (row(&z[..3], 2) + row(&z[3..], 0)) / 2.0
        };
        for i in 0..6 {
            let moved = |by: f64| {
                let mut z = logits.map(f64::from);
                z[i] += by;
                exact_loss(&z)
            };
            let numeric = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((numeric - f64::from(gradient[i])).abs() < 1e-7);
        }
    }

    #[test]
    fn logits_that_are_not_numbers_give_a_loss_that_is_none() {
        for bad in [f32::NAN, f32::INFINITY] {
            assert!(!softmax_cross_entropy(&[bad, 0.0], &[1], 2).unwrap().loss.is_finite());
        }
    }

    #[test]
    fn labels_must_be_classes_and_as_many_as_rows() {
        assert!(matches!(
            softmax_cross_entropy(&[0.0; 4], &[0, 2], 2),
            Err(TrainerError::LabelOutOfRange { label: 2, classes: 2 })
        ));
        assert!(matches!(softmax_cross_entropy(&[0.0; 4], &[0], 2), Err(TrainerError::Labels { rows: 2, labels: 1 })));
        assert!(softmax_cross_entropy(&[], &[], 2).is_err());
    }
}
