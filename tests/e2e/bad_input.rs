//! What users get wrong, each with its message and exit status.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use xfer_backbones::{Architecture, Weights};
use xfer_tests::Workplace;

use super::TRAIN;

/// Photos, one of which is replaced by `spoil`; what is said, which must name it.
#[track_caller]
fn spoiled(spoil: impl FnOnce(&std::path::Path)) -> String {
    let place = Workplace::with_photos(4, 2);
    let victim = place.path("photos/train/urban/urban_00.jpg");
    spoil(&victim);
    let message = place.run(&format!("{TRAIN} --output run")).failed(1);
    assert!(message.contains("train/urban/urban_00.jpg: cannot "), "{message}");
    assert!(!place.path("run/model.json").exists(), "nothing is saved");
    message
}

// invariant 5: the file, the stage and the reason are named.
#[test]
fn a_text_file_that_is_called_jpg() {
    let message = spoiled(|path| fs::write(path, "dear diary").unwrap());
    assert!(message.contains("cannot decode"), "{message}");
    assert!(message.contains("not an image: begins with \"dear dia\""), "{message}");
}

#[test]
fn a_jpeg_that_is_cut_short() {
    let message = spoiled(|path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    });
    assert!(message.contains("the JPEG data is cut short after"), "{message}");
}

#[test]
fn an_empty_file() {
    let message = spoiled(|path| fs::write(path, "").unwrap());
    assert!(message.contains("the file is empty"), "{message}");
}

#[test]
fn a_file_that_cannot_be_read() {
    let message = spoiled(|path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o0)).unwrap();
        // Whoever may read everything meets a link to nowhere instead.
        if fs::read(path).is_ok() {
            fs::remove_file(path).unwrap();
            symlink("nowhere", path).unwrap();
        }
    });
    assert!(message.contains("cannot read"), "{message}");
    assert!(message.contains("Permission denied") || message.contains("No such file"), "{message}");
}

#[test]
fn folders_that_cannot_be_trained_on() {
    let place = Workplace::empty();
    let message = place.run(TRAIN).failed(1);
    assert!(message.contains("photos: no such folder; expected photos in photos/train/CLASS/"), "{message}");

    fs::create_dir_all(place.path("photos/train")).unwrap();
    let message = place.run(TRAIN).failed(1);
    assert!(message.contains("photos/train: no class folders in it"), "{message}");

    fs::create_dir_all(place.path("photos/train/urban")).unwrap();
    let message = place.run(TRAIN).failed(1);
    assert!(message.contains("photos/train: no images in it; files ending in png, jpg"), "{message}");

    xfer_tests::draw(&place.path("photos/train/urban"), "urban", 2);
    let message = place.run(TRAIN).failed(1);
    assert!(message.contains("only one class, urban"), "{message}");
    assert!(!place.path("runs").exists(), "no folder is made for a run that cannot be");
}

#[test]
fn classes_that_differ_between_train_and_val() {
    let place = Workplace::with_photos(2, 2);
    fs::rename(place.path("photos/val/urban"), place.path("photos/val/city")).unwrap();
    let message = place.run(TRAIN).failed(1);
    assert!(message.contains("photos/val lacks urban") && message.contains("photos/train lacks city"), "{message}");
}

#[test]
fn arguments_that_cannot_be() {
    let place = Workplace::with_photos(2, 2);
    for (words, said) in [
        ("--steps-per-epoch 0", "--steps-per-epoch"),
        ("--validation-steps 0", "--validation-steps"),
        ("--epochs 0", "--epochs"),
        ("--batch-size 0", "--batch-size"),
        ("--learning-rate 0", "--learning-rate"),
        ("--learning-rate nan", "--learning-rate"),
        ("--image-size 31", "32"),
        ("--backbone vgg16", "--backbone"),
        ("--interpolation cubic", "--interpolation"),
        ("--no-such-thing", "--no-such-thing"),
    ] {
        let command = format!("train --data photos --weights random --metrics-addr off {words}");
        let message = place.run(&command).failed(2);
        assert!(message.contains(said), "{words}: {message}");
    }
}

#[test]
fn weights_that_are_not_there_or_not_right() {
    let place = Workplace::with_photos(2, 2);
    let train = |weights: &str| {
        place.run(&format!("train --data photos --image-size 48 --metrics-addr off --weights {weights}")).failed(1)
    };
    let message = train("none.h5");
    assert!(message.contains("none.h5: no such weights file; --weights takes imagenet"), "{message}");

    Weights::random(Architecture::Xception, 1).save(&place.path("xception.safetensors")).unwrap();
    let message = train("xception.safetensors");
    assert!(message.contains("xception.safetensors") && message.to_lowercase().contains("xception"), "{message}");

    fs::write(place.path("text.h5"), "I am no HDF5 file").unwrap();
    let message = train("text.h5");
    assert!(message.contains("text.h5"), "{message}");

    let whole = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/backbones/tests/fixtures/hdf5/earliest.h5");
    let bytes = fs::read(whole).unwrap();
    fs::write(place.path("cut.h5"), &bytes[..bytes.len() * 2 / 3]).unwrap();
    let message = train("cut.h5");
    assert!(message.contains("cut.h5"), "{message}");
}

#[test]
fn weights_that_cannot_be_downloaded() {
    let place = Workplace::with_photos(2, 2);
    let output = place
        .command("train --data photos --weights imagenet --metrics-addr off")
        .env("XFER_OFFLINE", "1")
        .env("XFER_CACHE_DIR", place.path("cache"))
        .env("HOME", place.path("home"))
        .output()
        .unwrap();
    let message = xfer_tests::Ran::of(&output).failed(1);
    for part in ["resnet50", ".h5", "4d473c1dd8becc155b73f8504c6f6626", "cache"] {
        assert!(message.contains(part), "{part} in {message}");
    }
}

#[test]
fn cuda_where_there_is_none() {
    if std::path::Path::new("/proc/driver/nvidia/version").exists() {
        return;
    }
    let place = Workplace::with_photos(2, 2);
    let message = place.run(&format!("{TRAIN} --device cuda")).failed(1);
    assert!(message.to_lowercase().contains("cuda"), "{message}");
    place.run(&format!("{TRAIN} --device auto --output run")).succeeded();
}
