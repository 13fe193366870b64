//! JPEG through zune-jpeg, for what is not decoded here.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::{DecodeError, FORMAT, check_size, cmyk};

/// Decodes to RGB, HWC; gives width and height. `reached` is the byte at which the other decoder gave up.
pub(super) fn decode(
    bytes: &[u8],
    out: &mut Vec<u8>,
    inks: &mut Vec<u8>,
    reached: usize,
) -> Result<(usize, usize), DecodeError> {
    // Lenient as libjpeg is, which Pillow uses: stray bytes between segments and damaged scans are decoded
    // as far as they go. Missing data is not.
    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let failed = |error| describe(error, bytes, reached);
    decoder.decode_headers().map_err(failed)?;
    let (width, height) = decoder.info().map_or((0, 0), |info| (info.width, info.height));
    check_size(width.into(), height.into())?;
    let four_channels = matches!(decoder.input_colorspace(), Some(ColorSpace::CMYK | ColorSpace::YCCK));
    if four_channels {
        decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::CMYK));
    }

    let (width, height) = (usize::from(width), usize::from(height));
    let pixels = width * height;
    out.clear();
    out.resize(pixels * 3, 0);
    if four_channels {
        inks.resize(pixels * 4, 0);
        decoder.decode_into(inks).map_err(failed)?;
        cmyk::to_rgb(inks, out);
    } else {
        decoder.decode_into(out).map_err(failed)?;
    }
    Ok((width, height))
}

fn describe(error: DecodeErrors, bytes: &[u8], reached: usize) -> DecodeError {
    match error {
        DecodeErrors::ExhaustedData => DecodeError::truncated(FORMAT, bytes),
        DecodeErrors::IoErrors(error) if error.is_recoverable_eof() => DecodeError::truncated(FORMAT, bytes),
        DecodeErrors::Unsupported(scheme) => DecodeError::unsupported(FORMAT, format!("{scheme:?}")),
        other => DecodeError::corrupt(FORMAT, reached, format!("{other:?}")),
    }
}
