//! What turns gradients into new parameters.

use std::fmt;

/// One tensor of parameters and its gradient, element for element.
#[derive(Debug)]
pub struct Parameter<'a> {
    /// Changed in place.
    pub values: &'a mut [f32],
    /// Gradient of the batch's mean loss.
    pub gradient: &'a [f32],
}

/// An update rule. A step sees every tensor at once, in the same order each time, so that rules with state
/// of their own (momentum) or a norm over all tensors (clipping) fit.
pub trait Optimizer: fmt::Debug + Send {
    /// Changes the parameters by one step.
    fn step(&mut self, parameters: &mut [Parameter<'_>]);

    /// The learning rate of the next step.
    fn learning_rate(&self) -> f32;
}

/// Stochastic gradient descent: `w -= learning_rate * gradient`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sgd {
    learning_rate: f32,
}

impl Sgd {
    /// What Keras' `optimizer="sgd"` uses.
    pub const DEFAULT_LEARNING_RATE: f32 = 0.01;

    /// Descent with a constant learning rate.
    pub fn new(learning_rate: f32) -> Self {
        Self { learning_rate }
    }
}

impl Optimizer for Sgd {
    fn step(&mut self, parameters: &mut [Parameter<'_>]) {
        for parameter in parameters {
            for (value, gradient) in parameter.values.iter_mut().zip(parameter.gradient) {
                *value -= self.learning_rate * gradient;
            }
        }
    }

    fn learning_rate(&self) -> f32 {
        self.learning_rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sgd_goes_against_the_gradient() {
        let (mut kernel, mut bias) = ([1.0, -1.0], [0.0]);
        Sgd::new(0.5).step(&mut [
            Parameter { values: &mut kernel, gradient: &[2.0, -4.0] },
            Parameter { values: &mut bias, gradient: &[1.0] },
        ]);
        assert_eq!((kernel, bias), ([0.0, 1.0], [-0.5]));
    }
}
