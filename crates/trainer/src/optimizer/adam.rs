//! Adam, and with weight decay AdamW.

use serde::{Deserialize, Serialize};

use super::common::{Common, Slots, in_unit_interval};
use super::{Optimizer, OptimizerOptions, Parameter};
use crate::error::TrainerError;
use crate::schedule::pow;
use crate::state::State;

/// The numbers of [`Adam`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamOptions {
    /// Decay of the mean of gradients, `0..=1`; 0.9.
    pub beta_1: f64,
    /// Decay of the mean of squared gradients, `0..=1`; 0.999.
    pub beta_2: f64,
    /// Added to the divisor; 1e-7.
    pub epsilon: f64,
    /// Whether the largest mean of squares so far divides; no.
    pub amsgrad: bool,
}

impl Default for AdamOptions {
    fn default() -> Self {
        Self { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, amsgrad: false }
    }
}

/// Adam as Keras computes it: with `t` steps done, this one counted,
/// `m += (g - m) * (1 - beta_1)`, `v += (g² - v) * (1 - beta_2)`,
/// `w -= m * (learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)) / (sqrt(v) + epsilon)`.
///
/// With [`OptimizerOptions::weight_decay`] it is Keras' `AdamW`: Keras' own `Adam` decays in the same way.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    common: Common,
    options: AdamOptions,
    means: Slots,
    squares: Slots,
    largest: Slots,
}

impl Adam {
    /// What Keras' `optimizer="adam"` and `"adamw"` use.
    pub const DEFAULT_LEARNING_RATE: f32 = 0.001;
    /// What Keras' `optimizer="adamw"` uses.
    pub const DEFAULT_WEIGHT_DECAY: f64 = 0.004;

    /// Adam with all options.
    ///
    /// # Errors
    ///
    /// An option is out of its range.
    pub fn with_options(common: OptimizerOptions, options: AdamOptions) -> Result<Self, TrainerError> {
        in_unit_interval("beta_1", options.beta_1)?;
        in_unit_interval("beta_2", options.beta_2)?;
        if !(options.epsilon.is_finite() && options.epsilon >= 0.0) {
            let (option, value, expected) = ("epsilon", options.epsilon, "0 or more");
            return Err(TrainerError::OptionRange { option, value, expected });
        }
        let [means, squares, largest] = std::array::from_fn(|_| Slots::default());
        Ok(Self { common: Common::new(common)?, options, means, squares, largest })
    }
}

const MEAN: &str = "momentum";
const SQUARE: &str = "velocity";
const LARGEST: &str = "velocity_hat";

impl Optimizer for Adam {
    fn step(&mut self, parameters: &mut [Parameter<'_>]) {
        let Self { common, options, means, squares, largest } = self;
        means.fit(parameters);
        squares.fit(parameters);
        if options.amsgrad {
            largest.fit(parameters);
        }
        let step = (common.iterations() + 1) as f32;
        let (power_1, power_2) = (pow(options.beta_1 as f32, step), pow(options.beta_2 as f32, step));
        // Keras subtracts these in Python, before they become f32.
        let (new_mean, new_square) = ((1.0 - options.beta_1) as f32, (1.0 - options.beta_2) as f32);
        let epsilon = options.epsilon as f32;
        common.step(parameters, |index, parameter, rate| {
            let alpha = rate * (1.0 - power_2).sqrt() / (1.0 - power_1);
            let pairs = parameter.values.iter_mut().zip(&*parameter.gradient);
            let moments = means.0[index].iter_mut().zip(&mut squares.0[index]);
            let update = |value: &mut f32, gradient: f32, mean: &mut f32, square: &mut f32| {
                *mean += (gradient - *mean) * new_mean;
                *square += (gradient * gradient - *square) * new_square;
                (*value, *mean * alpha)
            };
            if options.amsgrad {
                for (((value, &gradient), (mean, square)), largest) in pairs.zip(moments).zip(&mut largest.0[index]) {
                    let (before, change) = update(value, gradient, mean, square);
                    *largest = largest.max(*square);
                    *value = before - change / (largest.sqrt() + epsilon);
                }
            } else {
                for ((value, &gradient), (mean, square)) in pairs.zip(moments) {
                    let (before, change) = update(value, gradient, mean, square);
                    *value = before - change / (square.sqrt() + epsilon);
                }
            }
        });
    }

    fn learning_rate(&self) -> f32 {
        self.common.learning_rate()
    }

    fn set_learning_rate(&mut self, learning_rate: f32) -> Result<(), TrainerError> {
        self.common.set_learning_rate(learning_rate)
    }

    fn iterations(&self) -> u64 {
        self.common.iterations()
    }

    fn finish(&mut self, parameters: &mut [&mut [f32]]) {
        self.common.finish(parameters);
    }

    fn state(&self) -> State {
        let mut state = self.common.state();
        self.means.save(MEAN, &mut state);
        self.squares.save(SQUARE, &mut state);
        self.largest.save(LARGEST, &mut state);
        state
    }

    fn restore(&mut self, state: &State, lengths: &[usize]) -> Result<(), TrainerError> {
        let iterations = state.count("iteration")?;
        let means = Slots::load(MEAN, state, lengths, iterations)?;
        let squares = Slots::load(SQUARE, state, lengths, iterations)?;
        let largest = if self.options.amsgrad { lengths } else { &[] };
        let largest = Slots::load(LARGEST, state, largest, iterations)?;
        self.common.restore(state, lengths)?;
        (self.means, self.squares, self.largest) = (means, squares, largest);
        Ok(())
    }
}
