//! Features to a file.

use safetensors::SafeTensors;
use xfer_tests::Workplace;

fn features(bytes: &[u8]) -> Vec<f32> {
    let file = SafeTensors::deserialize(bytes).expect("safetensors");
    let tensor = file.tensor("features").expect("features");
    tensor.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

#[test]
fn every_image_has_a_row_and_a_path() {
    let place = Workplace::with_photos(4, 3);
    place
        .run("extract --weights random --images photos --image-size 48 --output f.safetensors --batch-size 5")
        .succeeded();
    let bytes = std::fs::read(place.path("f.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("features").unwrap().shape(), [14, 2048]);
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().as_ref().unwrap();
    let paths: Vec<String> = serde_json::from_str(&metadata["paths"]).unwrap();
    assert_eq!(paths.len(), 14);
    assert_eq!(paths[0], "train/rural/rural_00.jpg");
    assert!(paths.is_sorted());
    assert_eq!((&*metadata["backbone"], &*metadata["precision"]), ("resnet50", "fp32"));
    let features = features(&bytes);
    assert!(features.iter().all(|value| value.is_finite()));
    assert!(features.iter().any(|&value| value > 0.0), "features are usable although the backbone is untrained");

    let message =
        place.run("extract --weights random --images photos --image-size 48 --output f.safetensors").failed(1);
    assert!(message.contains("already there") && message.contains("--overwrite"), "{message}");
}

#[test]
fn features_depend_on_neither_batch_nor_threads() {
    let place = Workplace::with_photos(3, 0);
    std::fs::remove_dir_all(place.path("photos/val")).unwrap();
    // Weights with statistics of their own, as a published file has them.
    let weights = xfer_backbones::Weights::random(xfer_backbones::Architecture::ResNet50, 3);
    weights.save(&place.path("w.safetensors")).unwrap();
    let run = |name: &str, more: &str| {
        let words = format!("extract --weights w.safetensors --images photos --image-size 48 --output {name} {more}");
        place.run(&words).succeeded();
        features(&std::fs::read(place.path(name)).unwrap())
    };
    let first = run("a.safetensors", "");
    assert_eq!(first, run("b.safetensors", "--batch-size 1 --threads 1"));
    assert_eq!(first, run("c.safetensors", "--batch-size 4 --threads 3"));
}

#[test]
fn a_folder_without_images_is_named() {
    let place = Workplace::empty();
    std::fs::create_dir(place.path("none")).unwrap();
    let message = place.run("extract --weights random --images none --output f.safetensors").failed(1);
    assert!(message.contains("none: no images in it"), "{message}");
    assert!(!place.path("f.safetensors").exists());
}
