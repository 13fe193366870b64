//! What every optimizer of Keras does around its own rule: clip, decay, keep averages, count.

use serde::{Deserialize, Serialize};

use super::Parameter;
use crate::error::TrainerError;
use crate::linalg;
use crate::schedule::Schedule;
use crate::state::State;

/// The options that all optimizers share. Numbers are f64, as Python's floats are, and are rounded to f32 where
/// Keras rounds them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerOptions {
    /// The learning rate.
    pub learning_rate: Schedule,
    /// Before each update, every parameter loses `value * weight_decay * learning_rate`, biases too.
    #[serde(default)]
    pub weight_decay: Option<f64>,
    /// How large gradients are cut.
    #[serde(default)]
    pub clip: Option<Clip>,
    /// A running average of the parameters.
    #[serde(default)]
    pub ema: Option<Ema>,
}

/// A limit of the gradients. Keras takes one at a time, too.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clip {
    /// Of the Euclidean norm of each tensor's gradient: Keras' `clipnorm`.
    Norm(f64),
    /// Of the norm over all tensors together: Keras' `global_clipnorm`.
    GlobalNorm(f64),
    /// Of every element's magnitude: Keras' `clipvalue`.
    Value(f64),
}

/// Keras' `use_ema`: after each step `average = momentum * average + (1 - momentum) * value`. At the end of the
/// training the averages become the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ema {
    /// 0 to 1; 0.99 in Keras.
    pub momentum: f64,
    /// Steps after which the averages become the parameters in between, again and again.
    #[serde(default)]
    pub overwrite_every: Option<u64>,
}

impl OptimizerOptions {
    /// This learning rate, and nothing else.
    pub fn new(learning_rate: impl Into<Schedule>) -> Self {
        Self { learning_rate: learning_rate.into(), weight_decay: None, clip: None, ema: None }
    }

    fn check(&self) -> Result<(), TrainerError> {
        self.learning_rate.check()?;
        if let Some(value) = self.weight_decay.filter(|value| !value.is_finite() || *value < 0.0) {
            return Err(TrainerError::OptionRange { option: "weight_decay", value, expected: "0 or more" });
        }
        if let Some(Clip::Norm(value) | Clip::GlobalNorm(value) | Clip::Value(value)) = self.clip
            && !(value.is_finite() && value > 0.0)
        {
            return Err(TrainerError::OptionRange { option: "clip", value, expected: "more than 0" });
        }
        if let Some(Ema { momentum, overwrite_every }) = self.ema {
            in_unit_interval("ema momentum", momentum)?;
            if overwrite_every == Some(0) {
                return Err(TrainerError::ZeroOption { option: "ema overwrite_every" });
            }
        }
        Ok(())
    }
}

/// `value`, which must be in `0..=1`.
pub(super) fn in_unit_interval(option: &'static str, value: f64) -> Result<(), TrainerError> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(TrainerError::OptionRange { option, value, expected: "0 to 1" })
}

/// The shared part of an optimizer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Common {
    options: OptimizerOptions,
    iterations: u64,
    averages: Slots,
}

impl Common {
    pub(super) fn new(options: OptimizerOptions) -> Result<Self, TrainerError> {
        options.check()?;
        Ok(Self { options, iterations: 0, averages: Slots::default() })
    }

    /// A constant learning rate, which needs no check.
    pub(super) fn constant(learning_rate: f32) -> Self {
        Self { options: OptimizerOptions::new(learning_rate), iterations: 0, averages: Slots::default() }
    }

    pub(super) fn learning_rate(&self) -> f32 {
        self.options.learning_rate.at(self.iterations)
    }

    pub(super) fn set_learning_rate(&mut self, rate: f32) -> Result<(), TrainerError> {
        let Schedule::Constant { learning_rate } = &mut self.options.learning_rate else {
            return Err(TrainerError::ScheduledLearningRate);
        };
        *learning_rate = f64::from(rate);
        Ok(())
    }

    pub(super) fn iterations(&self) -> u64 {
        self.iterations
    }

    /// One step: clipping and decay, `update` of the tensor of each index with the learning rate, averages.
    pub(super) fn step(
        &mut self,
        parameters: &mut [Parameter<'_>],
        mut update: impl FnMut(usize, &mut Parameter<'_>, f32),
    ) {
        let learning_rate = self.learning_rate();
        if let Some(clip) = self.options.clip {
            clip.apply(parameters);
        }
        for (index, parameter) in parameters.iter_mut().enumerate() {
            if let Some(decay) = self.options.weight_decay {
                let decay = decay as f32;
                for value in parameter.values.iter_mut() {
                    *value -= *value * decay * learning_rate;
                }
            }
            update(index, parameter, learning_rate);
        }
        if let Some(ema) = self.options.ema {
            self.average(ema, parameters);
        }
        self.iterations += 1;
    }

    fn average(&mut self, ema: Ema, parameters: &mut [Parameter<'_>]) {
        self.averages.fit(parameters);
        // The first average is the parameter itself.
        let momentum = if self.iterations == 0 { 0.0 } else { ema.momentum as f32 };
        let overwrite = ema.overwrite_every.is_some_and(|steps| (self.iterations + 1).is_multiple_of(steps));
        for (average, parameter) in self.averages.0.iter_mut().zip(parameters) {
            for (average, value) in average.iter_mut().zip(&*parameter.values) {
                *average = momentum * *average + (1.0 - momentum) * value;
            }
            if overwrite {
                parameter.values.copy_from_slice(average);
            }
        }
    }

    pub(super) fn finish(&self, parameters: &mut [&mut [f32]]) {
        for (average, values) in self.averages.0.iter().zip(parameters) {
            if average.len() == values.len() {
                values.copy_from_slice(average);
            }
        }
    }

    pub(super) fn state(&self) -> State {
        let mut state = State::default();
        state.set_count(ITERATION, self.iterations);
        if let Schedule::Constant { learning_rate } = self.options.learning_rate {
            state.set_floats(LEARNING_RATE, &[learning_rate as f32]);
        }
        self.averages.save(AVERAGE, &mut state);
        state
    }

    pub(super) fn restore(&mut self, state: &State, lengths: &[usize]) -> Result<(), TrainerError> {
        let iterations = state.count(ITERATION)?;
        let averages = if self.options.ema.is_some() { lengths } else { &[] };
        let averages = Slots::load(AVERAGE, state, averages, iterations)?;
        if let Schedule::Constant { learning_rate } = &mut self.options.learning_rate {
            *learning_rate = f64::from(state.float(LEARNING_RATE)?);
        }
        (self.iterations, self.averages) = (iterations, averages);
        Ok(())
    }
}

const ITERATION: &str = "iteration";
const LEARNING_RATE: &str = "learning_rate";
const AVERAGE: &str = "average";

impl Clip {
    fn apply(self, parameters: &mut [Parameter<'_>]) {
        match self {
            // The order of tf.clip_by_norm: times the limit, then over the norm.
            Self::Norm(limit) => {
                let limit = limit as f32;
                for parameter in parameters {
                    let divisor = linalg::dot(parameter.gradient, parameter.gradient).sqrt().max(limit);
                    parameter.gradient.iter_mut().for_each(|g| *g = *g * limit / divisor);
                }
            }
            Self::GlobalNorm(limit) => {
                let squares = parameters.iter().map(|p| linalg::dot(p.gradient, p.gradient));
                let norm = squares.sum::<f32>().sqrt();
                // A norm that is not finite makes every gradient NaN, as in Keras: it must not go unnoticed.
                let scale = limit as f32 * (1.0 / norm).min((1.0 / limit) as f32);
                let scale = if norm.is_finite() { scale } else { f32::NAN };
                for parameter in parameters {
                    parameter.gradient.iter_mut().for_each(|g| *g *= scale);
                }
            }
            Self::Value(limit) => {
                let limit = limit as f32;
                for parameter in parameters {
                    parameter.gradient.iter_mut().for_each(|g| *g = g.clamp(-limit, limit));
                }
            }
        }
    }
}

/// One tensor for each tensor of parameters, zero at first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Slots(pub(super) Vec<Vec<f32>>);

impl Slots {
    /// Makes them as long as the parameters, zero where they were not.
    pub(super) fn fit(&mut self, parameters: &[Parameter<'_>]) {
        self.0.resize_with(parameters.len(), Vec::new);
        for (slot, parameter) in self.0.iter_mut().zip(parameters) {
            if slot.len() != parameter.values.len() {
                *slot = vec![0.0; parameter.values.len()];
            }
        }
    }

    pub(super) fn save(&self, name: &str, state: &mut State) {
        for (index, values) in self.0.iter().enumerate() {
            state.set_floats(format!("{name}/{index}"), values);
        }
    }

    /// What [`save`](Self::save) wrote. Before the first step there is nothing.
    pub(super) fn load(name: &str, state: &State, lengths: &[usize], iterations: u64) -> Result<Self, TrainerError> {
        if iterations == 0 {
            return Ok(Self::default());
        }
        let slots = lengths
            .iter()
            .enumerate()
            .map(|(index, &length)| state.floats(&format!("{name}/{index}"), length).map(<[f32]>::to_vec));
        Ok(Self(slots.collect::<Result<_, _>>()?))
    }
}
