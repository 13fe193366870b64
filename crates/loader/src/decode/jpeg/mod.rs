//! JPEG, bit for bit as libjpeg-turbo decodes it by default, which is what Pillow and so Keras see: the
//! accurate integer transform (`JDCT_ISLOW`), triangular chroma upsampling and its fixed-point colours.
//!
//! Baseline, extended and progressive Huffman files of 8 bits are decoded here. What is unusual (arithmetic
//! coding, 12 bits, a height given late, damaged data) goes to zune-jpeg in [`fallback`], which is within a
//! few levels.

mod bits;
mod color;
mod fallback;
mod frame;
mod headers;
mod huffman;
mod idct;
mod progressive;
mod scan;
mod sequential;
mod upsample;

use super::{DecodeError, Image, check_size, cmyk};
use headers::{Headers, Segment};
use scan::Scan;

const FORMAT: &str = "JPEG";

/// Planes and rows that stay warm from one image to the next.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    planes: Vec<Vec<u8>>,
    rows: upsample::Rows,
    /// Four-channel pixels on their way to RGB.
    inks: Vec<u8>,
}

/// The file is not one that is decoded here.
#[derive(Debug)]
struct Unusual;

pub(super) fn decode(bytes: &[u8], image: &mut Image, scratch: &mut Scratch) -> Result<(), DecodeError> {
    if !is_complete(bytes) {
        return Err(DecodeError::Truncated { format: FORMAT, bytes: bytes.len() });
    }
    match decode_exactly(bytes, image, scratch) {
        Ok(result) => result,
        Err(Unusual) => fallback::decode(bytes, image, &mut scratch.inks),
    }
}

/// The outer result is whether the file is decoded here, the inner one what came of it.
fn decode_exactly(bytes: &[u8], image: &mut Image, scratch: &mut Scratch) -> Result<Result<(), DecodeError>, Unusual> {
    let mut headers = Headers::new(bytes);
    loop {
        match headers.next()? {
            Segment::Frame => {
                let frame = headers.frame.as_ref().ok_or(Unusual)?;
                if let Err(error) = check_size(frame.width as u64, frame.height as u64) {
                    return Ok(Err(error));
                }
            }
            Segment::Scan(at) => {
                let frame = headers.frame.as_mut().ok_or(Unusual)?;
                let scan = Scan::new(frame, &headers.tables, at, &mut scratch.planes, bytes)?;
                let end = scan.decode(bytes)?;
                headers.go_on_at(end);
            }
            Segment::End => break,
        }
    }
    let color = headers.color_space()?;
    let frame = headers.frame.ok_or(Unusual)?;
    let planes = frame.into_planes(&mut scratch.planes)?;

    image.width = planes.width;
    image.height = planes.height;
    let pixels = image.width * image.height;
    image.pixels.resize(pixels * 3, 0);
    if color.channels() == 4 {
        scratch.inks.resize(pixels * 4, 0);
        upsample::each_row(&planes, &scratch.planes, &mut scratch.rows, &mut scratch.inks, color);
        cmyk::to_rgb(&scratch.inks, &mut image.pixels);
    } else {
        upsample::each_row(&planes, &scratch.planes, &mut scratch.rows, &mut image.pixels, color);
    }
    Ok(Ok(()))
}

/// Whether an end-of-image marker follows the first scan. A decoder fills what is missing with grey, which
/// must not become training data; Pillow calls such a file truncated as well.
fn is_complete(bytes: &[u8]) -> bool {
    const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
    // Thumbnails in the header have an end of their own: only what follows the header counts. Inside a scan
    // these two bytes can be nothing but the marker.
    let Some(scan) = start_of_scan(bytes) else { return false };
    bytes[scan..].windows(2).rev().any(|pair| pair == END_OF_IMAGE)
}

/// Where the first scan's segment begins.
fn start_of_scan(bytes: &[u8]) -> Option<usize> {
    const START_OF_SCAN: u8 = 0xda;
    let mut at = 2;
    loop {
        // Any number of fill bytes may stand before a marker, and stray bytes do in practice.
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0xff)?;
        let marker = *bytes.get(at + 1)?;
        match marker {
            START_OF_SCAN => return Some(at),
            // Fill, escaped data, restarts and other markers without a length.
            0xff => at += 1,
            0x00 | 0x01 | 0xd0..=0xd9 => at += 2,
            _ => {
                let length = u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]);
                at += 2 + usize::from(length.max(2));
            }
        }
    }
}
