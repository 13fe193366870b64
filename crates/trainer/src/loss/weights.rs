//! Weights that make classes count alike.

/// A weight for each class: `samples / (classes * samples of the class)`, scikit-learn's `"balanced"`, so that
/// every class has the same weight in the loss as a whole. `counts` are the training samples of each class.
///
/// Classes without a sample do not count as classes, and have weight 1, which nothing meets.
pub fn balanced_class_weights(counts: &[usize]) -> Vec<f32> {
    let samples: usize = counts.iter().sum();
    let classes = counts.iter().filter(|&&count| count > 0).count();
    let weight = |&count| if count == 0 { 1.0 } else { samples as f64 / (classes as f64 * count as f64) };
    counts.iter().map(|count| weight(count) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_those_of_scikit_learn() {
        // compute_class_weight("balanced", classes=[0, 1, 2], y=[0] * 10 + [1] * 4 + [2])
        assert_eq!(balanced_class_weights(&[10, 4, 1]), [0.5, 1.25, 5.0]);
        assert_eq!(balanced_class_weights(&[36, 36]), [1.0, 1.0]);
    }

    #[test]
    fn a_class_without_samples_changes_nothing() {
        assert_eq!(balanced_class_weights(&[3, 0, 1]), [4.0 / 6.0, 1.0, 2.0]);
        assert_eq!(balanced_class_weights(&[0, 0]), [1.0, 1.0]);
        assert!(balanced_class_weights(&[]).is_empty());
    }
}
