//! A metric that is watched for getting better, by the rule of Keras' `MonitorCallback`.

use crate::callbacks::EpochEnd;
use crate::error::TrainerError;
use crate::history::VALIDATION_LOSS;
use crate::metric::Direction;

/// A metric and what counts as better.
#[derive(Clone, Debug, PartialEq)]
pub struct Monitor {
    metric: String,
    direction: Direction,
    min_delta: f64,
}

impl Monitor {
    /// Watches the metric of this name in the history; `None` takes the direction that belongs to the name.
    ///
    /// # Errors
    ///
    /// No direction is given, and none belongs to the name.
    pub fn new(metric: impl Into<String>, direction: Option<Direction>) -> Result<Self, TrainerError> {
        let metric = metric.into();
        let direction = direction.map_or_else(|| Direction::of(&metric), Ok)?;
        Ok(Self { metric, direction, min_delta: 0.0 })
    }

    /// Watches the loss of the validation.
    pub fn validation_loss() -> Self {
        Self { metric: VALIDATION_LOSS.to_owned(), direction: Direction::Min, min_delta: 0.0 }
    }

    /// Only what is better by more than this, of any sign, counts.
    #[must_use]
    pub fn with_min_delta(mut self, min_delta: f64) -> Self {
        self.min_delta = min_delta.abs();
        self
    }

    /// Name of the metric.
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// Whether `current` is better than `reference`; anything is better than nothing.
    ///
    /// Keras subtracts in Python's f64 and compares in f32.
    pub fn is_improvement(&self, current: f32, reference: Option<f32>) -> bool {
        let Some(reference) = reference else { return true };
        match self.direction {
            Direction::Min => ((f64::from(current) + self.min_delta) as f32) < reference,
            Direction::Max => ((f64::from(current) - self.min_delta) as f32) > reference,
        }
    }

    /// The metric of an epoch; none where the epoch was cut short before it was measured.
    pub(super) fn value(&self, callback: &'static str, end: &EpochEnd<'_>) -> Result<Option<f32>, TrainerError> {
        match end.logs.get(&*self.metric) {
            Some(&value) => Ok(Some(value)),
            None if end.interrupted => Ok(None),
            None => {
                let available = end.logs.keys().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
                Err(TrainerError::NoSuchMetric { callback, metric: self.metric.clone(), available })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_is_by_more_than_the_least_difference() {
        let loss = Monitor::validation_loss().with_min_delta(-0.25);
        assert!(loss.is_improvement(5.0, None) && loss.is_improvement(f32::NAN, None));
        assert!(loss.is_improvement(0.5, Some(1.0)));
        assert!(!loss.is_improvement(0.75, Some(1.0)));
        assert!(!loss.is_improvement(f32::NAN, Some(1.0)));
        let accuracy = Monitor::new("val_accuracy", None).unwrap().with_min_delta(0.25);
        assert!(accuracy.is_improvement(1.0, Some(0.5)));
        assert!(!accuracy.is_improvement(0.75, Some(0.5)));
    }

    #[test]
    fn directions_follow_from_names() {
        for (name, current) in [("loss", 1.0), ("top_5_accuracy", 3.0), ("val_auc", 3.0), ("precision", 3.0)] {
            assert!(Monitor::new(name, None).unwrap().is_improvement(current, Some(2.0)), "{name}");
        }
        let error = Monitor::new("f1", None).unwrap_err().to_string();
        assert_eq!(error, "it is not known whether a high f1 is good; say min or max");
        assert!(Monitor::new("f1", Some(Direction::Max)).unwrap().is_improvement(1.0, Some(0.5)));
    }
}
