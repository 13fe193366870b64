//! A sweep is as many trainings as it says, each the one that would be run alone.

use super::*;
use crate::features::FeatureRows;
use crate::optimizer::{OptimizerConfig, OptimizerOptions, Rule};
use crate::sweep::{Fold, Trial, cross_validate};
use xfer_loader::{Flow, FlowOptions, Folds, ImageDataGenerator};

const EPOCHS: u64 = 4;

fn sgd(learning_rate: f64) -> OptimizerConfig {
    let rule = Rule::Sgd { momentum: 0.5, nesterov: false };
    OptimizerConfig { rule, options: OptimizerOptions::new(learning_rate as f32) }
}

fn made(config: &OptimizerConfig, seed: u64) -> Learner {
    Learner::new(Head::glorot_uniform(4, 2, seed).unwrap(), config.build().unwrap())
}

/// Training and validation sides as a training has them: shuffled and flipped, and plain.
fn sides(folder: &std::path::Path) -> Vec<(Flow, Flow)> {
    let folds = Folds { count: 3, seed: 5, group_by: None };
    let sides = flow(folder, 4, true).folds(&folds).unwrap();
    let flips = ImageDataGenerator::new().horizontal_flip(true);
    let side = |(training, validation): (Flow, Flow)| {
        let options = training.options().clone();
        let plain = FlowOptions { shuffle: false, ..options.clone() };
        (training.with(flips.clone(), options).unwrap(), validation.with_options(plain).unwrap())
    };
    sides.into_iter().map(side).collect()
}

fn batches(flow: &Flow) -> impl FeatureSource + use<> {
    let stream = flow.stream(0..EPOCHS, &LoaderOptions { threads: 2, ..LoaderOptions::default() }).unwrap();
    Extracted::new(stream.blocking(), &MeanColour)
}

fn plan(training: &Flow, validation: &Flow) -> FitOptions {
    let steps = |flow: &Flow| flow.batches_per_epoch() as u64;
    options(EPOCHS, steps(training), Some(steps(validation)))
}

/// The last of the validation when the training is run by itself.
fn alone(config: &OptimizerConfig, (training, validation): &(Flow, Flow), seed: u64) -> Trial {
    let mut learner = made(config, seed);
    let (mut train, mut validate) = (batches(training), batches(validation));
    let mut fit = fit(&mut learner, &mut train, plan(training, validation), &GO_ON);
    fit.validation = Some(&mut validate);
    let history = fit.run().unwrap().history;
    let last = |name| {
        let mut columns = history.columns();
        f64::from(columns.find(|(column, _)| *column == name).unwrap().1.last().unwrap().unwrap())
    };
    Trial::Scored { accuracy: last(VALIDATION_ACCURACY), loss: last(VALIDATION_LOSS) }
}

#[test]
fn every_trial_is_the_training_that_it_stands_for() {
    let folder = photos(6);
    let sides = sides(folder.path());
    let mut rows = FeatureRows::new(4);
    let folds: Vec<Fold> = sides
        .iter()
        .zip(40..)
        .map(|((training, validation), seed)| Fold {
            training: rows.record(&mut batches(training), |_| {}).unwrap(),
            validation: rows.record(&mut batches(validation), |_| {}).unwrap(),
            options: plan(training, validation),
            seed,
        })
        .collect();
    // Flipping a photo changes nothing of its mean, so that there is a row a photo at most.
    assert!(rows.count() <= 12, "{}", rows.count());
    let candidates = [sgd(0.5), sgd(0.01), sgd(f64::from(f32::MAX))];
    let run = |threads| {
        let learner = |config: &OptimizerConfig, fold: &Fold| Ok(made(config, fold.seed));
        cross_validate(&rows, &folds, &candidates, learner, threads, || {}, &GO_ON).unwrap().unwrap()
    };
    let table = run(1);
    assert_eq!((table.len(), table[0].len()), (3, 3));
    for (config, trials) in candidates[..2].iter().zip(&table) {
        for ((sides, fold), trial) in sides.iter().zip(&folds).zip(trials) {
            assert_eq!(*trial, alone(config, sides, fold.seed));
        }
    }
    assert_ne!(table[0], table[1]);
    assert_eq!(table[2], [Trial::Diverged; 3]);
    for threads in [2, 5, 100] {
        assert_eq!(run(threads), table, "{threads} threads");
    }
}

#[test]
fn a_sweep_can_be_stopped() {
    let stop = AtomicBool::new(true);
    let learner = |_: &(), _: &Fold| unreachable!("it was stopped before");
    let rows = FeatureRows::new(4);
    let fold =
        Fold { training: Default::default(), validation: Default::default(), options: options(1, 1, Some(1)), seed: 1 };
    assert_eq!(cross_validate(&rows, &[fold], &[()], learner, 2, || {}, &stop).unwrap(), None);
}
