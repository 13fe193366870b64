//! Stochastic gradient descent.

use super::common::{Common, Slots, in_unit_interval};
use super::{Optimizer, OptimizerOptions, Parameter};
use crate::error::TrainerError;
use crate::state::State;

/// Stochastic gradient descent as Keras' `SGD`: `w -= learning_rate * gradient`; with momentum
/// `v = momentum * v - learning_rate * gradient`, then `w += v`, or in Nesterov's form
/// `w += momentum * v - learning_rate * gradient`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sgd {
    common: Common,
    momentum: f32,
    nesterov: bool,
    velocities: Slots,
}

impl Sgd {
    /// What Keras' `optimizer="sgd"` uses.
    pub const DEFAULT_LEARNING_RATE: f32 = 0.01;

    /// Plain descent with a constant learning rate.
    pub fn new(learning_rate: f32) -> Self {
        let common = Common::constant(learning_rate);
        Self { common, momentum: 0.0, nesterov: false, velocities: Slots::default() }
    }

    /// Descent with all options; `momentum` is in `0..=1`, and 0 is none.
    ///
    /// # Errors
    ///
    /// An option is out of its range.
    pub fn with_options(options: OptimizerOptions, momentum: f64, nesterov: bool) -> Result<Self, TrainerError> {
        in_unit_interval("momentum", momentum)?;
        let common = Common::new(options)?;
        Ok(Self { common, momentum: momentum as f32, nesterov, velocities: Slots::default() })
    }
}

const MOMENTUM: &str = "momentum";

impl Optimizer for Sgd {
    fn step(&mut self, parameters: &mut [Parameter<'_>]) {
        let Self { common, momentum, nesterov, velocities } = self;
        let (momentum, nesterov) = (*momentum, *nesterov);
        if momentum != 0.0 {
            velocities.fit(parameters);
        }
        common.step(parameters, |index, parameter, rate| {
            let pairs = parameter.values.iter_mut().zip(&*parameter.gradient);
            if momentum == 0.0 {
                pairs.for_each(|(value, gradient)| *value -= rate * gradient);
                return;
            }
            for ((value, gradient), velocity) in pairs.zip(&mut velocities.0[index]) {
                *velocity = *velocity * momentum - gradient * rate;
                *value += if nesterov { *velocity * momentum - gradient * rate } else { *velocity };
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
        self.velocities.save(MOMENTUM, &mut state);
        state
    }

    fn restore(&mut self, state: &State, lengths: &[usize]) -> Result<(), TrainerError> {
        let own = if self.momentum == 0.0 { &[] } else { lengths };
        let velocities = Slots::load(MOMENTUM, state, own, state.count("iteration")?)?;
        self.common.restore(state, lengths)?;
        self.velocities = velocities;
        Ok(())
    }
}
