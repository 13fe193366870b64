//! JPEG, bit for bit as libjpeg-turbo decodes it by default, which is what Pillow and so Keras see: the
//! accurate integer transform (`JDCT_ISLOW`), triangular chroma upsampling and its fixed-point colours.
//!
//! Baseline, extended and progressive Huffman files of 8 bits are decoded here, at first strictly; a file that
//! does not keep to the rules is decoded once more as libjpeg passes over damage: stray bytes are skipped, the
//! next restart marker is looked for, and what is missing in between is grey. What is unusual (arithmetic
//! coding, 12 bits, a height given late) goes to zune-jpeg in [`fallback`], which is within a few levels.

mod bits;
mod color;
mod fallback;
mod frame;
mod headers;
mod huffman;
mod idct;

mod partial;
mod progressive;
mod scan;
mod sequential;
mod steps;
mod strict;
mod unstuffed;
mod upsample;

use super::raster::{Mode, Raster};
use super::scale::{Extent, Wanted};
use super::{DecodeError, FileFormat, check_size, cmyk, exif};
use crate::resize::nearest_places;
use color::ColorSpace;
use frame::{Coefficients, Frame};
use headers::{Headers, Segment, Tables};
use partial::Picks;
use scan::Scan;

const FORMAT: FileFormat = FileFormat::Jpeg;

/// More scans than any encoder makes: each passes over every block, however little it says of them.
const MAX_SCANS: usize = 500;

/// Planes and rows that stay warm from one image to the next.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    planes: Vec<Vec<u8>>,
    tables: Tables,
    /// Of progressive files.
    coefficients: [Coefficients; 4],
    rows: upsample::Rows,
    /// An interval's entropy-coded data.
    unstuffed: Vec<u8>,
    picks: Picks,
    /// Four-channel pixels on their way to RGB.
    inks: Vec<u8>,
    /// The marker or entropy-coded byte that decoding came to.
    reached: usize,
}

/// The file is not one that is decoded here.
#[derive(Debug)]
struct Unusual;

/// Decodes what of the picture is `wanted`, or all of it.
pub(super) fn decode(
    bytes: &[u8],
    wanted: impl FnOnce(u8) -> Option<Wanted>,
    raster: &mut Raster,
    scratch: &mut Scratch,
) -> Result<(), DecodeError> {
    let preamble = Preamble::of(bytes);
    if !preamble.is_complete(bytes) {
        return Err(DecodeError::truncated(FORMAT, bytes));
    }
    raster.orientation = exif::orientation(preamble.exif, preamble.xmp);
    raster.mode = Mode::Rgb;
    let wanted = wanted(raster.orientation);
    let found = pixels(bytes, wanted.as_ref(), &mut raster.bytes, scratch)?;
    (raster.width, raster.height) = found.size;
    (raster.picture, raster.extent) = (found.picture, found.extent);
    Ok(())
}

/// Decodes a JPEG without markers of its own, a strip of a TIFF, HWC; gives width and height. Four channels
/// are as they are stored, one is repeated in three, and three are YCbCr to become RGB, if `ycbcr` says so.
pub(super) fn decode_strip(
    bytes: &[u8],
    channels: usize,
    ycbcr: bool,
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Result<(usize, usize), DecodeError> {
    let color = match (channels, ycbcr) {
        (4, _) => ColorSpace::Cmyk,
        (3, true) => ColorSpace::YCbCr,
        (3, false) => ColorSpace::Rgb,
        _ => ColorSpace::Grey,
    };
    let unusual = || DecodeError::corrupt(FORMAT, 0, "the strip is damaged or of an unusual kind");
    let mut headers = Headers::new(bytes, false);
    let found = decode_exactly(bytes, &mut headers, (Some(color), None), out, scratch);
    found.map_or_else(|Unusual| Err(unusual()), |found| found.map(|found| found.size))
}

/// What has been decoded; sizes are width and height.
#[derive(Clone, Copy, Debug)]
struct Found {
    size: (usize, usize),
    /// Of the picture in the file.
    picture: (usize, usize),
    extent: Extent,
}

impl Found {
    fn whole(size: (usize, usize)) -> Self {
        Self { size, picture: size, extent: Extent::Whole }
    }
}

fn pixels(
    bytes: &[u8],
    wanted: Option<&Wanted>,
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Result<Found, DecodeError> {
    for lenient in [false, true] {
        let mut headers = Headers::new(bytes, lenient);
        let wanted = wanted.filter(|_| !lenient);
        match decode_exactly(bytes, &mut headers, (None, wanted), out, scratch) {
            Ok(result) => return result,
            Err(Unusual) if headers.exotic => {
                return fallback::decode(bytes, out, &mut scratch.inks, scratch.reached).map(Found::whole);
            }
            // Once more from the start: what is damaged is rare enough.
            Err(Unusual) => {}
        }
    }
    Err(DecodeError::corrupt(FORMAT, scratch.reached, "the segment that begins here is damaged or unknown"))
}

/// Decodes to RGB, or to `color` where that is known. The outer result is whether the file is decoded here, the inner one what came of it.
fn decode_exactly(
    bytes: &[u8],
    headers: &mut Headers<'_>,
    (color, wanted): (Option<ColorSpace>, Option<&Wanted>),
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Result<Result<Found, DecodeError>, Unusual> {
    headers.tables = std::mem::take(&mut scratch.tables);
    headers.tables.reset();
    let result = decode_segments(bytes, headers, (color, wanted), out, scratch);
    scratch.tables = std::mem::take(&mut headers.tables);
    result
}

fn decode_segments(
    bytes: &[u8],
    headers: &mut Headers<'_>,
    (color, wanted): (Option<ColorSpace>, Option<&Wanted>),
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Result<Result<Found, DecodeError>, Unusual> {
    let lenient = headers.is_lenient();
    let mut scans = 0;
    let mut extent = Extent::Whole;
    loop {
        let segment = headers.next();
        scratch.reached = headers.position();
        match segment? {
            Segment::Frame => {
                let frame = headers.frame.as_mut().ok_or(Unusual)?;
                if let Err(error) = check_size(frame.width as u64, frame.height as u64) {
                    return Ok(Err(error));
                }
                if let Some(wanted) = wanted {
                    extent = limit(frame, wanted, &mut scratch.picks);
                }
            }
            Segment::Scan(at) => {
                let frame = headers.frame.as_mut().ok_or(Unusual)?;
                scans += 1;
                if scans > MAX_SCANS {
                    return Ok(Err(DecodeError::corrupt(FORMAT, at, format!("more than {MAX_SCANS} scans"))));
                }
                let buffers = (&mut scratch.planes, &mut scratch.coefficients);
                let scan = Scan::new(frame, &mut headers.tables, at, buffers, bytes)?;
                let end = scan.decode(bytes, lenient, &mut scratch.unstuffed, &mut scratch.reached)?;
                headers.go_on_at(end);
            }
            Segment::End => break,
        }
    }
    let (color, stored) = match color {
        Some(color) => (color, true),
        None => (headers.color_space()?, false),
    };
    let frame = headers.frame.take().ok_or(Unusual)?;
    if frame.components.len() != color.components() {
        return Err(Unusual);
    }
    let picture = (frame.width, frame.height);
    let planes = frame.into_planes(&mut scratch.planes, &mut scratch.coefficients)?;

    let picks = (extent == Extent::Picked).then_some(&scratch.picks);
    let size = picks.map_or((planes.width, planes.height), |picks| (picks.columns.len(), picks.rows.len()));
    let count = size.0 * size.1;
    let rows = &mut scratch.rows;
    let mut write = |out: &mut [u8]| match picks {
        Some(picks) => partial::each_row(&planes, &scratch.planes, (rows, picks), out, color),
        None => upsample::each_row(&planes, &scratch.planes, rows, out, color),
    };
    let channels = if stored { color.channels() } else { 3 };
    out.resize(count * channels, 0);
    if color.channels() > channels {
        scratch.inks.resize(count * 4, 0);
        write(&mut scratch.inks);
        cmyk::to_rgb(&scratch.inks, out);
    } else {
        write(out);
    }
    Ok(Ok(Found { size, picture, extent }))
}

/// Leaves out of a frame what is not wanted.
fn limit(frame: &mut Frame, wanted: &Wanted, picks: &mut Picks) -> Extent {
    let size = (frame.height, frame.width);
    let extent = wanted.extent(size);
    match extent {
        Extent::Whole => {}
        Extent::Picked => {
            nearest_places(size, wanted.part(size), wanted.target, (&mut picks.rows, &mut picks.columns));
            frame.pick(picks);
        }
        Extent::Reduced(reduction) => frame.reduce(reduction),
    }
    extent
}

/// What stands before the first scan that is of no use to decoding it.
#[derive(Debug, Default)]
struct Preamble<'a> {
    exif: Option<&'a [u8]>,
    xmp: Option<&'a [u8]>,
    /// Where the first scan's segment begins.
    scan: Option<usize>,
}

impl<'a> Preamble<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let mut preamble = Self::default();
        // What is cut off before a scan leaves none.
        let _ = preamble.walk(bytes);
        preamble
    }

    fn walk(&mut self, bytes: &'a [u8]) -> Option<()> {
        const START_OF_SCAN: u8 = 0xda;
        const APP1: u8 = 0xe1;
        let mut at = 2;
        loop {
            // Any number of fill bytes may stand before a marker, and stray bytes do in practice.
            at += bytes.get(at..)?.iter().position(|&byte| byte == 0xff)?;
            let marker = *bytes.get(at + 1)?;
            match marker {
                START_OF_SCAN => {
                    self.scan = Some(at);
                    return Some(());
                }
                // Fill, escaped data, restarts and other markers without a length.
                0xff => at += 1,
                0x00 | 0x01 | 0xd0..=0xd9 => at += 2,
                _ => {
                    let length = u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]);
                    let next = at + 2 + usize::from(length.max(2));
                    if let (APP1, Some(body)) = (marker, bytes.get(at + 4..next)) {
                        if body.starts_with(b"Exif\0\0") {
                            self.exif = self.exif.or(Some(body));
                        } else if body.starts_with(b"http://ns.adobe.com/xap/1.0/\0") {
                            self.xmp = Some(body);
                        }
                    }
                    at = next;
                }
            }
        }
    }

    /// Whether an end-of-image marker follows the first scan. A decoder fills what is missing with grey, which
    /// must not become training data; Pillow calls such a file truncated as well.
    fn is_complete(&self, bytes: &[u8]) -> bool {
        const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
        // Thumbnails in the header have an end of their own: only what follows the header counts. Inside a scan
        // these two bytes can be nothing but the marker.
        let Some(scan) = self.scan else { return false };
        bytes[scan..].windows(2).rev().any(|pair| pair == END_OF_IMAGE)
    }
}
