//! Keras' tables.

use xfer_tests::Workplace;

#[test]
fn the_notebooks_tables() {
    let place = Workplace::empty();
    for (backbone, frozen, total) in
        [("resnet50", "23587712", "23591810 (90.00 MB)"), ("xception", "20861480", "20865578 (79.60 MB)")]
    {
        let table = place.run(&format!("summary --backbone {backbone}")).succeeded().stdout;
        assert!(table.contains("Model: \"sequential\""), "{table}");
        assert!(table.contains(&format!(" {backbone} (Functional)")), "{table}");
        assert!(table.contains(&format!("(None, 2048)              {frozen}")), "{table}");
        assert!(table.contains(&format!("Total params: {total}")), "{table}");
        assert!(table.contains("Trainable params: 4098 (16.01 KB)"), "{table}");
    }
}

#[test]
fn every_layer_when_asked() {
    let place = Workplace::empty();
    let table = place.run("summary --backbone resnet50 --layers").succeeded().stdout;
    for part in ["conv1_pad (ZeroPadding2D)", "conv5_block3_out (Activ", "(None, 7, 7, 2048)", "avg_pool"] {
        assert!(table.contains(part), "{part} in {table}");
    }
    let three = place.run("summary --classes 3").succeeded().stdout;
    assert!(three.contains("Trainable params: 6147"), "{three}");
}
