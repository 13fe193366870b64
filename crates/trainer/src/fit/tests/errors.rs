//! Trainings that cannot go on.

use super::*;

#[test]
fn a_photo_that_cannot_be_read_ends_the_training_with_its_name() {
    let photos = photos(4);
    std::fs::write(photos.path().join("grey/02.ppm"), "no photo").unwrap();
    let mut learner = learner(0.1);
    let mut training = Recorded { source: source(&flow(photos.path(), 2, false), 2), seen: Vec::new() };
    let error = fit(&mut learner, &mut training, options(1, 4, None), &GO_ON).run().unwrap_err();
    assert!(matches!(error, TrainerError::Loader(_)));
    assert!(error.to_string().contains("02.ppm"), "{error}");
    assert_eq!(training.seen, [(0, 0), (0, 1), (0, 2)], "the batches before it were trained on");
}

#[test]
fn data_that_ends_early_is_an_error() {
    let photos = photos(2);
    let batches = flow(photos.path(), 2, true).stream(0..1, &LoaderOptions::default()).unwrap().blocking();
    let mut training = Extracted::new(batches, &MeanColour);
    let error = fit(&mut learner(0.1), &mut training, options(2, 2, None), &GO_ON).run().unwrap_err();
    assert_eq!(error.to_string(), "the training data ended after 0 of 2 steps of epoch 2");
}

#[test]
fn a_loss_that_is_no_number_is_an_error_that_says_what_to_do() {
    let photos = photos(2);
    let mut training = source(&flow(photos.path(), 2, true), 1);
    let error = fit(&mut learner(f32::MAX), &mut training, options(9, 2, None), &GO_ON).run().unwrap_err();
    assert!(matches!(error, TrainerError::NonFiniteLoss { epoch: 1..=3, .. }), "{error}");
    assert!(error.to_string().contains("use a smaller learning rate"), "{error}");
}

#[test]
fn a_loss_that_is_no_number_may_end_the_training_calmly() {
    let photos = photos(2);
    let ordered = flow(photos.path(), 2, true);
    let (mut training, mut validation) = (source(&ordered, 9), source(&ordered, 9));
    let mut learner = learner(f32::MAX);
    let before = learner.head.clone();
    let folder = tempfile::tempdir().unwrap();
    let mut nan = TerminateOnNan::default();
    let mut best = EarlyStopping::new(EarlyStoppingOptions { restore_best: true, ..EarlyStoppingOptions::default() });
    let mut log = JsonLogger::new(folder.path().join("log.jsonl"), true);
    let mut run = fit(&mut learner, &mut training, options(9, 2, Some(2)), &GO_ON);
    run.validation = Some(&mut validation);
    run.callbacks = vec![&mut nan, &mut best, &mut log];
    let fitted = run.run().unwrap();
    assert_eq!(fitted.outcome, Outcome::Stopped);
    let (epoch, _) = nan.terminated_at().unwrap();
    assert_eq!(fitted.history.epochs().last(), Some(&epoch));
    assert_ne!(learner.head, before);

    let log = std::fs::read_to_string(folder.path().join("log.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["event"], &lines[0]["epochs"]), (&"begin".into(), &9.into()));
    assert_eq!((&lines[1]["event"], &lines[1]["step"]), (&"step".into(), &0.into()));
    let last = &lines[lines.len() - 2];
    assert_eq!((&last["event"], &last["epoch"]), (&"epoch".into(), &epoch.into()));
    assert!(last["loss"].is_null() && last["val_accuracy"].is_number(), "{last}");
    assert_eq!(lines[lines.len() - 1]["outcome"], "stopped");
}

#[test]
fn features_that_are_no_numbers_are_told_apart() {
    struct Broken;
    impl FeatureExtractor for Broken {
        fn feature_len(&self) -> usize {
            4
        }
        fn identity(&self) -> Vec<(String, String)> {
            Vec::new()
        }
        fn extract(&self, batch: &Batch) -> Result<Vec<f32>, TrainerError> {
            let last = if batch.index == 1 { f32::NAN } else { 0.0 };
            Ok((0..4 * batch.len()).map(|i| if i + 1 == 4 * batch.len() { last } else { 0.5 }).collect())
        }
    }
    let photos = photos(2);
    let batches = flow(photos.path(), 2, true).stream(0.., &LoaderOptions::default()).unwrap().blocking();
    let mut training = Extracted::new(batches, &Broken);
    let error = fit(&mut learner(0.1), &mut training, options(1, 2, None), &GO_ON).run().unwrap_err();
    assert!(matches!(error, TrainerError::NonFiniteFeatures { pass: 0, batch: 1 }), "{error}");
}

#[test]
fn a_training_of_nothing_is_refused() {
    let photos = photos(2);
    for (options, name) in [
        (options(0, 1, None), "epochs"),
        (options(1, 0, None), "steps_per_epoch"),
        (options(1, 1, Some(0)), "validation_steps"),
    ] {
        let mut training = source(&flow(photos.path(), 2, true), 1);
        let error = fit(&mut learner(0.1), &mut training, options, &GO_ON).run().unwrap_err();
        assert_eq!(error.to_string(), format!("{name} is 0; at least 1 is needed"));
    }
}
