//! Small files that state large pictures.

use xfer_loader::stages::{Decoder, Wanted};
use xfer_loader::{DecodeError, DecodeOptions, Interpolation, MAX_PIXELS};

use crate::files;
use crate::meter::most_held;

/// A JPEG header and nothing behind it: `process` is a frame's marker.
fn jpeg(process: u8, width: u16, height: u16) -> Vec<u8> {
    let [[h, e], [w, i]] = [height.to_be_bytes(), width.to_be_bytes()];
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
    bytes.extend([1; 64]);
    bytes.extend([0xFF, process, 0, 17, 8, h, e, w, i, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]);
    // One code of one bit: a difference of zero, the end of a block.
    for table in [0x00, 0x10] {
        bytes.extend([0xFF, 0xC4, 0, 20, table, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
    let (last, bits) = if process == 0xC2 { (0, 0) } else { (63, 0) };
    bytes.extend([0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, last, bits, 0x00]);
    bytes
}

/// Every way to decode it fails the same; the most bytes that it took.
fn refused(bytes: &[u8]) -> (DecodeError, usize) {
    let options = DecodeOptions::default();
    let (error, mut most) = most_held(|| Decoder::new().decode(bytes, &options).map(drop).unwrap_err());
    for interpolation in [Interpolation::Nearest, Interpolation::Bilinear] {
        let wanted = Wanted { target: (224, 224), interpolation, keep_aspect_ratio: false, scaled: true };
        let (other, held) = most_held(|| Decoder::new().decode_for(bytes, &options, &wanted).map(drop).unwrap_err());
        assert_eq!(other.reason(), error.reason(), "{interpolation}");
        most = most.max(held);
    }
    (error, most)
}

#[test]
fn pictures_beyond_the_limit_take_no_memory() {
    for process in [0xC0, 0xC1, 0xC2, 0xC9, 0xCA] {
        // Whether for its size or because that much cannot be in a file so small.
        let (error, held) = refused(&jpeg(process, 65535, 65535));
        let expected = matches!(error, DecodeError::TooLarge { .. } | DecodeError::Truncated { .. });
        assert!(expected, "{process:X}: {error}");
        assert!(held < 1 << 20, "{process:X}: {held} bytes");
    }
    let header = |start: &[u8], size: &[u8], end: &[u8]| [start, size, end].concat();
    let files = [
        header(
            b"GIF89a",
            &[0xFF; 4],
            &[0x80, 0, 0, 0, 0, 0, 255, 255, 255, 0x2C, 0, 0, 0, 0, 255, 255, 255, 255, 0, 2],
        ),
        header(b"P6\n", b"4000000000 4000000000", b"\n255\n"),
        header(b"P4\n", b"99999999 99999999", b"\n"),
        header(b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", &[255, 255, 255, 0x7F, 255, 255, 255, 0x7F], &[1, 0, 24, 0]),
    ];
    for bytes in &files {
        let (error, held) = refused(bytes);
        assert!(held < 1 << 20, "{held} bytes: {error}");
    }
}

/// The largest size that is allowed, in a file of a few hundred bytes.
#[test]
fn data_that_is_missing_is_not_waited_for() {
    for process in [0xC0, 0xC2] {
        let bytes = jpeg(process, 13377, 13377);
        assert!(u64::from(13377_u16).pow(2) < MAX_PIXELS);
        let (error, held) = refused(&bytes);
        assert!(matches!(error, DecodeError::Truncated { .. }), "{process:X}: {error}");
        assert!(held < 1 << 20, "{process:X}: {held} bytes");
    }
}

/// A table that swallows the first scan's header, and the end of the image before the next: there is nothing to see, and
/// what was decoded before must not be shown instead.
#[test]
fn a_file_without_a_scan_is_no_image() {
    let bytes = include_bytes!("../fixtures/hostile/no-scan.jpg");
    let options = DecodeOptions::default();
    for before in files().iter().flatten() {
        let mut decoder = Decoder::new();
        decoder.decode(before, &options).ok();
        let told = decoder.decode(bytes, &options);
        assert!(matches!(told, Err(DecodeError::Corrupt { .. })), "{told:?}");
    }
}
