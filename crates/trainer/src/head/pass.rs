//! Forward and back through a head, in buffers that are used again.

use super::dense::Gradients;
use super::{Dropout, Head};
use crate::error::TrainerError;
use crate::optimizer::Parameter;

/// What one batch leaves behind on its way through a head.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pass {
    /// `[rows, outputs]`.
    pub(crate) logits: Vec<f32>,
    /// After the relu, `[rows, units]`.
    hidden: Vec<f32>,
    /// What dropout multiplies by; empty where nothing is dropped.
    factors: Vec<f32>,
    /// What the last layer saw, where dropout made it other than what came in.
    dropped: Vec<f32>,
    hidden_gradient: Vec<f32>,
    of_hidden: Gradients,
    of_output: Gradients,
}

impl Head {
    /// The logits of `features`; with what dropout does at this step, in training.
    pub(crate) fn forward(
        &self,
        features: &[f32],
        dropout: Option<(Dropout, u64)>,
        pass: &mut Pass,
    ) -> Result<(), TrainerError> {
        if !features.len().is_multiple_of(self.features()) {
            return Err(TrainerError::FeatureLength { expected: self.features(), got: features.len() });
        }
        let Pass { logits, hidden, factors, dropped, .. } = pass;
        let mut inputs = features;
        if let Some(layer) = &self.hidden {
            layer.forward(inputs, hidden);
            hidden.iter_mut().for_each(|value| *value = value.max(0.0));
            inputs = hidden;
        }
        factors.clear();
        if let Some((dropout, step)) = dropout {
            dropout.factors(step, inputs.len(), factors);
            dropped.clear();
            dropped.extend(inputs.iter().zip(&*factors).map(|(input, factor)| input * factor));
            inputs = dropped;
        }
        self.output.forward(inputs, logits);
        Ok(())
    }

    /// Every tensor of parameters with its gradient, given the gradient of the loss in the logits of the pass that
    /// `features` made.
    pub(crate) fn backward<'a>(
        &'a mut self,
        features: &[f32],
        logit_gradient: &[f32],
        pass: &'a mut Pass,
    ) -> impl Iterator<Item = Parameter<'a>> {
        let Pass { hidden, factors, dropped, hidden_gradient, of_hidden, of_output, .. } = pass;
        let before_dropout = if self.hidden.is_some() { &**hidden } else { features };
        let inputs = if factors.is_empty() { before_dropout } else { &**dropped };
        self.output.gradients(inputs, logit_gradient, of_output);
        if let Some(layer) = &self.hidden {
            self.output.input_gradient(logit_gradient, hidden_gradient);
            hidden_gradient.iter_mut().zip(&*factors).for_each(|(gradient, factor)| *gradient *= factor);
            for (gradient, &value) in hidden_gradient.iter_mut().zip(&*hidden) {
                if value <= 0.0 {
                    *gradient = 0.0;
                }
            }
            layer.gradients(features, hidden_gradient, of_hidden);
        }
        let layers = self.hidden.as_mut().map(|layer| (layer, of_hidden)).into_iter();
        layers.chain([(&mut self.output, of_output)]).flat_map(|(layer, gradients)| {
            let [rows, bias] = layer.parameters_mut();
            [
                Parameter { values: rows, gradient: &mut gradients.rows },
                Parameter { values: bias, gradient: &mut gradients.bias },
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{Activation, HeadOptions};

    /// Every gradient of `head` against a central difference of a loss in f64.
    fn check(head: &mut Head, dropout: Option<(Dropout, u64)>) {
        let x: Vec<f32> = (0..3 * head.features()).map(|i| (i as f32 * 0.37).sin()).collect();
        // loss = sum of squares of the logits; its gradient in the logits is twice the logits
        let loss = |head: &Head| -> f64 {
            let mut pass = Pass::default();
            head.forward(&x, dropout, &mut pass).unwrap();
            pass.logits.iter().map(|&z| f64::from(z).powi(2)).sum()
        };
        let mut pass = Pass::default();
        head.forward(&x, dropout, &mut pass).unwrap();
        let doubled: Vec<f32> = pass.logits.iter().map(|z| 2.0 * z).collect();
        let before = head.clone();
        let gradients: Vec<Vec<f32>> = head.backward(&x, &doubled, &mut pass).map(|p| p.gradient.to_vec()).collect();
        let step = 1e-2;
        for (part, gradient) in gradients.iter().enumerate() {
            assert!(gradient.iter().any(|&g| g != 0.0), "part {part}");
            for (i, &analytic) in gradient.iter().enumerate() {
                let moved = |by: f32| {
                    let mut head = before.clone();
                    head.parameters_mut()[part][i] += by;
                    loss(&head)
                };
                let numeric = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
                assert!((numeric - f64::from(analytic)).abs() < 4e-3, "part {part}, {i}: {numeric} {analytic}");
            }
        }
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        for hidden in [None, Some(6)] {
            let options = HeadOptions { features: 5, outputs: 3, hidden, activation: Activation::Softmax, seed: 1 };
            let mut head = Head::new(&options).unwrap();
            check(&mut head, None);
            check(&mut head, Some((Dropout::new(0.4, 5).unwrap(), 2)));
        }
    }

    #[test]
    fn buffers_of_an_earlier_batch_leave_no_trace() {
        let options =
            HeadOptions { features: 4, outputs: 2, hidden: Some(3), activation: Activation::Softmax, seed: 1 };
        let mut head = Head::new(&options).unwrap();
        let x: Vec<f32> = (0..20).map(|i| (i as f32).cos()).collect();
        let mut used = Pass::default();
        head.forward(&x, Some((Dropout::new(0.5, 1).unwrap(), 0)), &mut used).unwrap();
        head.backward(&x, &[0.5; 10], &mut used).for_each(drop);
        let mut fresh = Pass::default();
        let mut of = |pass: &mut Pass| -> Vec<Vec<f32>> {
            head.forward(&x[..8], None, pass).unwrap();
            head.backward(&x[..8], &[0.25; 4], pass).map(|p| p.gradient.to_vec()).collect()
        };
        assert_eq!(of(&mut used), of(&mut fresh));
        assert_eq!(used.logits, fresh.logits);
        assert_eq!(head.logits(&x[..8]).unwrap(), fresh.logits);
    }
}
