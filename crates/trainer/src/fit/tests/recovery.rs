//! A training that goes on from any state is the training that was never interrupted.

use super::*;
use crate::head::{Activation, Dropout, HeadOptions};
use crate::metric::Metric;
use crate::optimizer::{Adam, AdamOptions, Ema, OptimizerOptions};
use crate::schedule::Schedule;
use crate::state::State;
use tempfile::TempDir;

const EPOCHS: u64 = 5;
const STEPS: u64 = 4;
const PLAN: FitOptions = FitOptions { epochs: EPOCHS, steps_per_epoch: STEPS, validation_steps: Some(2) };

/// Keeps every state, as it is read from its file.
#[derive(Default)]
struct Every(Vec<(Position, State)>);

impl Recovery for Every {
    fn is_due(&mut self, _: Position) -> bool {
        true
    }

    fn keep(&mut self, position: Position, state: &State) -> Result<(), TrainerError> {
        self.0.push((position, State::decode("state".as_ref(), &state.encode())?));
        Ok(())
    }
}

/// Everything that has a state of its own: Adam on a schedule with averages, dropout, a hidden layer, every metric.
fn learner() -> Learner {
    let (activation, hidden) = (Activation::Softmax, Some(3));
    let head = Head::new(&HeadOptions { features: 4, outputs: 2, hidden, activation, seed: 1 }).unwrap();
    let decay = Schedule::Cosine { initial: 0.3, decay_steps: 20, alpha: 0.1, warmup: None };
    let ema = Some(Ema { momentum: 0.7, overwrite_every: Some(6) });
    let options = OptimizerOptions { ema, ..OptimizerOptions::new(decay) };
    let adam = Adam::with_options(options, AdamOptions { amsgrad: true, ..AdamOptions::default() }).unwrap();
    let mut learner = Learner::new(head, Box::new(adam));
    learner.dropout = Some(Dropout::new(0.4, 9).unwrap());
    learner.metrics =
        vec![Metric::Accuracy, Metric::TopK(1), Metric::Auc, Metric::RocAuc, Metric::Precision, Metric::Recall];
    learner
}

struct World {
    train: TempDir,
    val: TempDir,
}

/// What a training leaves behind.
#[derive(Debug, PartialEq)]
struct Left {
    history: History,
    csv: Vec<u8>,
    head: Head,
    images: (u64, u64),
    outcome: Outcome,
}

impl World {
    /// The training, from `from` on.
    fn run(&self, from: Option<&State>, stop: &AtomicBool, recovery: Option<&mut dyn Recovery>) -> Left {
        let position = from.map_or(Position::default(), |state| Position::of(state).unwrap());
        // Three batches a pass, four steps an epoch: epochs begin anywhere in a pass.
        let flow = flow(self.train.path(), 4, true);
        let (pass, skip) = position.next_batch(&PLAN, flow.batches_per_epoch());
        let planned = flow.schedule(pass..).skip_batches(skip).unwrap();
        let loader = LoaderOptions { threads: 2, ..LoaderOptions::default() };
        let stream = flow.stream_planned(planned, &flow.report(), &loader).unwrap();
        let mut training = Extracted::new(stream.blocking(), &MeanColour);
        let mut validation = source(&super::flow(self.val.path(), 3, false), 1);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.csv");
        let mut csv = CsvLogger::new(&path);
        let monitor = Monitor::validation_loss();
        let options = EarlyStoppingOptions { monitor, patience: 9, restore_best: true, ..Default::default() };
        let mut stopping = EarlyStopping::new(options);
        let mut learner = learner();
        let mut fit = fit(&mut learner, &mut training, PLAN, stop);
        fit.validation = Some(&mut validation);
        fit.callbacks = vec![&mut csv, &mut stopping];
        fit.from = from;
        if let Some(recovery) = recovery {
            fit.recovery = Some(&mut *recovery);
        }
        let fitted = fit.run().unwrap();
        let images = (fitted.images, fitted.validation_images);
        let csv = std::fs::read(&path).unwrap_or_default();
        Left { history: fitted.history, csv, head: learner.head, images, outcome: fitted.outcome }
    }
}

#[test]
fn every_state_leads_to_the_same_end() {
    let world = World { train: photos(5), val: photos(3) };
    let mut every = Every::default();
    let whole = world.run(None, &GO_ON, Some(&mut every));
    assert_eq!(whole, world.run(None, &GO_ON, None), "keeping states changes nothing");
    let positions: Vec<_> = every.0.iter().map(|(position, _)| (position.epoch, position.step)).collect();
    assert_eq!(positions.len() as u64, EPOCHS * (STEPS + 1));
    assert_eq!((positions[3], positions[4], *positions.last().unwrap()), ((0, 4), (1, 0), (5, 0)));
    for (position, state) in &every.0 {
        let mut left = world.run(Some(state), &GO_ON, None);
        if position.epoch == EPOCHS {
            // Nothing was left to do that would have written it.
            left.csv.clone_from(&whole.csv);
        }
        assert_eq!(left, whole, "from {position:?}");
    }
}

#[test]
fn an_interrupted_training_goes_on_at_the_next_step() {
    let world = World { train: photos(5), val: photos(3) };
    let whole = world.run(None, &GO_ON, None);
    /// Nothing is due; only what an end keeps is kept.
    struct Last(Option<State>);
    impl Recovery for Last {
        fn is_due(&mut self, _: Position) -> bool {
            false
        }
        fn keep(&mut self, _: Position, state: &State) -> Result<(), TrainerError> {
            self.0 = Some(state.clone());
            Ok(())
        }
    }
    let mut last = Last(None);
    let stopped = world.run(None, &AtomicBool::new(true), Some(&mut last));
    assert_eq!(stopped.outcome, Outcome::Interrupted);
    let state = last.0.unwrap();
    assert_eq!(Position::of(&state).unwrap(), Position { epoch: 0, step: 1 });
    assert_eq!(world.run(Some(&state), &GO_ON, None), whole);
}

#[test]
fn a_state_of_something_else_is_refused() {
    let world = World { train: photos(5), val: photos(3) };
    let mut every = Every::default();
    world.run(None, &GO_ON, Some(&mut every));
    let (_, state) = every.0.last().unwrap();
    let mut training = source(&flow(world.train.path(), 4, true), 1);
    let mut shorter = super::learner(0.1);
    let mut run = fit(&mut shorter, &mut training, options(2, 4, None), &GO_ON);
    run.from = Some(state);
    let error = run.run().unwrap_err().to_string();
    assert_eq!(error, "the saved state is at step 0 of epoch 6; this training has 2 epochs of 4 steps");
    let mut run = fit(&mut shorter, &mut training, PLAN, &GO_ON);
    run.from = Some(state);
    assert!(run.run().unwrap_err().to_string().starts_with("the saved state's "));
}
