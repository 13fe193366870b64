//! What is worth looking at first.

use std::cmp::Reverse;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Evaluation, Prediction};

/// Samples of one class that were taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Their class.
    pub label: u32,
    /// What they were taken for.
    pub predicted: u32,
    /// How many.
    pub count: u64,
}

/// A sample, its class and what it was taken for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The photo.
    pub path: PathBuf,
    /// Its class.
    pub label: u32,
    /// What it was taken for.
    pub predicted: u32,
    /// Probability of what it was taken for.
    pub confidence: f32,
    /// Probability of its class.
    pub label_probability: f32,
}

/// The largest counts first; of equals the first in the matrix.
pub(super) fn top_confusions(confusion: &[Vec<u64>]) -> Vec<Confusion> {
    let rows = (0u32..).zip(confusion).flat_map(|(label, row)| {
        let cells = (0u32..).zip(row).filter(move |&(predicted, &count)| predicted != label && count > 0);
        cells.map(move |(predicted, &count)| Confusion { label, predicted, count })
    });
    let mut all: Vec<Confusion> = rows.collect();
    all.sort_by_key(|confusion| Reverse(confusion.count));
    all.truncate(Evaluation::LISTED);
    all
}

/// Wrong ones, the most confident first; of equals the first.
pub(super) fn most_wrong(judged: &[(&Prediction, usize)]) -> Vec<Judged> {
    let wrong = judged.iter().filter(|(prediction, label)| prediction.predicted as usize != *label);
    let mut wrong: Vec<_> = wrong.collect();
    wrong.sort_by(|(a, _), (b, _)| b.confidence().total_cmp(&a.confidence()));
    wrong.into_iter().take(Evaluation::LISTED).map(Judged::of).collect()
}

/// The least confident first; of equals the first.
pub(super) fn least_sure(judged: &[(&Prediction, usize)]) -> Vec<Judged> {
    let mut all: Vec<_> = judged.iter().collect();
    all.sort_by(|(a, _), (b, _)| a.confidence().total_cmp(&b.confidence()));
    all.into_iter().take(Evaluation::LISTED).map(Judged::of).collect()
}

impl Judged {
    fn of(&(prediction, label): &(&Prediction, usize)) -> Self {
        Self {
            path: prediction.path.clone(),
            label: label as u32,
            predicted: prediction.predicted,
            confidence: prediction.confidence(),
            label_probability: prediction.probabilities[label],
        }
    }
}
