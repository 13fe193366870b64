//! Cross-entropy on logits, as TensorFlow computes it for a Keras model that ends in a softmax or a sigmoid.
//!
//! Keras recovers the logits there, so that the clipping of probabilities (1e-7) is never reached.

mod weights;

use crate::error::TrainerError;
use crate::head::{Activation, sigmoid};
use crate::linalg;

pub use weights::balanced_class_weights;

/// What samples should have been taken for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Targets<'a> {
    /// The class of each sample.
    Classes(&'a [u32]),
    /// A value of `0..=1` for each output, `[rows, outputs]` row-major: labels of which a sample may have several,
    /// or probabilities.
    Values(&'a [f32]),
}

/// How wrong outputs are punished. Which cross-entropy it is follows from the head's [`Activation`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loss {
    label_smoothing: f64,
    class_weights: Option<Vec<f32>>,
}

/// The loss of a batch and what follows from the same probabilities, in buffers that are used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judgement {
    /// Mean of the samples' weighted losses: divided by the number of samples, whatever the weights.
    pub(crate) loss: f32,
    /// Decisions that were right.
    pub(crate) correct: usize,
    /// Decisions: one a sample with a softmax, one an output of each sample with a sigmoid.
    pub(crate) decisions: usize,
    /// `[rows, outputs]`.
    pub(crate) probabilities: Vec<f32>,
    /// Gradient of `loss` in the logits, `[rows, outputs]`.
    pub(crate) gradient: Vec<f32>,
    losses: Vec<f32>,
    targets: Vec<f32>,
}

/// A batch, with what training makes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged<'a> {
    pub(crate) activation: Activation,
    pub(crate) outputs: usize,
    pub(crate) logits: &'a [f32],
    pub(crate) targets: Targets<'a>,
    pub(crate) weights: Option<&'a [f32]>,
    /// Whether class weights count: in training, not in validation.
    pub(crate) training: bool,
}

impl Loss {
    /// Cross-entropy against `target * (1 - label_smoothing) + label_smoothing / outputs`, or `/ 2` with a sigmoid.
    /// 0, the default, takes targets as they are.
    ///
    /// # Errors
    ///
    /// It is not in `0..=1`.
    pub fn with_label_smoothing(mut self, label_smoothing: f64) -> Result<Self, TrainerError> {
        if !(0.0..=1.0).contains(&label_smoothing) {
            let (option, value, expected) = ("label_smoothing", label_smoothing, "0 to 1");
            return Err(TrainerError::OptionRange { option, value, expected });
        }
        self.label_smoothing = label_smoothing;
        Ok(self)
    }

    /// A factor of the loss for each class, in training only. Sample weights multiply with them.
    ///
    /// # Errors
    ///
    /// One is negative or not finite.
    pub fn with_class_weights(mut self, weights: Vec<f32>) -> Result<Self, TrainerError> {
        if let Some(&value) = weights.iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
            let (option, value, expected) = ("class weight", f64::from(value), "0 or more");
            return Err(TrainerError::OptionRange { option, value, expected });
        }
        self.class_weights = Some(weights);
        Ok(self)
    }

    /// Judges `logits` (`[rows, outputs]`).
    ///
    /// A softmax row's loss is `sum(target * (ln(sum(exp(z - max))) - (z - max)))`, that of a sigmoid the mean of
    /// `max(z, 0) - z * target + ln(1 + exp(-|z|))`: the stable forms.
    ///
    /// # Errors
    ///
    /// There is no row, targets or weights are not as many as rows, or a label is no class.
    pub(crate) fn judge(&self, batch: &Judged<'_>, to: &mut Judgement) -> Result<(), TrainerError> {
        let &Judged { activation, outputs, logits, targets, weights, training } = batch;
        let rows = logits.len() / outputs.max(1);
        targets.check(rows, outputs, activation)?;
        let class_weights = self.class_weights.as_deref().filter(|_| training);
        self.check_weights(batch, rows, class_weights)?;
        let Judgement { probabilities, gradient, losses, targets: of_row, correct, .. } = to;
        probabilities.clear();
        probabilities.extend_from_slice(logits);
        gradient.clear();
        losses.clear();
        *correct = 0;
        let divisor = rows as f32;
        for (index, (z, p)) in logits.chunks_exact(outputs).zip(probabilities.chunks_exact_mut(outputs)).enumerate() {
            targets.write(index, outputs, of_row);
            let of_class = class_weights.and_then(|weights| weights.get(targets.class(index)?));
            let of_sample = weights.map(|weights| weights[index]);
            let weight = of_class.map(|&weight| weight * of_sample.unwrap_or(1.0)).or(of_sample);
            *correct += match activation {
                Activation::Softmax => usize::from(largest(z) == largest(of_row)),
                Activation::Sigmoid => {
                    p.iter_mut().for_each(|z| *z = sigmoid(*z));
                    p.iter().zip(&*of_row).filter(|&(&p, &target)| f32::from(p > 0.5) == target).count()
                }
            };
            self.smooth(activation, of_row);
            let loss = match activation {
                Activation::Softmax => softmax_row(z, p, of_row, divisor, weight, gradient),
                Activation::Sigmoid => sigmoid_row(z, of_row, divisor, weight, gradient),
            };
            losses.push(weight.map_or(loss, |weight| loss * weight));
        }
        to.loss = linalg::sum(losses) / divisor;
        to.decisions = if activation == Activation::Softmax { rows } else { rows * outputs };
        Ok(())
    }

    fn check_weights(&self, batch: &Judged<'_>, rows: usize, of_class: Option<&[f32]>) -> Result<(), TrainerError> {
        if let Some(weights) = batch.weights.filter(|weights| weights.len() != rows) {
            return Err(TrainerError::Weights { of: "samples", expected: rows, got: weights.len() });
        }
        let Some(of_class) = of_class else { return Ok(()) };
        let expected = classes(batch.activation, batch.outputs);
        if of_class.len() != expected {
            return Err(TrainerError::Weights { of: "classes", expected, got: of_class.len() });
        }
        match batch.targets {
            Targets::Classes(_) => Ok(()),
            Targets::Values(_) => Err(TrainerError::ClassWeightsOfLabels),
        }
    }

    fn smooth(&self, activation: Activation, targets: &mut [f32]) {
        if self.label_smoothing == 0.0 {
            return;
        }
        let smoothing = self.label_smoothing;
        let added = match activation {
            Activation::Softmax => smoothing as f32 / targets.len() as f32,
            Activation::Sigmoid => (0.5 * smoothing) as f32,
        };
        targets.iter_mut().for_each(|target| *target = *target * (1.0 - smoothing) as f32 + added);
    }
}

/// Classes that outputs tell apart.
fn classes(activation: Activation, outputs: usize) -> usize {
    if activation == Activation::Sigmoid { outputs.max(2) } else { outputs }
}

impl Targets<'_> {
    fn check(&self, rows: usize, outputs: usize, activation: Activation) -> Result<(), TrainerError> {
        match *self {
            Self::Classes(labels) => {
                if rows == 0 || labels.len() != rows {
                    return Err(TrainerError::Labels { rows, labels: labels.len() });
                }
                let classes = classes(activation, outputs);
                match labels.iter().find(|&&label| usize::try_from(label).map_or(true, |label| label >= classes)) {
                    Some(&label) => Err(TrainerError::LabelOutOfRange { label, classes }),
                    None => Ok(()),
                }
            }
            Self::Values(values) if rows == 0 || values.len() != rows * outputs => {
                Err(TrainerError::TargetLength { rows, outputs, got: values.len() })
            }
            Self::Values(_) => Ok(()),
        }
    }

    /// The class of a sample, where it has just one.
    fn class(&self, index: usize) -> Option<usize> {
        match *self {
            Self::Classes(labels) => labels.get(index).and_then(|&label| usize::try_from(label).ok()),
            Self::Values(_) => None,
        }
    }

    /// The target of each output of one sample; in place of what `to` holds.
    pub(crate) fn write(&self, index: usize, outputs: usize, to: &mut Vec<f32>) {
        to.clear();
        match *self {
            Self::Classes(_) if outputs == 1 => to.push(f32::from(self.class(index) == Some(1))),
            Self::Classes(_) => {
                let class = self.class(index);
                to.extend((0..outputs).map(|output| f32::from(Some(output) == class)));
            }
            Self::Values(values) => to.extend_from_slice(&values[index * outputs..][..outputs]),
        }
    }
}

/// The first of the largest values; none among values that are no numbers.
pub(crate) fn largest(values: &[f32]) -> Option<usize> {
    let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    values.iter().position(|&value| value == max)
}

/// The loss of one row; its probabilities, and its gradient behind those of the rows before it.
fn softmax_row(
    z: &[f32],
    probabilities: &mut [f32],
    targets: &[f32],
    rows: f32,
    weight: Option<f32>,
    gradient: &mut Vec<f32>,
) -> f32 {
    let max = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    probabilities.iter_mut().for_each(|z| *z = (*z - max).exp());
    let total = linalg::sum(probabilities);
    let log_total = total.ln();
    let mut loss = 0.0;
    for ((z, p), &target) in z.iter().zip(probabilities).zip(targets) {
        *p /= total;
        gradient.push(match weight {
            None => (*p - target) / rows,
            Some(weight) => (*p - target) * (weight / rows),
        });
        if target != 0.0 {
            loss += target * (log_total - (z - max));
        }
    }
    loss
}

/// As [`softmax_row`].
fn sigmoid_row(z: &[f32], targets: &[f32], rows: f32, weight: Option<f32>, gradient: &mut Vec<f32>) -> f32 {
    let outputs = z.len() as f32;
    let scale = weight.unwrap_or(1.0) / rows / outputs;
    let mut loss = 0.0;
    for (&z, &target) in z.iter().zip(targets) {
        let small = (-z.abs()).exp();
        loss += z.max(0.0) - z * target + small.ln_1p();
        // sigmoid(z) - target, in the form that keeps its digits where they are nearly equal.
        let rest = small / (1.0 + small);
        let error = if z >= 0.0 { (1.0 - target) - rest } else { rest - target };
        gradient.push(error * scale);
    }
    loss / outputs
}

#[cfg(test)]
mod tests;
