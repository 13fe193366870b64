//! Whether a model that says 80% is right four times out of five.
//!
//! Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks (ICML 2017), equations 3 and 5.

use serde::{Deserialize, Serialize};

use super::Prediction;

/// Confidence against accuracy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Expected calibration error, `0.0..=1.0`: the mean over all samples of how far the accuracy of their bin is from
    /// its mean confidence.
    pub expected_error: f64,
    /// The same of the bin where it is largest.
    pub maximum_error: f64,
    /// [`Calibration::BINS`] bins of equal width from 0 to 1, in that order.
    pub bins: Vec<ReliabilityBin>,
}

/// Samples of similar confidence: the probability of the class that they were taken for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Confidences of the bin are above this one ...
    pub above: f64,
    /// ... and at most this one.
    pub up_to: f64,
    /// Samples in it.
    pub count: u64,
    /// Their mean confidence; 0 where there are none.
    pub confidence: f64,
    /// The share of them that was right; 0 where there are none.
    pub accuracy: f64,
}

impl Calibration {
    /// Bins, as in the paper's figures.
    pub const BINS: usize = 15;

    pub(super) fn of(judged: &[(&Prediction, usize)]) -> Self {
        let edge = |bin: usize| bin as f64 / Self::BINS as f64;
        let mut bins: Vec<ReliabilityBin> = (0..Self::BINS)
            .map(|bin| ReliabilityBin {
                above: edge(bin),
                up_to: edge(bin + 1),
                count: 0,
                confidence: 0.0,
                accuracy: 0.0,
            })
            .collect();
        for (prediction, label) in judged {
            let confidence = f64::from(prediction.confidence());
            let bin = bins.partition_point(|bin| bin.up_to < confidence).min(Self::BINS - 1);
            bins[bin].count += 1;
            bins[bin].confidence += confidence;
            bins[bin].accuracy += f64::from(u8::from(prediction.predicted as usize == *label));
        }
        let (mut expected_error, mut maximum_error) = (0.0, 0.0f64);
        for bin in bins.iter_mut().filter(|bin| bin.count > 0) {
            let count = bin.count as f64;
            bin.confidence /= count;
            bin.accuracy /= count;
            let gap = (bin.accuracy - bin.confidence).abs();
            expected_error += gap * count / judged.len() as f64;
            maximum_error = maximum_error.max(gap);
        }
        Self { expected_error, maximum_error, bins }
    }
}
