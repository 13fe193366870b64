//! `scan`: what is reported, and that nothing is changed.

use std::collections::BTreeMap;
use std::fs;

use xfer_tests::nasty::{self, Verdict};
use xfer_tests::{Workplace, draw};

// invariant 5: every file that cannot be used is named, with the stage and the reason.
#[test]
fn the_nastiest_files_are_told_from_the_usable_ones() {
    let place = Workplace::empty();
    let expected = nasty::write(&place.path("folder"));
    assert!(expected.len() >= 25);
    let ran = place.run("scan folder --json --threads 2");
    assert_eq!(ran.code, Some(1), "files that cannot be used: {}", ran.stderr);
    let report = ran.json();
    let problems: BTreeMap<&str, &serde_json::Value> = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| (problem["path"].as_str().unwrap(), problem))
        .collect();
    for (name, verdict) in &expected {
        let stage = problems.get(name.as_str()).map(|problem| problem["stage"].as_str().unwrap());
        let wanted = match verdict {
            Verdict::Usable => None,
            Verdict::Unreadable => Some("read"),
            Verdict::Undecodable => Some("decode"),
        };
        assert_eq!(stage, wanted, "{name}: {:?}", problems.get(name.as_str()));
    }
    let usable = expected.iter().filter(|(_, verdict)| *verdict == Verdict::Usable).count();
    assert_eq!(
        (report["images"].as_u64(), report["usable"].as_u64()),
        (Some(expected.len() as u64), Some(usable as u64))
    );
    let oddities = &report["oddities"];
    assert_eq!(oddities["rotated"], serde_json::json!(["rotated.jpg"]));
    assert_eq!(oddities["16_bit"], serde_json::json!(["deep.png"]));
    assert_eq!(oddities["wrong_extension"], serde_json::json!(["gif-inside.jpg", "png-inside.jpg"]));
    let cut = problems["cut-in-scan.jpg"];
    assert_eq!(cut["kind"], "truncated");
    assert!(cut["offset"].as_u64().is_some_and(|offset| offset > 100), "{cut}");
}

#[test]
fn copies_leaks_and_contradictions_are_told() {
    let place = Workplace::empty();
    draw(&place.path("photos/train/rural"), "rural", 3);
    draw(&place.path("photos/train/urban"), "urban", 3);
    draw(&place.path("photos/val/rural"), "rural", 1);
    fs::remove_file(place.path("photos/val/rural/rural_00.jpg")).unwrap();
    let copy = |from: &str, to: &str| fs::copy(place.path(from), place.path(to)).unwrap();
    copy("photos/train/rural/rural_00.jpg", "photos/train/rural/again.jpg");
    copy("photos/train/rural/rural_01.jpg", "photos/val/rural/seen.jpg");
    copy("photos/train/urban/urban_00.jpg", "photos/train/rural/which.jpg");
    // The same pixels, with other metadata.
    let bytes = fs::read(place.path("photos/train/urban/urban_01.jpg")).unwrap();
    fs::write(place.path("photos/val/rural/edited.jpg"), nasty::with_orientation(&bytes, 1)).unwrap();
    let before = place.snapshot("photos");
    let ran = place.run("scan photos --json --output report.json").succeeded();
    assert!(place.snapshot("photos") == before, "nothing is changed");
    let report = ran.json();
    let groups: Vec<_> = report["duplicates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            let first = group["paths"][0].as_str().unwrap();
            (first, group["same"].as_str().unwrap(), group["across_split"] == true, group["across_classes"] == true)
        })
        .collect();
    assert_eq!(
        groups,
        [
            ("train/rural/again.jpg", "bytes", false, false),
            ("train/rural/rural_01.jpg", "bytes", true, false),
            ("train/rural/which.jpg", "bytes", false, true),
            ("train/urban/urban_01.jpg", "pixels", true, true),
        ]
    );
    let written: serde_json::Value = serde_json::from_str(&place.read("report.json")).unwrap();
    assert_eq!(written["duplicates"], report["duplicates"]);
    assert!(ran.stderr.contains("the same photo in training and validation"), "{}", ran.stderr);
    let message = place.run("scan photos --output report.json").failed(1);
    assert!(message.contains("report.json: already there"), "{message}");
}

#[test]
fn folders_that_cannot_be_scanned() {
    let place = Workplace::empty();
    let message = place.run("scan nowhere").failed(1);
    assert!(message.contains("nowhere: no such folder"), "{message}");
    fs::create_dir(place.path("empty")).unwrap();
    let ran = place.run("scan empty").succeeded();
    assert!(ran.stdout.starts_with("0 images"), "{}", ran.stdout);
}
