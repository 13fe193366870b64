//! `bench`: what it measures is there and fits together; how fast this machine is, is no test's business.

use xfer_tests::{Workplace, draw};

fn place() -> Workplace {
    let place = Workplace::empty();
    draw(&place.path("photos/rural"), "rural", 5);
    draw(&place.path("photos/urban"), "urban", 4);
    place
}

#[test]
fn the_loader_is_measured() {
    let place = place();
    let words = "bench loader --data photos --image-size 32 --batch-size 4 --passes 3 --json";
    for more in ["", " --pixels u8 --interpolation bilinear", " --rotation-range 20 --threads 3"] {
        let ran = place.run(&format!("{words}{more}")).succeeded();
        assert!(ran.stderr.contains("Found 9 images belonging to 2 classes."), "{}", ran.stderr);
        let document = ran.json();
        let number = |name: &str| document[name].as_f64().unwrap_or_else(|| panic!("{more}: {name}: {document}"));
        assert_eq!((number("images"), number("passes")), (9.0, 3.0));
        let (worst, median, best) = (number("worst"), number("images_per_second"), number("best"));
        assert!(0.0 < worst && worst <= median && median <= best, "{document}");
        assert!(number("megabytes_per_second") > 0.0 && number("megapixels_per_second") > 0.0, "{document}");
        let stages = document["stages"].as_object().unwrap();
        let sum: f64 = stages.values().map(|share| share.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-9 && stages.contains_key("read") && stages.contains_key("decode"), "{document}");
        assert_eq!(stages.contains_key("augment"), more.contains("rotation"), "{document}");
        assert_eq!(stages.contains_key("standardize"), !more.contains("u8"), "{document}");
        let latency = &document["latency"];
        assert_eq!(latency["images"], 9);
        assert!(latency["p50_ms"].as_f64() <= latency["p99_ms"].as_f64(), "{document}");
    }
}

#[test]
fn the_table_has_a_line_for_each_figure() {
    let ran = place().run("bench loader --data photos --image-size 32 --passes 1 --latency 0").succeeded();
    for name in ["images/s, median", "best", "worst", "MB/s read", "% in decode"] {
        assert!(ran.stdout.lines().any(|line| line.starts_with(name)), "{name}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("p99"), "{}", ran.stdout);
}

#[test]
fn photos_that_cannot_be_loaded_are_named() {
    let place = place();
    std::fs::write(place.path("photos/rural/broken.jpg"), "dear diary").unwrap();
    let message = place.run("bench loader --data photos --image-size 32").failed(1);
    assert!(message.contains("broken.jpg"), "{message}");
    std::fs::create_dir_all(place.path("nothing/a")).unwrap();
    let message = place.run("bench loader --data nothing").failed(1);
    assert!(message.contains("nothing"), "{message}");
    let message = place.run("bench").failed(2);
    assert!(message.contains("loader"), "{message}");
}
