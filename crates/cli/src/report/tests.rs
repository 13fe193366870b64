use super::*;
use xfer_trainer::{Activation, Prediction};

/// A run of `failures` bad files, with photos and classes whose names are an attack.
fn folder(failures: usize) -> (tempfile::TempDir, Evaluation) {
    let folder = tempfile::tempdir().unwrap();
    let classes = ["<script>alert(1)</script>".to_owned(), "b\"onload=x".to_owned()];
    let failed: Vec<Value> = (0..failures)
        .map(|n| serde_json::json!({ "path": format!("<img src=x>{n}.jpg"), "stage": "decode", "reason": format!("cut at {n}") }))
        .collect();
    let manifest = serde_json::json!({
        "format_version": 1,
        "arguments": ["train", "--data", "a b", "--output", "</code><script>"],
        "data": { "digest": "sha256:1", "training": { "folder": "t", "samples": 3, "classes": { &classes[0]: 2, &classes[1]: 1 } } },
        "result": { "outcome": "finished", "epochs": 1, "failures": failed },
    });
    fs::write(folder.path().join("manifest.json"), manifest.to_string()).unwrap();
    fs::write(folder.path().join("history.csv"), "epoch,accuracy,<b>,loss\r\n0,0.5,1.0,0.25\r\n").unwrap();
    let predictions: Vec<_> = [(0, [2.0, 1.0]), (1, [3.0, 0.0]), (1, [0.0, 1.0])]
        .iter()
        .map(|(label, logits)| {
            Prediction::from_logits(Path::new("<script>.jpg"), Some(*label), Activation::Softmax, logits).unwrap()
        })
        .collect();
    let evaluation = Evaluation::of(&classes, Activation::Softmax, &predictions).unwrap();
    (folder, evaluation)
}

fn page(failures: usize) -> String {
    let (folder, evaluation) = folder(failures);
    make(folder.path(), Some(&evaluation)).unwrap();
    fs::read_to_string(folder.path().join(REPORT_FILE)).unwrap()
}

#[test]
fn names_that_are_markup_are_harmless() {
    let html = page(3);
    for attack in ["<script", "<img src=x", "b\"onload", "<b>"] {
        assert!(!html.contains(attack), "{attack}");
    }
    assert!(html.contains("script&#62;.jpg") || html.contains("script&gt;.jpg"), "and they are there");
    assert!(html.contains("1.jpg") && html.contains("taken for"));
}

#[test]
fn the_page_asks_for_nothing_from_elsewhere() {
    let html = page(1);
    for address in ["http:", "https:", "src=\"/", "url(", "@import", "<link"] {
        assert!(!html.contains(address), "{address}");
    }
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn no_failure_and_ten_thousand_read_well() {
    assert!(page(0).contains("every file could be read"));
    let many = page(10_000);
    assert!(many.contains("10000 files could not be used") && many.contains("and 9992 more"), "grouped");
    assert!(many.len() < page(1).len() + 4_000, "{}", many.len());
}

#[test]
fn an_evaluation_is_kept_and_read_again_and_an_old_one_goes() {
    let (folder, evaluation) = folder(0);
    make(folder.path(), Some(&evaluation)).unwrap();
    let kept = read(&folder.path().join(EVALUATION_FILE)).unwrap();
    assert_eq!((&kept.classes, &kept.confusion), (&evaluation.classes, &evaluation.confusion));
    assert_eq!((&kept.most_wrong, &kept.least_sure), (&evaluation.most_wrong, &evaluation.least_sure));
    assert_eq!(kept.calibration.bins.len(), evaluation.calibration.bins.len());
    // JSON's numbers are read to the last digit but one.
    assert!((kept.loss - evaluation.loss).abs() < 1e-12);
    make(folder.path(), None).unwrap();
    assert!(!folder.path().join(EVALUATION_FILE).exists());
    assert!(fs::read_to_string(folder.path().join(REPORT_FILE)).unwrap().contains("No photos were judged"));
}
