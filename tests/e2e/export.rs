//! A trained model as files for others.

use safetensors::SafeTensors;
use xfer_tests::Workplace;

fn trained(words: &str) -> Workplace {
    let place = Workplace::with_photos(3, 0);
    std::fs::remove_dir_all(place.path("photos/val")).unwrap();
    place
        .run(&format!("train --data photos --weights random --image-size 64 --metrics-addr off --output run {words}"))
        .succeeded();
    place
}

#[test]
fn every_format_is_written_whole_and_nothing_is_overwritten() {
    let place = trained("");
    for (format, name, begins) in [
        ("torchscript", "model.pt", b"PK\x03\x04".as_slice()),
        ("keras", "model.weights.h5", b"\x89HDF\r\n\x1a\n"),
        ("safetensors", "model.safetensors", b""),
    ] {
        let words = format!("export run --format {format} --output {name}");
        let ran = place.run(&words).succeeded();
        assert!(ran.stdout.contains(&format!("Wrote {name} as {format}")), "{}", ran.stdout);
        let bytes = std::fs::read(place.path(name)).unwrap();
        assert!(bytes.starts_with(begins) && bytes.len() > 90_000_000, "{name}: {} bytes", bytes.len());
        let message = place.run(&words).failed(1);
        assert!(message.contains("already there") && message.contains("--overwrite"), "{message}");
        assert_eq!(std::fs::read(place.path(name)).unwrap(), bytes);
    }
    // Nothing temporary is left.
    let left = std::fs::read_dir(place.path("")).unwrap();
    let hidden: Vec<_> = left.map(|entry| entry.unwrap().file_name()).filter(|name| name != ".cache").collect();
    assert!(hidden.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{hidden:?}");

    let ran = place.run("export run --format safetensors --output model.safetensors --overwrite --json").succeeded();
    let json = ran.json();
    assert_eq!((&json["format"], &json["classes"]), (&"safetensors".into(), &serde_json::json!(["rural", "urban"])));
    let head = std::fs::read(place.path("run/head.safetensors")).unwrap();
    let all = std::fs::read(place.path("model.safetensors")).unwrap();
    let (head, all) = (SafeTensors::deserialize(&head).unwrap(), SafeTensors::deserialize(&all).unwrap());
    assert_eq!(all.tensor("dense/kernel").unwrap().data(), head.tensor("kernel").unwrap().data());
    assert_eq!(all.tensor("dense/bias").unwrap().data(), head.tensor("bias").unwrap().data());
}

#[test]
fn what_is_no_run_is_named() {
    let place = Workplace::empty();
    let message = place.run("export nowhere --format safetensors --output a.safetensors").failed(1);
    assert!(message.contains("nowhere"), "{message}");
    place.run("export nowhere --format keras --output a.h5").failed(2);
    place.run("export nowhere --format onnx --output a.onnx").failed(2);
    assert!(!place.path("a.safetensors").exists());
}
