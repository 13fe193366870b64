use super::*;
use crate::history::VALIDATION_LOSS;
use crate::optimizer::Sgd;
use crate::{Head, Outcome};
use std::borrow::Cow;
use std::cell::RefCell;
use xfer_telemetry::verdict::TrainingTime;

fn learner() -> Learner {
    Learner::new(Head::glorot_uniform(2, 2, 1).unwrap(), Box::new(Sgd::new(1.0)))
}

const OPTIONS: FitOptions = FitOptions { epochs: 99, steps_per_epoch: 1, validation_steps: Some(1) };

/// The ends of epochs with these losses, up to the one after which the training ends; `after` each, the learner.
fn epochs(
    callback: &mut dyn Callback,
    learner: &mut Learner,
    losses: &[f32],
    mut after: impl FnMut(u64, &mut Learner),
) -> Option<u64> {
    callback.on_train_begin(&OPTIONS, learner).unwrap();
    for (epoch, &loss) in (0..).zip(losses) {
        let stopped = epoch_end(callback, learner, epoch, loss).unwrap() == ControlFlow::Break(());
        after(epoch, learner);
        if stopped {
            return Some(epoch);
        }
    }
    None
}

fn epoch_end(callback: &mut dyn Callback, learner: &mut Learner, epoch: u64, loss: f32) -> Wish {
    let mut logs = Logs::from([(Cow::Borrowed(VALIDATION_LOSS), loss)]);
    callback.on_epoch_logs(learner, &mut logs)?;
    callback.on_epoch_end(&EpochEnd { epoch, steps: 1, images: 1, logs: &logs, interrupted: false }, learner)
}

fn train_end(callback: &mut dyn Callback, learner: &mut Learner) {
    let fitted = Fitted {
        history: crate::History::default(),
        outcome: Outcome::Stopped,
        images: 0,
        validation_images: 0,
        took: Duration::ZERO,
        waited: Duration::ZERO,
        time: TrainingTime::default(),
    };
    callback.on_train_end(&fitted, learner).unwrap();
}

fn stopping(options: EarlyStoppingOptions, losses: &[f32]) -> Option<u64> {
    epochs(&mut EarlyStopping::new(options), &mut learner(), losses, |_, _| ())
}

fn patient(patience: u64) -> EarlyStoppingOptions {
    EarlyStoppingOptions { patience, ..EarlyStoppingOptions::default() }
}

// The epochs are those at which Keras 3.15.1 stops.
#[test]
fn early_stopping_waits_as_long_as_keras() {
    let losses = [1.0, 0.9, 0.95, 0.92, 0.91, 0.5, 0.6, 0.7, 0.8, 0.9];
    assert_eq!(stopping(patient(0), &losses), Some(2));
    assert_eq!(stopping(patient(1), &losses), Some(2));
    assert_eq!(stopping(patient(2), &losses), Some(3));
    assert_eq!(stopping(patient(4), &losses), Some(9));
    assert_eq!(stopping(patient(5), &losses), None);
    assert_eq!(stopping(patient(0), &[1.0]), None);
    let min_delta = |delta| Monitor::validation_loss().with_min_delta(delta);
    assert_eq!(stopping(EarlyStoppingOptions { monitor: min_delta(0.2), ..patient(3) }, &losses), Some(3));
    assert_eq!(stopping(EarlyStoppingOptions { baseline: Some(0.55), ..patient(3) }, &losses), Some(2));
    assert_eq!(stopping(EarlyStoppingOptions { baseline: Some(0.55), ..patient(4) }, &losses), Some(3));
    assert_eq!(stopping(EarlyStoppingOptions { baseline: Some(0.95), ..patient(4) }, &losses), Some(9));
    assert_eq!(stopping(EarlyStoppingOptions { start_from_epoch: 6, ..patient(2) }, &losses), Some(8));
    assert_eq!(stopping(patient(2), &[f32::NAN, 0.5, 0.4]), Some(2), "nothing is better than no number");
}

#[test]
fn the_best_head_comes_back_also_where_nothing_stopped() {
    for (patience, stopped) in [(1, Some(2)), (9, None)] {
        let mut learner = learner();
        let mut heads = Vec::new();
        let options = EarlyStoppingOptions { restore_best: true, ..patient(patience) };
        let mut callback = EarlyStopping::new(options);
        let at = epochs(&mut callback, &mut learner, &[1.0, 0.5, 0.7, 0.6], |_, learner| {
            heads.push(learner.head.clone());
            learner.train_step(&[1.0, 2.0], &[1]).unwrap();
        });
        assert_eq!((at, callback.best_epoch(), callback.stopped_epoch()), (stopped, 1, stopped));
        assert_ne!(learner.head, heads[1]);
        train_end(&mut callback, &mut learner);
        assert_eq!(learner.head, heads[1]);
    }
}

fn rates(options: ReduceLearningRateOptions, losses: &[f32]) -> Vec<f32> {
    let mut rates = Vec::new();
    let mut callback = ReduceLearningRate::new(options).unwrap();
    epochs(&mut callback, &mut learner(), losses, |_, learner| rates.push(learner.optimizer.learning_rate()));
    rates
}

// The rates are those that Keras 3.15.1 leaves after each epoch.
#[test]
fn the_learning_rate_falls_as_in_keras() {
    let losses = [1.0, 0.9, 0.89995, 0.9, 0.9, 0.9, 0.9, 0.9];
    let options = |patience, cooldown| ReduceLearningRateOptions {
        factor: 0.5,
        patience,
        cooldown,
        ..ReduceLearningRateOptions::default()
    };
    assert_eq!(rates(options(2, 0), &losses), [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125]);
    assert_eq!(rates(options(2, 2), &losses), [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25]);
    assert_eq!(rates(options(0, 0), &losses), [1.0, 1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625]);
    let least = ReduceLearningRateOptions { min_learning_rate: 0.3, ..options(1, 0) };
    assert_eq!(rates(least, &losses), [1.0, 1.0, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3]);
    assert!(ReduceLearningRate::new(ReduceLearningRateOptions { factor: 1.0, ..options(1, 0) }).is_err());
}

#[test]
fn a_metric_that_is_not_there_is_named() {
    let monitor = Monitor::new("val_auc", None).unwrap();
    let mut callback = EarlyStopping::new(EarlyStoppingOptions { monitor, ..patient(0) });
    let error = epoch_end(&mut callback, &mut learner(), 0, 1.0).unwrap_err().to_string();
    assert_eq!(error, "early stopping watches val_auc, but the epoch has only val_loss");
}

#[test]
fn a_restored_callback_goes_on() {
    // The last one ends the training of the first callback.
    let losses = [1.0, 0.9, 0.95, 0.5, 0.6, 0.55, 0.7, 0.8];
    let make: [fn() -> Box<dyn Callback>; 2] = [
        || Box::new(EarlyStopping::new(EarlyStoppingOptions { restore_best: true, ..patient(4) })),
        || {
            let options =
                ReduceLearningRateOptions { patience: 2, cooldown: 1, ..ReduceLearningRateOptions::default() };
            Box::new(ReduceLearningRate::new(options).unwrap())
        },
    ];
    for make in make {
        for stop in 0..losses.len() {
            let (mut whole, mut first, mut second) = (make(), make(), make());
            let (mut expected, mut learner) = (learner(), learner());
            let end = epochs(&mut *whole, &mut expected, &losses, |_, _| ());
            epochs(&mut *first, &mut learner, &losses[..stop], |_, _| ());
            second.on_train_begin(&OPTIONS, &learner).unwrap();
            let state = State::decode("state".as_ref(), &first.state().encode()).unwrap();
            second.restore(&state, &learner).unwrap();
            let rest = (stop as u64..).zip(&losses[stop..]);
            let mut ends =
                rest.map(|(epoch, &loss)| (epoch, epoch_end(&mut *second, &mut learner, epoch, loss).unwrap()));
            let ended = ends.find(|(_, wish)| *wish == ControlFlow::Break(())).map(|(epoch, _)| epoch);
            assert_eq!(ended, end, "stopped after {stop}");
            train_end(&mut *whole, &mut expected);
            train_end(&mut *second, &mut learner);
            assert_eq!(learner.state(), expected.state());
        }
    }
}

/// The moments that are saved: epoch, and step where it is none of an epoch's end.
fn saved(when: Save) -> Vec<(u64, Option<u64>)> {
    let moments = RefCell::new(Vec::new());
    let mut callback = Checkpoint::new(when, |saving: &Saving<'_>| {
        moments.borrow_mut().push((saving.epoch, saving.step));
        Ok(())
    })
    .unwrap();
    let mut learner = learner();
    callback.on_train_begin(&OPTIONS, &learner).unwrap();
    for (epoch, loss) in (0..).zip([1.0, 0.5, 0.7, 0.4, 0.4]) {
        for step in 0..3 {
            let logs = Logs::new();
            let end = StepEnd {
                epoch,
                step,
                images: 1,
                logs: &logs,
                loss: 0.0,
                learning_rate: 1.0,
                learner: &learner,
                waited: Duration::ZERO,
                took: Duration::ZERO,
                time: TrainingTime::default(),
            };
            let _ = callback.on_step_end(&end).unwrap();
        }
        let _ = epoch_end(&mut callback, &mut learner, epoch, loss).unwrap();
    }
    drop(callback);
    moments.into_inner()
}

#[test]
fn checkpoints_come_when_they_should() {
    let best = |threshold| Save::Best { monitor: Monitor::validation_loss(), threshold };
    let at_ends = |epochs: &[u64]| epochs.iter().map(|&epoch| (epoch, None)).collect::<Vec<_>>();
    assert_eq!(saved(best(None)), at_ends(&[0, 1, 3]));
    assert_eq!(saved(best(Some(0.5))), at_ends(&[3]));
    assert_eq!(saved(Save::Epochs(2)), at_ends(&[1, 3]));
    assert_eq!(saved(Save::Steps(4)), [(1, Some(0)), (2, Some(1)), (3, Some(2))]);
    assert!(Checkpoint::new(Save::Steps(0), |_: &Saving<'_>| Ok(())).is_err());
}
