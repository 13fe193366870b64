//! Names of files: which are images, and in which order they come.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::path::Path;
use std::str;

use crate::decode::FileFormat;

/// What the name of an image ends in, in any case. As in Keras no dot is asked for: `notajpg` counts.
pub(crate) const EXTENSIONS: [&str; 7] = ["png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff"];

pub(crate) fn is_image_name(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    EXTENSIONS.iter().any(|extension| {
        name.len() >= extension.len() && name[name.len() - extension.len()..].eq_ignore_ascii_case(extension.as_bytes())
    })
}

/// Whether the name ends in the extension of any format that is decoded, or in one of [`EXTENSIONS`].
pub(super) fn is_decodable_name(name: &OsStr) -> bool {
    let extension = Path::new(name).extension().and_then(OsStr::to_str);
    is_image_name(name)
        || extension.is_some_and(|extension| FileFormat::ALL.iter().any(|format| format.has_extension(extension)))
}

pub(super) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// The order of Python's `sorted`: by code points, where a byte that is not UTF-8 is a lone surrogate
/// (`surrogateescape`). For names in UTF-8 that is the order of their bytes.
pub(super) fn compare(a: &OsStr, b: &OsStr) -> Ordering {
    let (a, b) = (a.as_encoded_bytes(), b.as_encoded_bytes());
    match (str::from_utf8(a), str::from_utf8(b)) {
        (Ok(a), Ok(b)) => a.cmp(b),
        _ => code_points(a).cmp(code_points(b)),
    }
}

fn code_points(name: &[u8]) -> impl Iterator<Item = u32> {
    name.utf8_chunks().flat_map(|chunk| {
        let escaped = chunk.invalid().iter().map(|&byte| 0xDC00 + u32::from(byte));
        chunk.valid().chars().map(u32::from).chain(escaped)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_need_no_dot_and_no_case() {
        for name in ["a.JPG", "notajpg", "jpg", "x.y.tiff", ".tif", "é.pNg"] {
            assert!(is_image_name(OsStr::new(name)), "{name}");
        }
        for name in ["a.gif", "a.jpg.txt", "pg", "", "a.webp", "a.jpg "] {
            assert!(!is_image_name(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn what_is_decoded_has_more_extensions() {
        for name in ["a.JPG", "notajpg", "a.webp", "a.GIF", "a.b.pgm", "a.jfif"] {
            assert!(is_decodable_name(OsStr::new(name)), "{name}");
        }
        for name in ["webp", "a.txt", "a.webp.txt", "", "."] {
            assert!(!is_decodable_name(OsStr::new(name)), "{name}");
        }
    }

    // sorted(os.listdir(..)) of Python 3.11 on the same names.
    #[cfg(unix)]
    #[test]
    fn the_order_is_that_of_python() {
        use std::os::unix::ffi::OsStrExt;

        let sorted: [&[u8]; 7] = [b"10", b"2", b"Z", b"\xc3\xa9", b"\x80", b"\xff", "\u{1F600}".as_bytes()];
        let mut names = sorted.map(OsStr::from_bytes);
        names.reverse();
        names.sort_by(|a, b| compare(a, b));
        assert_eq!(names, sorted.map(OsStr::from_bytes));
    }
}
