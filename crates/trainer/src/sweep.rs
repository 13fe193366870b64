//! Many small trainings on features that are in memory: candidates times folds, several at a time.
//!
//! With features at hand a head trains in milliseconds, so that each candidate can be judged on several divisions of the
//! photos instead of one. Every training is a [`Fit`] as any other: what it comes to is what it would come to alone.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::error::TrainerError;
use crate::features::{FeatureRows, FeatureSource, Recording};
use crate::fit::{Fit, FitOptions, Outcome};
use crate::history::{VALIDATION_ACCURACY, VALIDATION_LOSS};
use crate::learner::Learner;

/// One division of the photos, as the batches that a training on it sees.
#[derive(Clone, Debug)]
pub struct Fold {
    /// All batches of all epochs.
    pub training: Recording,
    /// All batches of the validations after them.
    pub validation: Recording,
    /// How long a training is; `validation_steps` is needed.
    pub options: FitOptions,
    /// Decides what a head begins with.
    pub seed: u64,
}

/// What a training on a fold came to after its last epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trial {
    /// Of the photos held back.
    Scored {
        /// Share that is told right, 0 to 1.
        accuracy: f64,
        /// Mean loss.
        loss: f64,
    },
    /// The loss became infinite or no number.
    Diverged,
}

/// Trains `candidates` on every fold, `threads` at a time: a row a candidate, with a trial a fold. `learner` makes what is
/// trained; `done` hears of every training that has ended. Results do not depend on `threads`. `None` where `stop` became
/// true before the end.
///
/// # Errors
///
/// Of the first training, by candidate and fold, that failed otherwise than by diverging.
pub fn cross_validate<C: Sync>(
    rows: &FeatureRows,
    folds: &[Fold],
    candidates: &[C],
    learner: impl Fn(&C, &Fold) -> Result<Learner, TrainerError> + Sync,
    threads: usize,
    done: impl Fn() + Sync,
    stop: &AtomicBool,
) -> Result<Option<Vec<Vec<Trial>>>, TrainerError> {
    let jobs = candidates.len() * folds.len();
    let results: Vec<Mutex<Option<Ended>>> = (0..jobs).map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let job = next.fetch_add(1, Ordering::Relaxed);
            let Some(place) = results.get(job) else { break };
            let (candidate, fold) = (&candidates[job / folds.len()], &folds[job % folds.len()]);
            let trial = learner(candidate, fold).and_then(|learner| train(rows, fold, learner, stop));
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(trial);
            done();
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.clamp(1, jobs.max(1)) {
            scope.spawn(work);
        }
        work();
    });
    let mut trials = Vec::with_capacity(jobs);
    for result in results {
        match result.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(Ok(Some(trial))) => trials.push(trial),
            Some(Err(error)) => return Err(error),
            Some(Ok(None)) | None => return Ok(None),
        }
    }
    Ok(Some(trials.chunks(folds.len().max(1)).map(<[_]>::to_vec).collect()))
}

/// How a training ended; `None` where it was stopped.
type Ended = Result<Option<Trial>, TrainerError>;

/// One training.
fn train(
    rows: &FeatureRows,
    fold: &Fold,
    mut learner: Learner,
    stop: &AtomicBool,
) -> Result<Option<Trial>, TrainerError> {
    let (mut training, mut validation) = (rows.replay(&fold.training), rows.replay(&fold.validation));
    let fitted = Fit {
        learner: &mut learner,
        training: &mut training,
        validation: Some(&mut validation as &mut dyn FeatureSource),
        options: fold.options,
        callbacks: Vec::new(),
        stop,
        from: None,
        recovery: None,
    }
    .run();
    match fitted {
        Ok(fitted) if fitted.outcome == Outcome::Interrupted => Ok(None),
        Ok(fitted) => {
            let last = |name: &str| {
                let column = fitted.history.columns().find(|(column, _)| *column == name);
                f64::from(column.and_then(|(_, values)| values.last().copied().flatten()).unwrap_or(f32::NAN))
            };
            Ok(Some(Trial::Scored { accuracy: last(VALIDATION_ACCURACY), loss: last(VALIDATION_LOSS) }))
        }
        Err(TrainerError::NonFiniteLoss { .. }) => Ok(Some(Trial::Diverged)),
        Err(error) => Err(error),
    }
}

/// How values of one candidate lie around their mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// How many.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation about it, of a sample (divided by `count - 1`); 0 of one value.
    pub deviation: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    /// Of `values`; `None` of none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (count > 0).then(|| Self {
            count,
            mean,
            deviation: if count > 1 { (squares / (count - 1) as f64).sqrt() } else { 0.0 },
            least: values.iter().copied().fold(f64::INFINITY, f64::min),
            most: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.std([...], ddof=1)` of the same values.
    #[test]
    fn spread_is_that_of_a_sample() {
        let spread = Spread::of(&[0.5, 0.75, 1.0, 0.75]).unwrap();
        assert_eq!((spread.count, spread.mean, spread.least, spread.most), (4, 0.75, 0.5, 1.0));
        assert!((spread.deviation - 0.204_124_145_231_931_5).abs() < 1e-15);
        assert_eq!(Spread::of(&[0.25]).unwrap().deviation, 0.0);
        assert_eq!(Spread::of(&[]), None);
    }
}
