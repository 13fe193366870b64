mod errors;
mod photos;
mod recovery;
mod sweep;
mod verdict;

use std::sync::atomic::Ordering;

use super::*;
use crate::callbacks::{
    CsvLogger, EarlyStopping, EarlyStoppingOptions, JsonLogger, Monitor, ReduceLearningRate, ReduceLearningRateOptions,
    StepEnd, TensorBoard, TerminateOnNan, Wish,
};
use crate::features::{Extracted, FeatureBatch, FeatureExtractor, FeatureTargets};
use crate::head::Head;
use crate::optimizer::Sgd;
use photos::{MeanColour, Recorded, flow, photos, source};
use xfer_loader::{Batch, LoaderOptions};

static GO_ON: AtomicBool = AtomicBool::new(false);

fn learner(learning_rate: f32) -> Learner {
    let head = Head::glorot_uniform(4, 2, 123).unwrap();
    Learner::new(head, Box::new(Sgd::new(learning_rate)))
}

fn options(epochs: u64, steps_per_epoch: u64, validation_steps: Option<u64>) -> FitOptions {
    FitOptions { epochs, steps_per_epoch, validation_steps }
}

fn fit<'a>(
    learner: &'a mut Learner,
    training: &'a mut dyn FeatureSource,
    options: FitOptions,
    stop: &'a AtomicBool,
) -> Fit<'a> {
    Fit { learner, training, validation: None, options, callbacks: Vec::new(), stop, from: None, recovery: None }
}

/// Writes down every event, and does `at_step` at the end of each step.
struct Events<F> {
    seen: Vec<String>,
    at_step: F,
}

impl<F: FnMut(&StepEnd<'_>) -> ControlFlow<()>> Callback for Events<F> {
    fn on_train_begin(&mut self, options: &FitOptions, _learner: &Learner) -> Result<(), TrainerError> {
        self.seen.push(format!("begin {}", options.epochs));
        Ok(())
    }
    fn on_epoch_begin(&mut self, epoch: u64) -> Result<(), TrainerError> {
        self.seen.push(format!("epoch {epoch}"));
        Ok(())
    }
    fn on_step_end(&mut self, step: &StepEnd<'_>) -> Wish {
        self.seen.push(format!("step {}/{} of {}", step.epoch, step.step, step.images));
        Ok((self.at_step)(step))
    }
    fn on_validation_step_end(&mut self, step: &StepEnd<'_>) -> Result<(), TrainerError> {
        self.seen.push(format!("validation {}/{} of {}", step.epoch, step.step, step.images));
        Ok(())
    }
    fn on_epoch_end(&mut self, end: &EpochEnd<'_>, _: &mut Learner) -> Wish {
        let keys: Vec<_> = end.logs.keys().map(AsRef::as_ref).collect();
        self.seen.push(format!(
            "end of {} after {} steps, {} images: {}",
            end.epoch,
            end.steps,
            end.images,
            keys.join(" ")
        ));
        Ok(ControlFlow::Continue(()))
    }
    fn on_train_end(&mut self, fitted: &Fitted, _: &mut Learner) -> Result<(), TrainerError> {
        self.seen.push(format!("{:?}", fitted.outcome));
        Ok(())
    }
}

#[test]
fn a_head_learns_and_the_events_come_in_order() {
    let (train, val) = (photos(3), photos(2));
    let mut learner = learner(0.5);
    let mut events = Events { seen: Vec::new(), at_step: |_: &StepEnd<'_>| ControlFlow::Continue(()) };
    let mut training = source(&flow(train.path(), 4, true), 2);
    let mut validation = source(&flow(val.path(), 3, false), 2);
    let mut run = fit(&mut learner, &mut training, options(60, 2, Some(2)), &GO_ON);
    run.validation = Some(&mut validation);
    run.callbacks = vec![&mut events];
    let fitted = run.run().unwrap();

    assert_eq!(
        events.seen[..9],
        [
            "begin 60",
            "epoch 0",
            "step 0/0 of 4",
            "step 0/1 of 2",
            "validation 0/0 of 3",
            "validation 0/1 of 1",
            "end of 0 after 2 steps, 6 images: accuracy loss val_accuracy val_loss",
            "epoch 1",
            "step 1/0 of 4",
        ]
    );
    assert_eq!(events.seen.last().unwrap(), "Finished");
    assert_eq!((fitted.images, fitted.validation_images, fitted.outcome), (360, 240, Outcome::Finished));
    assert_eq!(fitted.history.epochs().len(), 60);
    let columns: std::collections::BTreeMap<_, _> = fitted.history.columns().collect();
    assert_eq!(columns[VALIDATION_ACCURACY][59], Some(1.0));
    assert!(columns[LOSS][59] < columns[LOSS][0]);
    assert!(fitted.waited <= fitted.took);
}

#[test]
fn validation_uses_the_weights_at_the_end_of_the_epoch() {
    let photos = photos(3);
    let mut learner = learner(0.5);
    let ordered = flow(photos.path(), 6, false);
    let (mut training, mut validation) = (source(&ordered, 1), source(&ordered, 1));
    let mut run = fit(&mut learner, &mut training, options(2, 1, Some(1)), &GO_ON);
    run.validation = Some(&mut validation);
    let fitted = run.run().unwrap();
    let columns: std::collections::BTreeMap<_, _> = fitted.history.columns().collect();
    // The same batch: what it costs after epoch 0 is what it costs before the step of epoch 1.
    assert_eq!(columns[VALIDATION_LOSS][0], columns[LOSS][1]);
    let batch = source(&ordered, 1).next_batch().unwrap().unwrap();
    assert_eq!(columns[VALIDATION_LOSS][1], Some(learner.assess(&batch.samples()).unwrap().loss));
}

#[test]
fn epochs_of_fewer_or_more_steps_go_on_where_the_last_one_stopped() {
    let photos = photos(3);
    for (steps, expected) in [
        (2, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)].as_slice()),
        (4, &[(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2), (3, 0), (3, 1), (3, 2)]),
    ] {
        let mut training = Recorded { source: source(&flow(photos.path(), 2, true), 2), seen: Vec::new() };
        fit(&mut learner(0.1), &mut training, options(3, steps, None), &GO_ON).run().unwrap();
        assert_eq!(training.seen, expected);
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let photos = photos(6);
    let run = |threads| {
        let mut learner = learner(0.3);
        let mut training = source(&flow(photos.path(), 5, true), threads);
        let fitted = fit(&mut learner, &mut training, options(4, 3, None), &GO_ON).run().unwrap();
        (learner.head, fitted.history)
    };
    let one = run(1);
    assert_eq!(one, run(3));
    assert_eq!(one, run(8));
}

#[test]
fn the_stop_flag_closes_the_epoch_after_the_step() {
    let photos = photos(4);
    let stop = AtomicBool::new(false);
    let mut events = Events {
        seen: Vec::new(),
        at_step: |step: &StepEnd<'_>| {
            stop.store(step.epoch == 1 && step.step == 1, Ordering::Relaxed);
            ControlFlow::Continue(())
        },
    };
    let folder = tempfile::tempdir().unwrap();
    let mut csv = CsvLogger::new(folder.path().join("history.csv"));
    let ordered = flow(photos.path(), 2, true);
    let (mut training, mut validation) = (source(&ordered, 2), source(&ordered, 2));
    let mut learner = learner(0.1);
    let mut run = fit(&mut learner, &mut training, options(9, 4, Some(1)), &stop);
    run.validation = Some(&mut validation);
    run.callbacks = vec![&mut csv, &mut events];
    let fitted = run.run().unwrap();
    assert_eq!(fitted.outcome, Outcome::Interrupted);
    assert_eq!(fitted.images, 8 + 4);
    assert_eq!(
        events.seen[events.seen.len() - 3..],
        ["step 1/1 of 2", "end of 1 after 2 steps, 4 images: accuracy loss", "Interrupted"]
    );
    let written = std::fs::read(folder.path().join("history.csv")).unwrap();
    assert_eq!(written, fitted.history.to_csv());
    assert!(String::from_utf8(written).unwrap().ends_with(",NA,NA\r\n"));
}

#[test]
fn a_callback_may_end_the_training_after_its_epoch() {
    let photos = photos(4);
    let ordered = flow(photos.path(), 2, true);
    let (mut training, mut validation) = (source(&ordered, 1), source(&ordered, 1));
    let mut events = Events { seen: Vec::new(), at_step: |_: &StepEnd<'_>| ControlFlow::Break(()) };
    let mut learner = learner(0.1);
    let mut run = fit(&mut learner, &mut training, options(9, 4, Some(2)), &GO_ON);
    run.validation = Some(&mut validation);
    run.callbacks = vec![&mut events];
    let fitted = run.run().unwrap();
    assert_eq!((fitted.outcome, fitted.images, fitted.validation_images), (Outcome::Stopped, 2, 4));
    assert!(events.seen.contains(&"end of 0 after 1 steps, 2 images: accuracy loss val_accuracy val_loss".to_owned()));
}

#[test]
fn a_callback_may_put_another_head_in_place() {
    struct Restore(Head);
    impl Callback for Restore {
        fn on_epoch_end(&mut self, _: &EpochEnd<'_>, learner: &mut Learner) -> Wish {
            learner.head.clone_from(&self.0);
            Ok(ControlFlow::Continue(()))
        }
    }
    let photos = photos(2);
    let mut learner = learner(0.5);
    let before = learner.head.clone();
    let mut restore = Restore(before.clone());
    let mut training = source(&flow(photos.path(), 2, true), 1);
    let mut run = fit(&mut learner, &mut training, options(2, 2, None), &GO_ON);
    run.callbacks = vec![&mut restore];
    run.run().unwrap();
    assert_eq!(learner.head, before);
}

#[test]
fn event_files_are_there_after_every_epoch() {
    let photos = photos(2);
    let ordered = flow(photos.path(), 2, true);
    let folder = tempfile::tempdir().unwrap();
    let mut sizes = Vec::new();
    for _ in 0..2 {
        let (mut training, mut validation) = (source(&ordered, 3), source(&ordered, 3));
        let mut board = TensorBoard::new(folder.path(), Some(2)).unwrap();
        let mut learner = learner(0.5);
        let mut run = fit(&mut learner, &mut training, options(3, 2, Some(2)), &GO_ON);
        run.validation = Some(&mut validation);
        run.callbacks = vec![&mut board];
        run.run().unwrap();
        for name in ["train", "validation"] {
            let files = std::fs::read_dir(folder.path().join(name)).unwrap();
            sizes.push(files.map(|file| file.unwrap().metadata().unwrap().len()).collect::<Vec<_>>());
        }
    }
    // Framing 16, time 9, step 0 or 2; summary 2, entries of 2 + 2 + tag + 5.
    let entry = |tag: &str| 2 + 2 + tag.len() as u64 + 5;
    let both = entry("epoch_accuracy") + entry("epoch_loss");
    let validation = 40 + (16 + 9 + 2 + both) * 3 + 2 * 2;
    let train = validation + 3 * entry("epoch_learning_rate") + 3 * (16 + 9 + 2 + 2 + entry("batch_loss"));
    assert_eq!(sizes, [vec![train], vec![validation], vec![train; 2], vec![validation; 2]]);
    assert!(TensorBoard::new(folder.path(), Some(0)).is_err());
}

#[test]
fn the_learning_rate_is_in_the_history_where_a_callback_lowers_it() {
    let photos = photos(2);
    let mut training = source(&flow(photos.path(), 2, true), 3);
    let monitor = Monitor::new("loss", None).unwrap().with_min_delta(1e9);
    let options_of = ReduceLearningRateOptions { monitor, patience: 1, ..ReduceLearningRateOptions::default() };
    let mut reduce = ReduceLearningRate::new(options_of).unwrap();
    let mut learner = learner(0.5);
    let mut run = fit(&mut learner, &mut training, options(3, 2, None), &GO_ON);
    run.callbacks = vec![&mut reduce];
    let fitted = run.run().unwrap();
    let columns: std::collections::BTreeMap<_, _> = fitted.history.columns().collect();
    assert_eq!(columns["learning_rate"], [Some(0.5), Some(0.5), Some(0.05)]);
}

#[test]
fn averages_are_in_place_before_the_callbacks_see_the_end() {
    use crate::optimizer::{Ema, OptimizerOptions};
    struct AtEnd(Option<Head>);
    impl Callback for AtEnd {
        fn on_train_end(&mut self, _: &Fitted, learner: &mut Learner) -> Result<(), TrainerError> {
            self.0 = Some(learner.head.clone());
            Ok(())
        }
    }
    let run = |ema| {
        let photos = photos(2);
        let mut training = source(&flow(photos.path(), 2, true), 2);
        let mut learner = learner(0.5);
        let options_of = OptimizerOptions { ema, ..OptimizerOptions::new(0.5) };
        learner.optimizer = Box::new(Sgd::with_options(options_of, 0.0, false).unwrap());
        let mut at_end = AtEnd(None);
        let mut run = fit(&mut learner, &mut training, options(2, 2, None), &GO_ON);
        run.callbacks = vec![&mut at_end];
        run.run().unwrap();
        assert_eq!(at_end.0.as_ref(), Some(&learner.head));
        learner.head
    };
    assert_ne!(run(Some(Ema { momentum: 0.9, overwrite_every: None })), run(None));
}

#[test]
fn metrics_tell_what_happened() {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let photos = photos(3);
    let fitted = metrics::with_local_recorder(&recorder, || {
        crate::describe_metrics();
        let ordered = flow(photos.path(), 2, true);
        let (mut training, mut validation) = (source(&ordered, 1), source(&ordered, 1));
        let mut learner = learner(0.25);
        let mut run = fit(&mut learner, &mut training, options(2, 3, Some(2)), &GO_ON);
        run.validation = Some(&mut validation);
        run.run().unwrap()
    });
    let values: std::collections::HashMap<String, DebugValue> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| key.key().name().starts_with("train_"))
        .map(|(key, unit, description, value)| {
            let name = key.key().name().to_owned();
            assert!(unit.is_some() && description.is_some(), "{name} is described");
            (name, value)
        })
        .collect();
    let gauge = |name: &str| match &values[name] {
        DebugValue::Gauge(value) => value.0,
        other => panic!("{name}: {other:?}"),
    };
    let columns: std::collections::BTreeMap<_, _> = fitted.history.columns().collect();
    assert_eq!(values["train_images_total"], DebugValue::Counter(12));
    assert_eq!(values["train_validation_images_total"], DebugValue::Counter(8));
    assert_eq!(gauge("train_epoch"), 2.0);
    assert_eq!(gauge("train_epochs"), 2.0);
    assert_eq!(gauge("train_learning_rate"), 0.25);
    assert_eq!(gauge("train_loss") as f32, columns[LOSS][1].unwrap());
    assert_eq!(gauge("train_validation_accuracy") as f32, columns[VALIDATION_ACCURACY][1].unwrap());
    assert!((gauge("train_wait_seconds_total") - fitted.waited.as_secs_f64()).abs() < 1e-6);
    assert!(gauge("train_busy_seconds_total") > 0.0);
    assert!(matches!(&values["train_step_seconds"], DebugValue::Histogram(steps) if steps.len() == 6));
}

/// Batches that are made up.
struct Made(Vec<FeatureBatch>);

impl FeatureSource for Made {
    fn next_batch(&mut self) -> Option<Result<FeatureBatch, TrainerError>> {
        (!self.0.is_empty()).then(|| Ok(self.0.remove(0)))
    }
}

fn made(samples: usize) -> FeatureBatch {
    let features = (0..samples * 4).map(|value| value as f32 / 7.0).collect();
    let targets = FeatureTargets::Classes(vec![1; samples]);
    let sample_indices = (0..samples).collect();
    FeatureBatch { features, targets, weights: None, sample_indices, pass: 0, index: 0, waited: Duration::ZERO }
}

#[test]
fn a_batch_without_photos_is_a_step_without_effect() {
    let run = |sizes: &[usize]| {
        let mut learner = learner(0.1);
        let mut training = Made(sizes.iter().map(|&size| made(size)).collect());
        let fitted = fit(&mut learner, &mut training, options(1, sizes.len() as u64, None), &GO_ON).run();
        fitted.map(|fitted| (fitted.images, fitted.history, learner.head))
    };
    let (images, history, head) = run(&[3, 0, 2]).unwrap();
    assert_eq!(images, 5);
    let without = run(&[3, 2]).unwrap();
    assert_eq!((history, head), (without.1, without.2));
    let error = run(&[0, 0]).unwrap_err().to_string();
    assert_eq!(error, "no photo was left for training in epoch 1: every file failed");
}
