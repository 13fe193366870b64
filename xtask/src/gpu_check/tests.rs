//! The whole of it with an `xfer-cli` that is a script.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Typed {
    #[command(flatten)]
    options: Options,
}

/// A doctor that finds what `cuda` says, and features of two images that are `difference` off on the device.
fn script(cuda: &str, difference: f32, folder: &Path) -> PathBuf {
    let here = folder.display();
    fs::write(folder.join("cpu"), features::tests::file(&[3.0, 4.0, 1.0, 0.0], 2)).unwrap();
    fs::write(folder.join("device"), features::tests::file(&[3.0, 4.0, 1.0, difference], 2)).unwrap();
    let sound = if cuda == "true" { "" } else { "exit 1" };
    let text = format!(
        r#"#!/bin/sh
all="$*"
case "$all" in
doctor*)
    echo '{{"cuda": {{"usable": {cuda}, "devices": [{{"name": "Some GPU"}}]}}, "weights": {{"files": []}},
        "findings": [{{"topic": "CUDA", "standing": "broken", "text": "none: no driver", "advice": "install it"}}]}}'
    {sound} ;;
"bench backbone --help") echo 'usage: --device' ;;
"bench backbone"*) echo '{{"images_per_second": 40}}' ;;
"bench loader"*) echo '{{"images_per_second": 100}}' ;;
*--help) echo 'usage' ;;
extract*)
    for word; do last=$word; done
    case "$all" in *"--device cpu"*) cp {here}/cpu "$last" ;; *) cp {here}/device "$last" ;; esac
    case "$all" in
    */some*) echo '{{"images": 2, "images_per_second": 1}}' ;;
    *) echo '{{"images": 8, "images_per_second": 3.72}}' ;;
    esac ;;
esac
"#
    );
    let path = folder.join("xfer-cli");
    fs::write(&path, text).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    path
}

fn run_with(cuda: &str, difference: f32) -> (Result<()>, Value) {
    let place = tempfile::tempdir().unwrap();
    let cli = script(cuda, difference, place.path());
    let photos = place.path().join("photos/a");
    fs::create_dir_all(&photos).unwrap();
    fs::write(photos.join("one.jpg"), "x").unwrap();
    let smi = place.path().join("nvidia-smi");
    fs::write(&smi, "#!/bin/sh\nprintf '0\\n80\\n60\\n0\\n'\nexec sleep 60\n").unwrap();
    #[cfg(unix)]
    fs::set_permissions(&smi, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let (output, data) = (place.path().join("out.json"), place.path().join("photos"));
    let words: Vec<_> = [
        ("--xfer-cli", &cli),
        ("--python", &PathBuf::from("no-such-python")),
        ("--output", &output),
        ("--data", &data),
        ("--nvidia-smi", &smi),
        ("--images", &PathBuf::from("8")),
    ]
    .into_iter()
    .flat_map(|(name, value)| [name.to_owned(), value.display().to_string()])
    .collect();
    let typed = Typed::try_parse_from(std::iter::once("gpu-check".to_owned()).chain(words)).unwrap();
    let result = run(&typed.options);
    let again = run(&typed.options).expect_err("nothing is overwritten").to_string();
    assert!(again.contains("already there"), "{again}");
    (result, serde_json::from_slice(&fs::read(output).unwrap()).unwrap())
}

fn standing(document: &Value, name: &str) -> String {
    let checks = document["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {document}"));
    check["standing"].as_str().unwrap().to_owned()
}

#[cfg(unix)]
#[test]
fn without_a_gpu_it_ends_with_what_the_doctor_says() {
    let (result, document) = run_with("false", 0.0);
    assert_eq!(result.unwrap_err().to_string(), "one check failed");
    assert_eq!(document["checks"].as_array().unwrap().len(), 1);
    assert_eq!(document["checks"][0]["text"], "CUDA: none: no driver; install it");
}

#[cfg(unix)]
#[test]
fn features_speed_and_idleness_are_judged() {
    let (result, document) = run_with("true", 1e-4);
    result.unwrap();
    for backbone in BACKBONES {
        assert_eq!(standing(&document, &format!("{backbone} fp32 like the CPU's")), "pass");
        assert_eq!(standing(&document, &format!("{backbone} fp32 repeats")), "pass");
    }
    // 2 images in 2 s and 8 in 2.15 s: 6 in 0.15 s, no slower than the backbone's 40 alone.
    assert_eq!(standing(&document, "resnet50 fp32 with the loader"), "pass");
    let idle = document["checks"].as_array().unwrap().iter().find(|check| check["name"] == "resnet50 fp32 GPU idle");
    let idle = idle.unwrap()["value"].as_f64();
    assert!(idle.is_none_or(|idle| (idle - 0.3).abs() < 1e-9), "{document}");

    let (result, document) = run_with("true", 1e-2);
    assert_eq!(result.unwrap_err().to_string(), "2 checks failed");
    assert_eq!(standing(&document, "xception fp32 like the CPU's"), "fail");
}

#[test]
fn what_is_asked_for_must_be_there() {
    let options = |words: &str| {
        Typed::try_parse_from(std::iter::once("gpu-check").chain(words.split_whitespace())).map(|typed| typed.options)
    };
    let error = format!("{:#}", run(&options("--xfer-cli no-such-file --output no-such.json").unwrap()).unwrap_err());
    assert!(error.contains("no-such-file"), "{error}");
    for words in ["--image-size 8", "--images 1", "--batch-size 0", "--limit 0"] {
        assert!(options(words).is_err(), "{words}");
    }
}
