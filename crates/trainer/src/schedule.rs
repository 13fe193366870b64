//! Learning rates that change with the number of steps done, as Keras' `LearningRateSchedule`s compute them.
//!
//! Every operation is f32 in Keras' order. `pow`, `cos` and `ln` are taken in f64 and rounded once, so that they
//! are the same on every machine; TensorFlow's own f32 versions may differ in the last bit. The rates are those that
//! Keras reports. In its graph, TensorFlow may divide by multiplying with a rounded reciprocal: where that moves a
//! step over a whole number, Keras' cycles and staircases begin a step off for some lengths, and ours do not.

use std::f32::consts::PI;

use serde::{Deserialize, Serialize};

use crate::error::TrainerError;

/// The learning rate as a function of the steps done. Numbers are f64, as Python's floats are, and are rounded to
/// f32 where Keras rounds them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// The same at every step, unless a callback changes it.
    Constant {
        /// The rate.
        learning_rate: f64,
    },
    /// `initial * rate^(t / steps)`: Keras' `ExponentialDecay`.
    Exponential {
        /// At step 0.
        initial: f64,
        /// Steps in which the rate falls by `rate`.
        decay_steps: u64,
        /// What it falls by.
        decay_rate: f64,
        /// Whether it falls at once after every `decay_steps`.
        #[serde(default)]
        staircase: bool,
    },
    /// `values[i]` up to and including step `boundaries[i]`, then the next: Keras' `PiecewiseConstantDecay`.
    Piecewise {
        /// Ascending steps.
        boundaries: Vec<u64>,
        /// One more than there are boundaries.
        values: Vec<f64>,
    },
    /// `(initial - end) * (1 - min(t, steps) / steps)^power + end`: Keras' `PolynomialDecay`.
    Polynomial {
        /// At step 0.
        initial: f64,
        /// Steps until `end`.
        decay_steps: u64,
        /// At the end.
        end: f64,
        /// 1: along a line.
        power: f64,
        /// Whether to begin anew with a longer decay, instead of staying at `end`.
        #[serde(default)]
        cycle: bool,
    },
    /// `initial / (1 + rate * t / steps)`: Keras' `InverseTimeDecay`.
    InverseTime {
        /// At step 0.
        initial: f64,
        /// Steps to which `decay_rate` belongs.
        decay_steps: u64,
        /// The share.
        decay_rate: f64,
        /// Whether it falls at once after every `decay_steps`.
        #[serde(default)]
        staircase: bool,
    },
    /// Half a cosine from `initial` to `alpha * initial`; with a warm-up, along a line from `initial` to its target
    /// first, and down from there: Keras' `CosineDecay`.
    Cosine {
        /// At step 0.
        initial: f64,
        /// Steps of the cosine.
        decay_steps: u64,
        /// Share of the rate that is left at the end.
        #[serde(default)]
        alpha: f64,
        /// What comes before the cosine.
        #[serde(default)]
        warmup: Option<Warmup>,
    },
    /// Half cosines one after the other, each `t_mul` times as long and `m_mul` times as high as the one before:
    /// Keras' `CosineDecayRestarts`.
    CosineRestarts {
        /// At step 0.
        initial: f64,
        /// Steps of the first one.
        first_decay_steps: u64,
        /// Growth of the length; 2 in Keras.
        t_mul: f64,
        /// Growth of the height; 1 in Keras.
        m_mul: f64,
        /// Share of the rate that is left at the end of each.
        #[serde(default)]
        alpha: f64,
    },
}

/// A rise of the learning rate along a line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warmup {
    /// The rate at its end.
    pub target: f64,
    /// Its steps.
    pub steps: u64,
}

impl Schedule {
    /// What Keras refuses, and numbers that are none.
    ///
    /// # Errors
    ///
    /// A number of steps is 0, boundaries do not ascend or do not match the values, or a number is not finite.
    pub fn check(&self) -> Result<(), TrainerError> {
        use Schedule as S;
        let (steps, numbers): (u64, Vec<f64>) = match *self {
            // A constant rate may be anything: a training with one that is no number says so itself.
            S::Constant { .. } => return Ok(()),
            S::Exponential { initial, decay_steps, decay_rate, .. }
            | S::InverseTime { initial, decay_steps, decay_rate, .. } => (decay_steps, vec![initial, decay_rate]),
            S::Piecewise { ref boundaries, ref values } => {
                let ascending = boundaries.is_sorted_by(|a, b| a < b);
                if boundaries.is_empty() || boundaries.len() + 1 != values.len() || !ascending {
                    return Err(TrainerError::PiecewiseBoundaries {
                        boundaries: boundaries.len(),
                        values: values.len(),
                    });
                }
                (1, values.clone())
            }
            S::Polynomial { initial, decay_steps, end, power, .. } => (decay_steps, vec![initial, end, power]),
            S::Cosine { initial, decay_steps, alpha, warmup } => {
                (decay_steps, vec![initial, alpha, warmup.map_or(0.0, |warmup| warmup.target)])
            }
            S::CosineRestarts { initial, first_decay_steps, t_mul, m_mul, alpha } => {
                if t_mul < 1.0 {
                    return Err(TrainerError::OptionRange { option: "t_mul", value: t_mul, expected: "at least 1" });
                }
                (first_decay_steps, vec![initial, t_mul, m_mul, alpha])
            }
        };
        if steps == 0 {
            return Err(TrainerError::ZeroOption { option: "decay_steps" });
        }
        match numbers.into_iter().find(|number| !number.is_finite()) {
            Some(value) => Err(TrainerError::OptionRange { option: "learning rate", value, expected: "finite" }),
            None => Ok(()),
        }
    }

    /// The rate of the step that follows `iterations` steps.
    pub fn at(&self, iterations: u64) -> f32 {
        let step = iterations as f32;
        match *self {
            Self::Constant { learning_rate } => learning_rate as f32,
            Self::Exponential { initial, decay_steps, decay_rate, staircase } => {
                initial as f32 * pow(decay_rate as f32, share(step, decay_steps, staircase))
            }
            Self::Piecewise { ref boundaries, ref values } => {
                let reached = boundaries.iter().take_while(|&&boundary| iterations > boundary).count();
                values.get(reached).map_or(0.0, |&value| value as f32)
            }
            Self::Polynomial { initial, decay_steps, end, power, cycle } => {
                let (mut step, mut steps) = (step, decay_steps as f32);
                if cycle {
                    steps *= if step == 0.0 { 1.0 } else { (step / steps).ceil() };
                } else {
                    step = step.min(steps);
                }
                let (initial, end) = (initial as f32, end as f32);
                (initial - end) * pow(1.0 - step / steps, power as f32) + end
            }
            Self::InverseTime { initial, decay_steps, decay_rate, staircase } => {
                initial as f32 / (1.0 + decay_rate as f32 * share(step, decay_steps, staircase))
            }
            Self::Cosine { initial, decay_steps, alpha, warmup } => {
                cosine_decay(step, initial as f32, decay_steps as f32, alpha, warmup)
            }
            Self::CosineRestarts { initial, first_decay_steps, t_mul, m_mul, alpha } => {
                let (restarts, done) = restarts(step / first_decay_steps as f32, t_mul as f32);
                let alpha = alpha as f32;
                let cosine = 0.5 * pow(m_mul as f32, restarts) * (1.0 + cos(PI * done));
                initial as f32 * ((1.0 - alpha) * cosine + alpha)
            }
        }
    }
}

impl From<f32> for Schedule {
    fn from(learning_rate: f32) -> Self {
        Self::Constant { learning_rate: f64::from(learning_rate) }
    }
}

fn share(step: f32, steps: u64, staircase: bool) -> f32 {
    let share = step / steps as f32;
    if staircase { share.floor() } else { share }
}

fn cosine_decay(step: f32, initial: f32, steps: f32, alpha: f64, warmup: Option<Warmup>) -> f32 {
    let decayed = |step: f32, from: f32| {
        let cosine = 0.5 * (1.0 + cos(PI * (step / steps)));
        from * ((1.0 - alpha) as f32 * cosine + alpha as f32)
    };
    let Some(warmup) = warmup else { return decayed(step.min(steps), initial) };
    let (target, rise) = (warmup.target as f32, warmup.steps as f32);
    let step = step.min(steps + rise);
    if step < rise { (target - initial) * (step / rise) + initial } else { decayed(step - rise, target) }
}

/// How many cosines are done, and which share of the one in hand; `done` in lengths of the first.
fn restarts(done: f32, t_mul: f32) -> (f32, f32) {
    if t_mul == 1.0 {
        return (done.floor(), done - done.floor());
    }
    let restarts = (ln(1.0 - done * (1.0 - t_mul)) / ln(t_mul)).floor();
    let before = (1.0 - pow(t_mul, restarts)) / (1.0 - t_mul);
    (restarts, (done - before) / pow(t_mul, restarts))
}

/// `base^exponent`, rounded once.
pub(crate) fn pow(base: f32, exponent: f32) -> f32 {
    f64::from(base).powf(f64::from(exponent)) as f32
}

fn cos(angle: f32) -> f32 {
    f64::from(angle).cos() as f32
}

fn ln(value: f32) -> f32 {
    f64::from(value).ln() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staircase_stays_until_the_next_step() {
        let rate = |t| Schedule::Exponential { initial: 1.0, decay_steps: 10, decay_rate: 0.5, staircase: true }.at(t);
        assert_eq!([0, 9, 10, 19, 20].map(rate), [1.0, 1.0, 0.5, 0.5, 0.25]);
        let rate = |t| Schedule::InverseTime { initial: 1.0, decay_steps: 10, decay_rate: 1.0, staircase: true }.at(t);
        assert_eq!([0, 9, 10, 19, 30].map(rate), [1.0, 1.0, 0.5, 0.5, 0.25]);
    }

    #[test]
    fn a_boundary_belongs_to_the_value_before_it() {
        let schedule = Schedule::Piecewise { boundaries: vec![2, 5], values: vec![1.0, 0.5, 0.25] };
        assert_eq!([0, 2, 3, 5, 6, 100].map(|t| schedule.at(t)), [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
    }

    #[test]
    fn a_polynomial_ends_or_begins_anew() {
        let rate = |cycle| Schedule::Polynomial { initial: 1.0, decay_steps: 4, end: 0.5, power: 1.0, cycle };
        assert_eq!([0, 2, 4, 9].map(|t| rate(false).at(t)), [1.0, 0.75, 0.5, 0.5]);
        assert_eq!([0, 4, 6, 8].map(|t| rate(true).at(t)), [1.0, 0.5, 0.625, 0.5]);
    }

    #[test]
    fn a_warm_up_comes_before_the_cosine() {
        let warmup = Some(Warmup { target: 1.0, steps: 4 });
        let schedule = Schedule::Cosine { initial: 0.0, decay_steps: 8, alpha: 0.25, warmup };
        assert_eq!([0, 1, 4, 12, 99].map(|t| schedule.at(t)), [0.0, 0.25, 1.0, 0.25, 0.25]);
        assert!((schedule.at(8) - 0.625).abs() < 1e-6);
    }

    #[test]
    fn cosines_restart_lower_and_longer() {
        let rate = |t| {
            let (t_mul, m_mul, alpha) = (2.0, 0.5, 0.0);
            Schedule::CosineRestarts { initial: 1.0, first_decay_steps: 10, t_mul, m_mul, alpha }.at(t)
        };
        assert_eq!([0, 10, 30, 70].map(rate), [1.0, 0.5, 0.25, 0.125]);
        assert!(rate(9) < 0.03 && rate(29) < 0.01 && rate(69) < 0.01);
    }

    #[test]
    fn what_keras_refuses_is_refused() {
        let constant = Schedule::Constant { learning_rate: f64::NAN };
        constant.check().unwrap();
        let zero = Schedule::Cosine { initial: 1.0, decay_steps: 0, alpha: 0.0, warmup: None };
        assert_eq!(zero.check().unwrap_err().to_string(), "decay_steps is 0; at least 1 is needed");
        for (boundaries, values) in [(vec![], vec![1.0]), (vec![1], vec![1.0]), (vec![5, 2], vec![1.0; 3])] {
            assert!(Schedule::Piecewise { boundaries, values }.check().is_err());
        }
        let infinite =
            Schedule::InverseTime { initial: f64::INFINITY, decay_steps: 1, decay_rate: 1.0, staircase: false };
        assert!(infinite.check().is_err());
    }
}
