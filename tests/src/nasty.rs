//! The nastiest files that a folder of photos can hold.

use std::ffi::OsStr;
use std::fs;
use std::io::Cursor;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, Rgb, RgbImage};

/// What a file is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It decodes.
    Usable,
    /// It cannot be read.
    Unreadable,
    /// It cannot be decoded.
    Undecodable,
}

/// Writes one of each into `folder`; the names, and what each is good for.
pub fn write(folder: &Path) -> Vec<(String, Verdict)> {
    use Verdict::{Undecodable, Unreadable, Usable};
    fs::create_dir_all(folder).expect("a folder");
    let photo = encode(picture(64, 48), ImageFormat::Jpeg);
    let mut written = Vec::new();
    let mut add = |name: &str, bytes: &[u8], verdict| {
        fs::write(folder.join(name), bytes).expect("a file");
        written.push((name.to_owned(), verdict));
    };
    add("empty.jpg", b"", Undecodable);
    add("text.jpg", b"dear diary", Undecodable);
    add("zeros.jpg", &[0; 10_000], Undecodable);
    for (number, cut) in markers(&photo).into_iter().enumerate() {
        add(&format!("cut-{number:02}.jpg"), &photo[..cut], Undecodable);
    }
    add("cut-in-scan.jpg", &photo[..photo.len() - 100], Undecodable);
    add("wide.jpg", &encode(picture(65_535, 1), ImageFormat::Jpeg), Usable);
    add("tall.png", &encode(picture(1, 65_535), ImageFormat::Png), Usable);
    add("bomb.jpg", &with_size(&photo), Undecodable);
    add("bomb.png", &png_bomb(), Undecodable);
    let png = encode(picture(40, 30), ImageFormat::Png);
    add("cut.png", &png[..png.len() / 2], Undecodable);
    add("png-inside.jpg", &png, Usable);
    add("gif-inside.jpg", TINY_GIF, Usable);
    add("trailing-garbage.jpg", &[&photo[..], &[0xa5; 500]].concat(), Usable);
    add("rotated.jpg", &with_orientation(&photo, 6), Usable);
    let deep = ImageBuffer::from_fn(20, 20, |x, y| Luma([(x * 3_000 + y) as u16]));
    add("deep.png", &encode(deep, ImageFormat::Png), Usable);
    add("._mac.jpg", b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ", Undecodable);

    symlink("nowhere", folder.join("broken-link.jpg")).expect("a link");
    symlink("loop.jpg", folder.join("loop.jpg")).expect("a link");
    let made = Command::new("mkfifo").arg(folder.join("pipe.jpg")).status().expect("mkfifo");
    assert!(made.success());
    UnixListener::bind(folder.join("socket.jpg")).expect("a socket");
    for name in ["broken-link.jpg", "loop.jpg", "pipe.jpg", "socket.jpg"] {
        written.push((name.to_owned(), Unreadable));
    }
    fs::create_dir(folder.join("a.jpg")).expect("a folder");
    fs::write(folder.join("a.jpg/inside.jpg"), encode(picture(33, 22), ImageFormat::Jpeg)).expect("a file");
    written.push(("a.jpg/inside.jpg".to_owned(), Usable));
    let latin = OsStr::from_bytes(b"caf\xe9.jpg");
    fs::write(folder.join(latin), encode(picture(31, 23), ImageFormat::Jpeg)).expect("a file");
    written.push((latin.to_string_lossy().into_owned(), Usable));
    written
}

/// A picture that no other size repeats.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 7 + width) as u8, (y * 5) as u8, (x + y * 3) as u8]))
}

fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).expect("an image");
    bytes.into_inner()
}

/// Where each marker of a baseline JPEG begins, but for the first one.
fn markers(jpeg: &[u8]) -> Vec<usize> {
    let mut at = 2;
    let mut found = vec![at];
    while jpeg[at + 1] != 0xda {
        at += 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        found.push(at);
    }
    found.push(jpeg.len() - 2);
    found
}

/// The same file, whose header says 60,000 x 60,000.
fn with_size(jpeg: &[u8]) -> Vec<u8> {
    let mut bytes = jpeg.to_vec();
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a frame header");
    bytes[frame + 5..frame + 9].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
    bytes
}

/// A PNG of 60,000 x 60,000 by its header, whose checksum is right.
fn png_bomb() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = b"IHDR".to_vec();
    header.extend(60_000_u32.to_be_bytes());
    header.extend(60_000_u32.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    bytes.extend(13_u32.to_be_bytes());
    bytes.extend(&header);
    bytes.extend(crc32(&header).to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// The same file with an EXIF segment that states an orientation.
pub fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let tiff =
        [b"II*\0\x08\0\0\0\x01\0".as_slice(), &[0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0], &[0, 0, 0, 0]]
            .concat();
    let body = [b"Exif\0\0".as_slice(), &tiff].concat();
    let length = (body.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &body, &jpeg[2..]].concat()
}

/// One red pixel.
const TINY_GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\xff\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
