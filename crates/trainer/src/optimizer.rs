//! What turns gradients into new parameters.

mod adam;
mod common;
mod config;
mod sgd;

use std::fmt;

use crate::error::TrainerError;
use crate::state::State;

pub use adam::{Adam, AdamOptions};
pub use common::{Clip, Ema, OptimizerOptions};
pub use config::{OptimizerConfig, Rule};
pub use sgd::Sgd;

/// One tensor of parameters and its gradient, element for element.
#[derive(Debug)]
pub struct Parameter<'a> {
    /// Changed in place.
    pub values: &'a mut [f32],
    /// Gradient of the batch's mean loss. An optimizer that clips does so in place.
    pub gradient: &'a mut [f32],
}

/// An update rule. A step sees every tensor at once, in the same order each time, so that rules with state
/// of their own (momentum) or a norm over all tensors (clipping) fit.
pub trait Optimizer: fmt::Debug + Send {
    /// Changes the parameters by one step.
    fn step(&mut self, parameters: &mut [Parameter<'_>]);

    /// The learning rate of the next step.
    fn learning_rate(&self) -> f32;

    /// Changes the learning rate of the steps to come.
    ///
    /// # Errors
    ///
    /// The rate follows a schedule.
    fn set_learning_rate(&mut self, learning_rate: f32) -> Result<(), TrainerError>;

    /// Steps done.
    fn iterations(&self) -> u64;

    /// At the end of a training: puts the averages of the parameters in their place, where averages are kept.
    /// The tensors are those of [`step`](Self::step), in its order.
    fn finish(&mut self, parameters: &mut [&mut [f32]]);

    /// All that the next step depends on besides the parameters and the options.
    fn state(&self) -> State;

    /// Goes on from `state`; `lengths` are those of the parameters' tensors.
    ///
    /// # Errors
    ///
    /// The state lacks something, or does not belong to such parameters.
    fn restore(&mut self, state: &State, lengths: &[usize]) -> Result<(), TrainerError>;
}

#[cfg(test)]
mod tests;
