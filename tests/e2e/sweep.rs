//! Cross-validation of settings.

use xfer_tests::Workplace;

const GRID: &str = "sweep --data photos --weights random --image-size 48 --learning-rate 0.1,0.001 --optimizer sgd,adam \
                    --folds 3 --epochs 2 --batch-size 4";

#[test]
fn settings_are_judged_on_every_fold_and_nothing_is_computed_twice() {
    let place = Workplace::with_photos(6, 2);
    let ran = place.run(&format!("{GRID} --output sweep.csv --json --threads 1")).succeeded();
    let json = ran.json();
    assert_eq!((&json["photos"], &json["folds"]), (&12.into(), &3.into()), "val is left alone");
    let settings = json["settings"].as_array().unwrap();
    assert_eq!(settings.len(), 4);
    for setting in settings {
        let trials = setting["trials"].as_array().unwrap();
        assert_eq!(trials.len(), 3);
        let accuracies = trials.iter().map(|trial| trial["val_accuracy"].as_f64().unwrap());
        let mean = accuracies.sum::<f64>() / 3.0;
        assert!((setting["val_accuracy"]["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
    }
    let means: Vec<f64> = settings.iter().map(|setting| setting["val_accuracy"]["mean"].as_f64().unwrap()).collect();
    assert!(means.is_sorted_by(|a, b| a >= b), "{means:?}");
    assert!(ran.stderr.contains("One split is one draw"), "{}", ran.stderr);
    let csv = place.read("sweep.csv");
    assert_eq!(csv.lines().count(), 1 + 4 * 3);
    assert!(csv.starts_with("optimizer,learning_rate,weight_decay,momentum,repeat,fold,val_accuracy,val_loss\n"));

    // The same again, from the cache and with more threads.
    let again = place.run(&format!("{GRID} --json --threads 3")).succeeded().json();
    assert_eq!(again, json);
    let message = place.run(&format!("{GRID} --output sweep.csv")).failed(1);
    assert!(message.contains("already there"), "{message}");
}

#[test]
fn more_folds_than_photos_are_refused() {
    let place = Workplace::with_photos(2, 0);
    let message = place.run("sweep --data photos --weights random --image-size 48 --folds 9").failed(1);
    assert!(message.contains("9 folds"), "{message}");
}
