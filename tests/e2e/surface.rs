//! Options of training, classes of every number, and losses that run away.

use std::fmt::Write as _;

use xfer_tests::{Workplace, draw};

use super::TRAIN;

fn columns(place: &Workplace, run: &str) -> String {
    place.read(&format!("{run}/history.csv")).lines().next().unwrap().to_owned()
}

/// The numbers of one column of the history.
fn column(place: &Workplace, run: &str, name: &str) -> Vec<f64> {
    let history = place.read(&format!("{run}/history.csv"));
    let mut lines = history.lines();
    let at = lines.next().unwrap().split(',').position(|column| column == name).unwrap();
    lines.map(|line| line.split(',').nth(at).unwrap().parse().unwrap()).collect()
}

#[test]
fn metrics_and_learning_rates_are_in_the_history() {
    let place = Workplace::with_photos(6, 3);
    let words = "--epochs 4 --learning-rate 0.5 --metrics auc,precision,recall,roc_auc,top_1_accuracy \
                 --reduce-on-plateau 1 --monitor loss --factor 0.5 --min-learning-rate 0.2 --tensorboard --json-log";
    place.run(&format!("{TRAIN} {words} --output run")).succeeded();
    let expected = "epoch,auc,learning_rate,loss,precision,recall,roc_auc,top_1_accuracy,val_auc,val_loss,val_precision,\
                    val_recall,val_roc_auc,val_top_1_accuracy";
    assert_eq!(columns(&place, "run"), expected);
    assert!(
        column(&place, "run", "learning_rate")
            .iter()
            .all(|rate| [0.5, 0.25, 0.2].iter().any(|r| (r - rate).abs() < 1e-6))
    );
    let log = place.read("run/log.jsonl");
    let events: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["begin", "epoch", "epoch", "epoch", "epoch", "end"]);
    assert!(place.path("run/tensorboard/train").is_dir() && place.path("run/tensorboard/validation").is_dir());
}

#[test]
fn a_kept_model_is_a_model() {
    let place = Workplace::with_photos(6, 3);
    let words = "--epochs 3 --checkpoint best --checkpoint epochs:2 --monitor loss";
    place.run(&format!("{TRAIN} {words} --output run")).succeeded();
    let kept: serde_json::Value = serde_json::from_str(&place.read("run/checkpoints/epoch-0002/model.json")).unwrap();
    let last: serde_json::Value = serde_json::from_str(&place.read("run/model.json")).unwrap();
    assert_eq!((&kept["classes"], &kept["weights"]), (&last["classes"], &last["weights"]));
    assert_ne!(kept["files"], last["files"]);
    assert!(place.path("run/checkpoints/best/head.safetensors").exists());
    assert!(!place.path("run/checkpoints/epoch-0001").exists());
}

#[test]
fn early_stopping_ends_a_training_and_puts_the_best_head_back() {
    let place = Workplace::with_photos(6, 3);
    // Nothing is an improvement by so much: the first epoch stays the best one.
    let words = "--epochs 50 --early-stopping 2 --min-delta 1e6 --restore-best --checkpoint epochs:1";
    let report = place.run(&format!("{TRAIN} {words} --output run --json")).succeeded().json();
    assert_eq!(report["history"]["epoch"], serde_json::json!([0, 1, 2]));
    let head = |name: &str| std::fs::read(place.path(&format!("run/{name}/head.safetensors"))).unwrap();
    assert!(head(".") == head("checkpoints/epoch-0001") && head(".") != head("checkpoints/epoch-0003"));
    let manifest: serde_json::Value = serde_json::from_str(&place.read("run/manifest.json")).unwrap();
    assert_eq!(manifest["result"]["outcome"], "stopped");
}

#[test]
fn a_loss_that_is_no_number_is_an_error_or_an_end() {
    let place = Workplace::with_photos(6, 3);
    let error = place.run(&format!("{TRAIN} --learning-rate nan --output run")).failed(2);
    assert!(error.contains("expected a number above 0"), "{error}");
    let words = "--learning-rate 3e38 --epochs 9 --steps-per-epoch 6";
    let error = place.run(&format!("{TRAIN} {words} --output run")).failed(1);
    assert!(error.contains("use a smaller learning rate"), "{error}");
    assert!(!place.path("run/model.json").exists());
    let report = place.run(&format!("{TRAIN} {words} --terminate-on-nan --output ended --json")).succeeded().json();
    assert_eq!(report["history"]["epoch"].as_array().unwrap().len(), 1);
    assert!(place.path("ended/history.csv").exists());
}

#[test]
fn three_classes_one_of_which_has_one_photo() {
    let place = Workplace::with_photos(5, 2);
    for (split, count) in [("train", 1), ("val", 1)] {
        draw(&place.path(&format!("photos/{split}/sea")), "rural", count);
    }
    let words = "--epochs 2 --class-weights balanced --metrics accuracy,top_2_accuracy --label-smoothing 0.1";
    place.run(&format!("{TRAIN} {words} --output run")).succeeded();
    let model: serde_json::Value = serde_json::from_str(&place.read("run/model.json")).unwrap();
    assert_eq!(model["classes"], serde_json::json!(["rural", "sea", "urban"]));
    let error = place.run(&format!("{TRAIN} --class-weights forest=2 --output other")).failed(1);
    assert!(error.contains("no class forest; there are rural, sea, urban"), "{error}");
    let error = place.run(&format!("{TRAIN} --head sigmoid --output other")).failed(1);
    assert!(error.contains("there are 3 classes"), "{error}");
}

#[test]
fn a_hundred_classes() {
    let place = Workplace::empty();
    for class in 0..100 {
        let name = format!("class{class:03}");
        draw(&place.path(&format!("photos/train/{name}")), if class % 2 == 0 { "rural" } else { "urban" }, 1);
    }
    let words = "--optimizer adam --epochs 2 --metrics accuracy,top_5_accuracy";
    place.run(&format!("{TRAIN} {words} --output run")).succeeded();
    assert_eq!(columns(&place, "run"), "epoch,accuracy,loss,top_5_accuracy");
    let (accuracy, top) = (column(&place, "run", "accuracy"), column(&place, "run", "top_5_accuracy"));
    assert!(accuracy.iter().zip(&top).all(|(accuracy, top)| accuracy <= top));
}

#[test]
fn one_output_tells_two_classes_apart() {
    let place = Workplace::with_photos(6, 3);
    place.run(&format!("{TRAIN} --head sigmoid --epochs 3 --optimizer adam --output run")).succeeded();
    let head = std::fs::read(place.path("run/head.safetensors")).unwrap();
    assert_eq!(safetensors::SafeTensors::deserialize(&head).unwrap().tensor("bias").unwrap().shape(), [1]);
    // The mean of the loss over one output, and accuracy at one half.
    assert!(column(&place, "run", "loss").iter().all(|loss| loss.is_finite()));
}

#[test]
fn a_table_has_photos_of_several_classes_and_weights() {
    let place = Workplace::with_photos(4, 2);
    let mut table = "filename,class,weight\n".to_owned();
    for number in 0..4 {
        let extension = if number % 3 == 2 { "png" } else { "jpg" };
        for (class, also) in [("rural", "green|"), ("urban", "")] {
            let weight = f64::from(number) / 2.0;
            writeln!(table, "photos/train/{class}/{class}_{number:02}.{extension},{also}{class},{weight}").unwrap();
        }
    }
    std::fs::write(place.path("photos.csv"), &table).unwrap();
    let words =
        "train --table photos.csv --weights random --image-size 48 --metrics-addr off --batch-size 4 --epochs 2";
    let labels = "--list-separator | --weight-col weight --head sigmoid --metrics accuracy,auc";
    let run = |words: &str, more: &str| place.run(&format!("{words} {more}"));
    run(words, &format!("{labels} --validation-table photos.csv --output run")).succeeded();
    let model: serde_json::Value = serde_json::from_str(&place.read("run/model.json")).unwrap();
    assert_eq!(model["classes"], serde_json::json!(["green", "rural", "urban"]));
    // Labels and weights come with features from the cache as well.
    run(words, &format!("{labels} --validation-table photos.csv --no-cache --output uncached")).succeeded();
    assert_eq!(place.read("run/history.csv"), place.read("uncached/history.csv"));
    let unweighted = "--list-separator | --head sigmoid --metrics accuracy,auc --validation-table photos.csv";
    run(words, &format!("{unweighted} --output unweighted")).succeeded();
    assert_ne!(place.read("run/history.csv"), place.read("unweighted/history.csv"));
    let error = run(words, "--list-separator | --output other").failed(1);
    assert!(error.contains("use --head sigmoid"), "{error}");
}
