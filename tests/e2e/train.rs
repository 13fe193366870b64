//! The main job.

use xfer_tests::Workplace;

use super::TRAIN;

#[test]
fn the_notebooks_job_runs_and_saves_what_it_learned() {
    let place = Workplace::with_photos(6, 3);
    let ran = place.run(&format!("{TRAIN} --steps-per-epoch 6 --validation-steps 1 --output run")).succeeded();
    for expected in [
        "Found 12 images belonging to 2 classes.",
        "Found 6 images belonging to 2 classes.",
        "resnet50 (Functional)",
        "Total params: 23591810 (90.00 MB)",
        "Trainable params: 4098 (16.01 KB)",
        "6/6",
        "val_accuracy",
        "untrained",
        "Model and history.csv saved to run.",
    ] {
        assert!(ran.stdout.contains(expected), "{expected} in {}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\u{1b}'), "no colours in a pipe");

    let history = place.read("run/history.csv");
    let lines: Vec<&str> = history.lines().collect();
    assert_eq!(lines[0], "epoch,accuracy,loss,val_accuracy,val_loss");
    assert!(lines.len() == 2 && lines[1].starts_with("0,"), "{history}");

    let model: serde_json::Value = serde_json::from_str(&place.read("run/model.json")).unwrap();
    assert_eq!(model["classes"], serde_json::json!(["rural", "urban"]));
    assert_eq!(model["backbone"], "resnet50");
    assert_eq!(model["image_size"], serde_json::json!([48, 48]));
    assert_eq!(model["preprocessing"], "caffe");
    let head = std::fs::read(place.path("run/head.safetensors")).unwrap();
    let head = safetensors::SafeTensors::deserialize(&head).unwrap();
    assert_eq!(head.tensor("kernel").unwrap().shape(), [2048, 2]);
    assert_eq!(head.tensor("bias").unwrap().shape(), [2]);
}

#[test]
fn steps_split_one_pass_and_the_history_has_every_epoch() {
    let place = Workplace::with_photos(6, 4);
    let words = format!("{TRAIN} --steps-per-epoch 5 --validation-steps 2 --epochs 3 --output run --json");
    let report = place.run(&words).succeeded().json();
    assert_eq!((&report["batch_size"], &report["steps_per_epoch"]), (&3.into(), &5.into()), "12 photos in 5 steps");
    assert_eq!(report["validation_steps"], 2);
    assert_eq!(report["history"]["epoch"], serde_json::json!([0, 1, 2]));
    assert_eq!(report["validation_images"], 3 * 8);
    assert_eq!(report["untrained"], true);
    assert_eq!(place.read("run/history.csv").lines().count(), 4);
}

#[test]
fn both_backbones_train() {
    let place = Workplace::with_photos(4, 2);
    let ran = place
        .run("train --data photos --backbone xception --weights random:7 --image-size 75 --metrics-addr off --output run")
        .succeeded();
    assert!(ran.stdout.contains("xception (Functional)"), "{}", ran.stdout);
    assert!(ran.stdout.contains("Total params: 20865578"), "{}", ran.stdout);
    let model: serde_json::Value = serde_json::from_str(&place.read("run/model.json")).unwrap();
    assert_eq!(model["preprocessing"], "tf");
}

// invariant 2: a training repeats to the last digit, whatever the number of threads.
#[test]
fn the_same_seed_gives_the_same_history_and_head() {
    let place = Workplace::with_photos(6, 3);
    let run = |output: &str, more: &str| {
        place.run(&format!("{TRAIN} --steps-per-epoch 4 --epochs 2 --output {output} {more}")).succeeded();
        (
            place.read(&format!("{output}/history.csv")),
            std::fs::read(place.path(&format!("{output}/head.safetensors"))).unwrap(),
        )
    };
    let first = run("a", "");
    assert!(first == run("b", ""), "again");
    assert!(first == run("c", "--threads 1"), "one thread");
    assert!(first == run("d", "--threads 5"), "five threads");
    assert!(first != run("e", "--seed 124"), "another seed");
}

// invariant 3: flips change what is trained on, and nothing of what is validated on.
#[test]
fn validation_sees_no_augmentation() {
    let place = Workplace::with_photos(6, 4);
    // So small a rate that every epoch is judged with the head that was drawn.
    let run = |output: &str, more: &str| {
        let words = format!("{TRAIN} --learning-rate 1e-30 --epochs 2 --output {output} --json {more}");
        place.run(&words).succeeded().json()["history"].clone()
    };
    let flipped = run("a", "");
    let plain = run("b", "--no-flip");
    assert_eq!(flipped["val_loss"], plain["val_loss"]);
    assert_ne!(flipped["loss"], plain["loss"]);
    let losses = flipped["val_loss"].as_array().unwrap();
    assert_eq!(losses[0], losses[1], "and it is the same in every epoch");
}

// invariant 7: nothing that is there is written to or replaced unasked.
#[test]
fn photos_and_earlier_runs_are_left_as_they_are() {
    let place = Workplace::with_photos(4, 2);
    let photos = place.snapshot("photos");
    place.run(&format!("{TRAIN} --output run")).succeeded();
    assert!(place.snapshot("photos") == photos, "photos are only read");

    let run = place.snapshot("run");
    let message = place.run(&format!("{TRAIN} --output run --seed 5")).failed(1);
    assert!(message.contains("already there") && message.contains("--overwrite"), "{message}");
    assert!(place.snapshot("run") == run, "the earlier run is as it was");
    place.run(&format!("{TRAIN} --output run --seed 5 --overwrite")).succeeded();
    assert!(place.snapshot("run") != run, "replaced when asked");
}

#[test]
fn runs_have_folders_of_their_own_by_default() {
    let place = Workplace::with_photos(2, 2);
    for _ in 0..2 {
        place.run(TRAIN).succeeded();
    }
    assert_eq!(std::fs::read_dir(place.path("runs")).unwrap().count(), 2);
}

#[test]
fn hidden_folders_are_left_out_and_named() {
    let place = Workplace::with_photos(4, 2);
    xfer_tests::draw(&place.path("photos/train/.ipynb_checkpoints"), "urban", 3);
    let ran = place.run(&format!("{TRAIN} --output run")).succeeded();
    assert!(ran.stdout.contains("Found 8 images belonging to 2 classes."), "{}", ran.stdout);
    assert!(ran.stderr.contains(".ipynb_checkpoints"), "{}", ran.stderr);
}

#[test]
fn without_val_training_goes_on_and_says_so() {
    let place = Workplace::with_photos(4, 0);
    std::fs::remove_dir_all(place.path("photos/val")).unwrap();
    let ran = place.run(&format!("{TRAIN} --output run")).succeeded();
    assert!(ran.stderr.contains("training without validation"), "{}", ran.stderr);
    assert_eq!(place.read("run/history.csv").lines().next(), Some("epoch,accuracy,loss"));
}

#[test]
fn what_another_run_kept_is_not_taken_for_this_ones() {
    let place = Workplace::with_photos(6, 2);
    let words = format!("{TRAIN} --steps-per-epoch 3 --output run --json-log");
    place.run(&format!("{words} --epochs 4 --checkpoint best --checkpoint epochs:1")).succeeded();
    assert!(place.path("run/checkpoints/epoch-0004/model.json").exists());
    let lines = place.read("run/log.jsonl").lines().count();
    place.run(&format!("{words} --epochs 2 --checkpoint epochs:2 --overwrite")).succeeded();
    assert!(place.path("run/checkpoints/epoch-0002/model.json").exists());
    assert!(!place.path("run/checkpoints/epoch-0004").exists() && !place.path("run/checkpoints/best").exists());
    assert!(place.read("run/log.jsonl").lines().count() < lines);
}
