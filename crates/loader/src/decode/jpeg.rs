//! JPEG through zune-jpeg: baseline and progressive, with its SIMD transforms.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::{DecodeError, Image, check_size, cmyk};

const FORMAT: &str = "JPEG";

pub(super) fn decode(bytes: &[u8], image: &mut Image, inks: &mut Vec<u8>) -> Result<(), DecodeError> {
    // Lenient as libjpeg is, which Pillow uses: stray bytes between segments and damaged scans are decoded
    // as far as they go. Missing data is not; see `is_complete`.
    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let failed = |error| describe(error, bytes.len());
    decoder.decode_headers().map_err(failed)?;
    let (width, height) = decoder.info().map_or((0, 0), |info| (info.width, info.height));
    check_size(width.into(), height.into())?;
    let four_channels = matches!(decoder.input_colorspace(), Some(ColorSpace::CMYK | ColorSpace::YCCK));
    if four_channels {
        decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::CMYK));
    }
    if !is_complete(bytes) {
        return Err(DecodeError::Truncated { format: FORMAT, bytes: bytes.len() });
    }

    image.width = width.into();
    image.height = height.into();
    let pixels = image.width * image.height;
    image.pixels.resize(pixels * 3, 0);
    if four_channels {
        inks.resize(pixels * 4, 0);
        decoder.decode_into(inks).map_err(failed)?;
        cmyk::to_rgb(inks, &mut image.pixels);
    } else {
        decoder.decode_into(&mut image.pixels).map_err(failed)?;
    }
    Ok(())
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

fn describe(error: DecodeErrors, bytes: usize) -> DecodeError {
    match error {
        DecodeErrors::ExhaustedData => DecodeError::Truncated { format: FORMAT, bytes },
        DecodeErrors::IoErrors(error) if error.is_recoverable_eof() => DecodeError::Truncated { format: FORMAT, bytes },
        DecodeErrors::Unsupported(scheme) => {
            DecodeError::Unsupported { format: FORMAT, message: format!("{scheme:?}") }
        }
        other => DecodeError::Corrupt { format: FORMAT, message: format!("{other:?}") },
    }
}
