//! What a trained model takes photos for.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use xfer_tests::{Ran, Workplace, draw};

use super::TRAIN;

/// A place with photos and a model of them in `run`.
fn trained() -> Workplace {
    let place = Workplace::with_photos(6, 4);
    place.run(&format!("{TRAIN} --epochs 3 --learning-rate 0.05 --output run")).succeeded();
    place
}

/// Rows of CSV, by column.
fn rows(text: &str) -> Vec<Vec<String>> {
    let records = csv::Reader::from_reader(text.as_bytes()).into_records();
    records.map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn paths(text: &str) -> Vec<String> {
    rows(text).into_iter().map(|row| row[0].clone()).collect()
}

fn with_input(mut command: Command, input: &[u8]) -> Ran {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    Ran::of(&child.wait_with_output().unwrap())
}

#[test]
fn rows_come_in_the_order_of_the_inputs_and_say_what_evaluate_says() {
    let place = trained();
    let ran = place.run(
        "predict run photos/val/urban/urban_02.png photos/val/rural photos/train/**/rural_0[01].* \
         photos/val/urban/urban_02.png --all --batch-size 3",
    );
    let text = ran.succeeded().stdout;
    assert_eq!(text.lines().next().unwrap(), "path,class,probability,probability:rural,probability:urban,error");
    let expected = [
        "photos/val/urban/urban_02.png",
        "photos/val/rural/rural_00.jpg",
        "photos/val/rural/rural_01.jpg",
        "photos/val/rural/rural_02.png",
        "photos/val/rural/rural_03.jpg",
        "photos/train/rural/rural_00.jpg",
        "photos/train/rural/rural_01.jpg",
        "photos/val/urban/urban_02.png",
    ];
    assert_eq!(paths(&text), expected);
    for row in rows(&text) {
        let number = |column: usize| row[column].parse::<f32>().unwrap();
        assert!((number(3) + number(4) - 1.0).abs() < 1e-6, "{row:?}");
        let predicted = if row[1] == "rural" { 3 } else { 4 };
        assert_eq!((number(2), row[5].as_str()), (number(3).max(number(4)), ""));
        assert_eq!(row[2], row[predicted]);
    }
    assert_eq!(rows(&text)[0], rows(&text)[7], "a photo is what it is, wherever it comes");

    place.run("evaluate run --data photos --output val.csv").succeeded();
    let judged = rows(&place.read("val.csv"));
    let alone = place.run("predict run photos/val --all --threads 1 --cache").succeeded();
    let predicted = rows(&alone.stdout);
    assert!(alone.stderr.contains("8 from the cache, 0 computed"), "{}", alone.stderr);
    assert_eq!(judged.len(), 8);
    for (judged, predicted) in judged.iter().zip(&predicted) {
        // path, label, class, probability, loss, ...
        assert_eq!((&judged[0], &judged[2], &judged[3]), (&predicted[0], &predicted[1], &predicted[2]));
        assert_eq!(judged[5..7], predicted[3..5]);
    }
}

// invariant 3: what a photo is taken for follows from the features that `extract` makes with the training's options, whose
// preprocessing the model remembers: no flag of `predict` names it.
#[test]
fn prediction_sees_the_preprocessing_of_the_training() {
    let place = Workplace::with_photos(4, 2);
    let how = "--weights random:5 --image-size 40x56 --interpolation bicubic";
    place.run(&format!("train --data photos {how} --epochs 2 --metrics-addr off --output run --no-flip")).succeeded();
    // Statistics of the training's photos make the features: extracted photos must be those that calibrated it.
    place.run(&format!("extract --images photos/train {how} --output f.safetensors")).succeeded();
    let features = tensor(&place, "f.safetensors", "features");
    let (kernel, bias) =
        (tensor(&place, "run/head.safetensors", "kernel"), tensor(&place, "run/head.safetensors", "bias"));
    let expected: Vec<[f64; 2]> = features
        .chunks_exact(2048)
        .map(|row| {
            let logit = |class: usize| {
                let product = row.iter().enumerate().map(|(i, &x)| f64::from(x) * f64::from(kernel[2 * i + class]));
                product.sum::<f64>() + f64::from(bias[class])
            };
            let (first, second) = (logit(0), logit(1));
            [1.0 / (1.0 + (second - first).exp()), 1.0 / (1.0 + (first - second).exp())]
        })
        .collect();
    let told = rows(&place.run("predict run photos/train --all").succeeded().stdout);
    assert_eq!(told.len(), 8);
    for (row, expected) in told.iter().zip(&expected) {
        for (text, expected) in row[3..5].iter().zip(expected) {
            let told: f64 = text.parse().unwrap();
            assert!((told - expected).abs() < 1e-5, "{row:?} {expected}");
        }
    }
}

fn tensor(place: &Workplace, file: &str, name: &str) -> Vec<f32> {
    let bytes = fs::read(place.path(file)).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    file.tensor(name).unwrap().data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

#[test]
fn a_bad_photo_has_its_row_and_stops_nothing() {
    let place = trained();
    let photo = fs::read(place.path("photos/val/urban/urban_00.jpg")).unwrap();
    fs::write(place.path("photos/val/urban/urban_00.jpg"), &photo[..photo.len() / 2]).unwrap();
    fs::write(place.path("photos/val/rural/a.webp"), "no photo").unwrap();
    let ran = place.run("predict run photos/val missing.jpg --batch-size 2");
    let stderr = place.run("predict run photos/val missing.jpg").failed(1);
    assert!(stderr.contains("3 of 10 photos could not be read or decoded"), "{stderr}");
    assert_eq!(ran.code, Some(1));
    let rows = rows(&ran.stdout);
    assert_eq!(rows.len(), 10);
    let bad: Vec<&Vec<String>> = rows.iter().filter(|row| !row[3].is_empty()).collect();
    let names: Vec<&str> = bad.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(names, ["photos/val/rural/a.webp", "photos/val/urban/urban_00.jpg", "missing.jpg"]);
    assert!(bad.iter().all(|row| row[1].is_empty() && row[2].is_empty()), "{bad:?}");
    assert!(bad[0][3].starts_with("decode: ") && bad[1][3].starts_with("decode: "), "{bad:?}");
    assert!(bad[2][3].starts_with("read: "), "{bad:?}");
    assert_eq!(names[2], rows[9][0]);

    let none = place.run("predict run missing.jpg nowhere.png --format jsonl");
    assert_eq!(none.code, Some(1));
    let lines: Vec<serde_json::Value> = none.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[1]["path"], "nowhere.png");
    assert!(lines[1]["error"].as_str().unwrap().starts_with("read: ") && lines[1]["class"].is_null());
}

#[test]
fn paths_come_from_standard_input() {
    let place = trained();
    let ran = with_input(
        place.command("predict run -"),
        b"photos/val/urban/urban_01.jpg\nphotos/val/rural/rural_00.jpg\r\n\n",
    );
    let text = ran.succeeded().stdout;
    assert_eq!(paths(&text), ["photos/val/urban/urban_01.jpg", "photos/val/rural/rural_00.jpg"]);
    fs::rename(place.path("photos/val/urban/urban_01.jpg"), place.path("two\nlines.jpg")).unwrap();
    let ran = with_input(
        place.command("predict run photos/val/rural/rural_01.jpg - -0 --format jsonl"),
        b"two\nlines.jpg\0photos/val/rural/rural_00.jpg\0",
    );
    let text = ran.succeeded().stdout;
    let paths: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["path"].clone()).collect();
    assert_eq!(paths, ["photos/val/rural/rural_01.jpg", "two\nlines.jpg", "photos/val/rural/rural_00.jpg"]);

    let message = with_input(place.command("predict run -"), b"\n").failed(1);
    assert!(message.contains("nothing to predict"), "{message}");
    place.run("predict run photos -0").failed(2);
    place.run("predict run - -").failed(2);
    place.run("predict run").failed(2);
}

#[test]
fn rows_are_there_before_standard_input_ends() {
    let place = trained();
    let mut command = place.command("predict run -");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"photos/val/rural/rural_00.jpg\n").unwrap();
    stdin.flush().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    assert!(lines.next().unwrap().unwrap().starts_with("photos/val/rural/rural_00.jpg,"));
    drop(stdin);
    assert!(lines.next().is_none());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn three_classes_have_their_most_probable_ones() {
    let place = Workplace::with_photos(3, 0);
    draw(&place.path("photos/train/sea"), "rural", 3);
    fs::remove_dir_all(place.path("photos/val")).unwrap();
    place.run(&format!("{TRAIN} --output run")).succeeded();
    let text = place.run("predict run photos/train/sea --top 2 --format jsonl").succeeded().stdout;
    assert_eq!(text.lines().count(), 3);
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let top = row["top"].as_array().unwrap();
        assert_eq!((top.len(), &top[0]["class"], &top[0]["probability"]), (2, &row["class"], &row["probability"]));
        assert!(top[0]["probability"].as_f64() >= top[1]["probability"].as_f64());
        assert_ne!(top[0]["class"], top[1]["class"]);
        assert!(row.get("probabilities").is_none() && row["error"].is_null());
    }
}

// invariant 7: a file of rows is there whole or not at all, and none is replaced unasked.
#[test]
fn a_file_of_rows_is_whole_and_replaces_nothing() {
    let place = trained();
    let ran = place.run("predict run photos/val --output rows.jsonl").succeeded();
    assert!(ran.stdout.is_empty() && ran.stderr.contains("Wrote 8 rows to rows.jsonl"), "{}", ran.stderr);
    let first = place.read("rows.jsonl");
    assert!(first.lines().count() == 8 && first.starts_with('{'), "the name says the format");
    let message = place.run("predict run photos/train --output rows.jsonl").failed(1);
    assert!(message.contains("already there") && message.contains("--overwrite"), "{message}");
    assert_eq!(place.read("rows.jsonl"), first);
    place.run("predict run photos/train --output rows.jsonl --overwrite").succeeded();
    assert_eq!(place.read("rows.jsonl").lines().count(), 12);
}

#[test]
fn inputs_that_name_nothing_are_refused_before_anything_is_written() {
    let place = trained();
    fs::create_dir(place.path("empty")).unwrap();
    for (input, expected) in [("empty", "empty: no images in it"), ("photos/*.gif", "photos/*.gif: no file matches")] {
        let ran = place.run(&format!("predict run photos/val {input}"));
        assert!(ran.stdout.is_empty());
        let message = ran.failed(1);
        assert!(message.contains(expected), "{message}");
    }
    let message = place.run("predict nowhere photos/val").failed(1);
    assert!(message.contains("nowhere: no such folder"), "{message}");
    let message = place.run("predict photos photos/val").failed(1);
    assert!(message.contains("photos: no model.json in it"), "{message}");
    place.run("predict run photos/val --image-size 64").failed(2);
}

#[test]
fn a_changed_file_of_weights_is_refused_and_a_moved_one_is_found() {
    let place = Workplace::with_photos(3, 2);
    let weights = xfer_backbones::Weights::random(xfer_backbones::Architecture::ResNet50, 3);
    weights.save(&place.path("w.safetensors")).unwrap();
    let train = "train --data photos --weights w.safetensors --image-size 48 --metrics-addr off --output run";
    place.run(train).succeeded();
    let first = place.run("predict run photos/val --all").succeeded().stdout;

    fs::rename(place.path("w.safetensors"), place.path("moved.safetensors")).unwrap();
    let message = place.run("predict run photos/val").failed(1);
    assert!(message.contains("no such weights file any more; --weights says"), "{message}");
    assert_eq!(place.run("predict run photos/val --all --weights moved.safetensors").succeeded().stdout, first);

    let others = xfer_backbones::Weights::random(xfer_backbones::Architecture::ResNet50, 4);
    others.save(&place.path("w.safetensors")).unwrap();
    for verb in ["predict run photos/val", "evaluate run --data photos"] {
        let message = place.run(verb).failed(1);
        assert!(message.contains("was trained with sha256:") && message.matches("sha256:").count() == 2, "{message}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = trained();
    let mut command = place.command("predict run photos --batch-size 1");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut byte = [0];
    child.stdout.take().unwrap().read_exact(&mut byte).unwrap();
    let ran = Ran::of(&child.wait_with_output().unwrap()).succeeded();
    assert!(!ran.stderr.contains("error"), "{}", ran.stderr);
}

#[cfg(unix)]
#[test]
fn an_interruption_leaves_whole_rows() {
    let place = trained();
    let list = "photos/val/rural/rural_00.jpg\n".repeat(50_000);
    fs::write(place.path("list.txt"), list).unwrap();
    let mut command = place.command("predict run - --batch-size 2");
    command.stdin(fs::File::open(place.path("list.txt")).unwrap());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    for _ in 0..3 {
        stdout.read_line(&mut text).unwrap();
    }
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    stdout.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let rows = rows(&text);
    assert!((2..50_000).contains(&rows.len()) && text.ends_with('\n'), "{}", rows.len());
    assert!(rows.iter().all(|row| row.len() == 4 && row == &rows[0]));
}
