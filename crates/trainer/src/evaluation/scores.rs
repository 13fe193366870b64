//! Precision, recall and F1, as scikit-learn defines them.

use serde::{Deserialize, Serialize};

use super::Prediction;

/// How well one class is told from the others. A quotient of 0 by 0 counts as 0 (scikit-learn's `zero_division=0`):
/// the precision where nothing was [`predicted`](Self::predicted), the recall where there is no [`support`](Self::support),
/// the F1 where there is neither.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// Of what was taken for the class, the share that is of it.
    pub precision: f64,
    /// Of the class, the share that was taken for it.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
    /// Samples of the class.
    pub support: u64,
    /// Samples that were taken for it.
    pub predicted: u64,
}

/// Means of the classes' scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Averages {
    /// Of the precisions.
    pub precision: f64,
    /// Of the recalls.
    pub recall: f64,
    /// Of the F1.
    pub f1: f64,
}

/// Counts of samples: true classes are rows, predicted ones columns.
pub(super) fn confusion(classes: usize, judged: &[(&Prediction, usize)]) -> Vec<Vec<u64>> {
    let mut counts = vec![vec![0; classes]; classes];
    for (prediction, label) in judged {
        counts[*label][prediction.predicted as usize] += 1;
    }
    counts
}

pub(super) fn per_class(confusion: &[Vec<u64>]) -> Vec<ClassScores> {
    let score = |(class, row): (usize, &Vec<u64>)| {
        let (right, support) = (row[class], row.iter().sum());
        let predicted = confusion.iter().map(|row| row[class]).sum();
        ClassScores {
            precision: quotient(right, predicted),
            recall: quotient(right, support),
            f1: quotient(2 * right, predicted + support),
            support,
            predicted,
        }
    };
    confusion.iter().enumerate().map(score).collect()
}

fn quotient(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Averages {
    pub(super) fn plain(classes: &[ClassScores]) -> Self {
        Self::of(classes, |_| 1.0)
    }

    pub(super) fn weighted(classes: &[ClassScores]) -> Self {
        Self::of(classes, |class| class.support as f64)
    }

    fn of(classes: &[ClassScores], weight: impl Fn(&ClassScores) -> f64) -> Self {
        let whole: f64 = classes.iter().map(&weight).sum();
        let mean = |score: fn(&ClassScores) -> f64| {
            let total: f64 = classes.iter().map(|class| weight(class) * score(class)).sum();
            if whole == 0.0 { 0.0 } else { total / whole }
        };
        Self {
            precision: mean(|class| class.precision),
            recall: mean(|class| class.recall),
            f1: mean(|class| class.f1),
        }
    }
}
