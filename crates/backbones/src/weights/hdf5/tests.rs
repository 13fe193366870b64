use super::*;

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hdf5").join(name);
    std::fs::read(path).unwrap()
}

fn open(bytes: Vec<u8>) -> Result<Hdf5, BackboneError> {
    Hdf5::open(bytes.into(), Path::new("file.h5"))
}

/// All of an error, cause by cause.
fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", chain(cause)));
    format!("{error}{}", cause.unwrap_or_default())
}

#[test]
fn every_kind_of_file_gives_the_same_tensors() {
    for name in [
        "earliest.h5",
        "v108-split.h5",
        "v110-vlen.h5",
        "latest.h5",
        "model-weights.h5",
        "chunked-gzip.h5",
        "latest-chunked.h5",
        "float64.h5",
        "big-endian.h5",
    ] {
        let bytes = fixture(name);
        assert!(is_hdf5(&bytes));
        let file = open(bytes).unwrap();
        let listed: Vec<(&str, &str, &[usize])> =
            file.entries().iter().map(|e| (e.group.as_str(), e.name.as_str(), e.shape.as_slice())).collect();
        let expected: [(&str, &str, &[usize]); 4] = [
            ("alpha", "alpha/kernel:0", &[2, 3, 4, 5]),
            ("alpha", "alpha/bias:0", &[5]),
            ("old", "old_W_1:0", &[3, 7]),
            ("old", "old_running_std_1:0", &[7]),
        ];
        assert_eq!(listed, expected, "{name}");
        for (index, entry) in file.entries().iter().enumerate() {
            let count = entry.shape.iter().product();
            let expected: Vec<f32> = (0..count).map(|v: usize| v as f32).collect();
            assert_eq!(file.read(index).unwrap(), expected, "{name} {}", entry.path());
        }
    }
}

#[test]
fn other_types_and_filters_are_refused_by_name() {
    let error = open(fixture("integers.h5")).unwrap().read(0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tensor `alpha/alpha/kernel:0` in `file.h5` holds 32-bit integers, expected 32- or 64-bit floats"
    );
    let error = open(fixture("lzf.h5")).unwrap().read(0).unwrap_err();
    assert!(chain(&error).contains("(at alpha/alpha/kernel:0)"), "{}", chain(&error));
    assert!(chain(&error).contains("filter id 32000"), "{}", chain(&error));
    let error = open(fixture("foreign.h5")).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("no `layer_names`"), "{error}");
}

#[test]
fn a_user_block_may_come_first() {
    let mut bytes = vec![0; 1024];
    bytes.extend(fixture("earliest.h5"));
    assert!(is_hdf5(&bytes));
    assert!(!is_hdf5(&bytes[1..]));
    assert!(!is_hdf5(b""));
}

/// Opens the file and reads all of it.
fn read_all(bytes: Vec<u8>) -> Result<(), BackboneError> {
    let file = open(bytes)?;
    for index in 0..file.entries().len() {
        file.read(index)?;
    }
    Ok(())
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for name in ["earliest.h5", "latest.h5"] {
        let whole = fixture(name);
        for length in (8..whole.len() - 200).step_by(97) {
            let error = read_all(whole[..length].to_vec()).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("cannot read HDF5 file `file.h5`"), "{name} {length}: {text}");
            assert!(text.contains(&format!("{length} bytes")), "{text}");
        }
    }
}

/// Each byte damaged in turn: an error or other numbers, but no panic, no endless loop, no huge allocation.
#[test]
fn damaged_bytes_do_no_harm() {
    for name in ["earliest.h5", "latest.h5", "chunked-gzip.h5", "latest-chunked.h5", "v108-split.h5"] {
        let whole = fixture(name);
        let mut refused = 0;
        for position in 8..whole.len() {
            if whole[position] == 0 && whole[position - 1] == 0 && position % 7 != 0 {
                continue; // most of a small file is blank
            }
            let mut bytes = whole.clone();
            bytes[position] ^= if position % 2 == 0 { 0xff } else { 0x11 };
            refused += usize::from(read_all(bytes).is_err());
        }
        assert!(refused > 50, "{name}: {refused}");
    }
}
