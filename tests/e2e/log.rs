//! The log for programs.

use std::fs;
use std::net::TcpListener;

use serde_json::Value;
use xfer_tests::{Ran, Workplace};

const TRAIN: &str = "train --data photos --weights random --image-size 48 --steps-per-epoch 6 --log-format json";

/// Every line of standard error, which are objects all.
fn events(ran: &Ran) -> Vec<Value> {
    let event = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    ran.stderr.lines().map(event).collect()
}

fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

#[test]
fn every_notable_thing_is_an_event_in_its_order() {
    let place = Workplace::with_photos(6, 3);
    fs::write(place.path("photos/train/rural/rural_03.jpg"), "no photo").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap();
    let words = format!("{TRAIN} --epochs 3 --output run --on-error skip --error-budget 5 --metrics-addr {port}");
    let ran = place.run(&words).succeeded();
    assert_eq!(ran.stdout, "", "what is told is told once");
    let events = events(&ran);
    for event in &events {
        let (time, level) = (event["timestamp"].as_str(), event["level"].as_str());
        assert!(time.is_some_and(|time| time.ends_with('Z')) && level.is_some(), "{event}");
        assert!(event["event"].is_string() && event["message"].is_string(), "{event}");
    }
    let mut order = events.iter().filter_map(|event| event["event"].as_str());
    for name in ["start", "data_found", "calibration", "epoch_end", "epoch_end", "epoch_end", "saved", "verdict", "end"]
    {
        assert!(order.any(|event| event == name), "{name} is missing, or not in its place, in {}", ran.stderr);
    }
    let warnings = named(&events, "warning");
    assert!(warnings.iter().all(|event| event["level"] == "WARN"), "{warnings:?}");
    assert!(warnings.iter().any(|event| event["message"].as_str().unwrap().contains(&port.to_string())));

    let failed = named(&events, "file_failed");
    assert!(failed.len() == 1 && failed[0].to_string().contains("rural_03.jpg"), "{failed:?}");
    let history = place.read("run/history.csv");
    let columns: Vec<&str> = history.lines().next().unwrap().split(',').collect();
    for (event, row) in named(&events, "epoch_end").iter().zip(history.lines().skip(1)) {
        for (name, value) in columns.iter().zip(row.split(',')).filter(|(name, _)| event.get(**name).is_some()) {
            let offset = if *name == "epoch" { 1.0 } else { 0.0 };
            let (told, written) = (event[*name].as_f64().unwrap(), value.parse::<f64>().unwrap() + offset);
            assert!((told - written).abs() < 1e-6, "{name} of {event} is not that of {row}");
        }
        assert!(event["loss"].is_number() && event["val_accuracy"].is_number(), "{event}");
    }
}

#[test]
fn an_error_is_the_last_event() {
    let place = Workplace::with_photos(6, 3);
    fs::write(place.path("photos/train/rural/rural_03.jpg"), "no photo").unwrap();
    let ran = place.run(&format!("{TRAIN} --output run --metrics-addr off"));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let events = events(&ran);
    let last = named(&events, "error");
    assert_eq!((last.len(), &last[0]["level"]), (1, &"ERROR".into()), "{}", ran.stderr);
    assert!(last[0].to_string().contains("rural_03.jpg"), "{}", last[0]);
}

#[test]
fn spans_are_called_as_stages_are_in_the_metrics() {
    let place = Workplace::with_photos(4, 2);
    let mut command = place.command(&format!("{TRAIN} --output run --metrics-addr off"));
    let ran = Ran::of(&command.env("XFER_LOG", "trace").output().unwrap()).succeeded();
    let events = events(&ran);
    let spans: Vec<&str> = events.iter().filter_map(|event| event["span"]["name"].as_str()).collect();
    let metrics = place.read("run/metrics.prom");
    for stage in ["forward", "head"] {
        assert!(spans.contains(&stage), "{stage} in {spans:?}");
        assert!(metrics.contains("train_stage_seconds_count{") && metrics.contains(&format!("stage=\"{stage}\"")));
    }
    assert!(spans.iter().all(|span| metrics.contains(&format!("stage=\"{span}\""))), "{spans:?}");
}
