//! A training that was killed goes on where it was: what has to be kept, and when.

use crate::callbacks::Callback;
use crate::error::TrainerError;
use crate::fit::{FitOptions, Fitted};
use crate::history::History;
use crate::learner::Learner;
use crate::metric::EpochMetrics;
use crate::state::State;

use super::epoch::Seen;

/// Where a training is, between two steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The epoch, from 0; the number of epochs where all are done.
    pub epoch: u64,
    /// Training steps of it that are done. Where all are, its validation is to come.
    pub step: u64,
}

/// Keeps the states of a training. [`Fit`](crate::Fit) goes on from any of them to the same history and the same head, bit
/// for bit.
pub trait Recovery {
    /// Whether the state at this position is wanted; asked after every training step and every epoch.
    fn is_due(&mut self, position: Position) -> bool;

    /// Keeps a state: one that was due, or the last one of a training that ends.
    ///
    /// # Errors
    ///
    /// The keeper's own; the training ends with it.
    fn keep(&mut self, position: Position, state: &State) -> Result<(), TrainerError>;
}

impl Position {
    /// The position that a state was taken at.
    ///
    /// # Errors
    ///
    /// It is no state of a training.
    pub fn of(state: &State) -> Result<Self, TrainerError> {
        let fit = state.part("fit");
        Ok(Self { epoch: fit.count("epoch")?, step: fit.count("step")? })
    }

    /// Training steps before it.
    pub fn steps(self, options: &FitOptions) -> u64 {
        self.epoch.saturating_mul(options.steps_per_epoch).saturating_add(self.step)
    }

    /// The pass over the data that the next training batch belongs to, and its place in it, where a pass has
    /// `batches` batches.
    pub fn next_batch(self, options: &FitOptions, batches: usize) -> (u64, usize) {
        let (done, batches) = (self.steps(options), batches.max(1) as u64);
        (done / batches, (done % batches) as usize)
    }

    fn check(self, options: &FitOptions) -> Result<(), TrainerError> {
        let FitOptions { epochs, steps_per_epoch: steps, .. } = *options;
        if self.epoch < epochs && self.step <= steps || self == (Self { epoch: epochs, step: 0 }) {
            return Ok(());
        }
        Err(TrainerError::StatePosition { epoch: self.epoch + 1, step: self.step, epochs, steps })
    }
}

/// What is begun of an epoch.
#[derive(Clone, Debug, Default)]
pub(super) struct Begun {
    pub(super) step: u64,
    pub(super) images: u64,
    /// Of its [`EpochMetrics`].
    pub(super) averages: State,
}

/// Everything of a training at `position`; `seen` and `averages` are of the epoch that is under way.
pub(super) fn state(
    position: Position,
    learner: &Learner,
    fitted: &Fitted,
    epoch: Option<(&Seen, &EpochMetrics)>,
    callbacks: &[&mut dyn Callback],
) -> State {
    let images = epoch.map_or(0, |(seen, _)| seen.images);
    let mut fit = State::default();
    fit.set_count("epoch", position.epoch);
    fit.set_count("step", position.step);
    fit.set_count("images", fitted.images);
    fit.set_count("epoch_images", images);
    fit.set_count("validation_images", fitted.validation_images);
    if let Some((_, averages)) = epoch {
        fit.set_part("averages", averages.state());
    }
    let mut state = State::default();
    state.set_part("fit", fit);
    state.set_part("history", fitted.history.state());
    state.set_part("learner", learner.state());
    for (index, callback) in callbacks.iter().enumerate() {
        state.set_part(&format!("callback/{index}"), callback.state());
    }
    state
}

/// Puts a training at the position of `state`.
pub(super) fn restore(
    state: &State,
    options: &FitOptions,
    learner: &mut Learner,
    fitted: &mut Fitted,
    callbacks: &mut [&mut dyn Callback],
) -> Result<(Position, Begun), TrainerError> {
    let position = Position::of(state)?;
    position.check(options)?;
    let fit = state.part("fit");
    learner.restore(&state.part("learner"))?;
    for (index, callback) in callbacks.iter_mut().enumerate() {
        callback.restore(&state.part(&format!("callback/{index}")), learner)?;
    }
    fitted.history = History::from_state(&state.part("history"))?;
    (fitted.images, fitted.validation_images) = (fit.count("images")?, fit.count("validation_images")?);
    let begun = Begun { step: position.step, images: fit.count("epoch_images")?, averages: fit.part("averages") };
    Ok((position, begun))
}
