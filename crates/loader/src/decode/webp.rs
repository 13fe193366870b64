//! WebP through the `image-webp` crate.

use std::io::{Cursor, ErrorKind};

use image_webp::{DecodingError, WebPDecoder};

use super::raster::{Mode, Raster};
use super::{DecodeError, FileFormat, exif};

const FORMAT: FileFormat = FileFormat::WebP;

pub(super) fn decode(bytes: &[u8], raster: &mut Raster) -> Result<(), DecodeError> {
    let stated = bytes.get(4..8).and_then(|size| size.first_chunk()).map_or(0, |&size| u32::from_le_bytes(size));
    if u64::from(stated) + 8 > bytes.len() as u64 {
        return Err(DecodeError::truncated(FORMAT, bytes));
    }
    let mut source = Cursor::new(bytes);
    let result = read(&mut source, raster);
    // A seek may have gone past the end.
    let at = source.position().min(bytes.len() as u64);
    result.map_err(|error| match error {
        Failed::Format(DecodingError::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
            // The file is as long as it says, so a chunk in it is too short.
            DecodeError::corrupt(FORMAT, at as usize, "a chunk ends too early")
        }
        Failed::Format(error) => DecodeError::corrupt(FORMAT, at as usize, error.to_string()),
        Failed::Image(error) => error,
    })
}

enum Failed {
    Format(DecodingError),
    Image(DecodeError),
}

impl From<DecodingError> for Failed {
    fn from(error: DecodingError) -> Self {
        Self::Format(error)
    }
}

fn read(source: &mut Cursor<&[u8]>, raster: &mut Raster) -> Result<(), Failed> {
    /// Room for a chunk of metadata, or a frame on its canvas.
    const MEMORY_LIMIT: usize = 1 << 30;
    let mut decoder = WebPDecoder::new(source)?;
    decoder.set_memory_limit(MEMORY_LIMIT);
    let (width, height) = decoder.dimensions();
    let mode = if decoder.has_alpha() { Mode::Rgba } else { Mode::Rgb };
    raster.begin(width.into(), height.into(), mode).map_err(Failed::Image)?;
    let metadata = |chunk: Result<Option<Vec<u8>>, DecodingError>| chunk.ok().flatten();
    let exif = metadata(decoder.exif_metadata());
    let xmp = metadata(decoder.xmp_metadata());
    raster.orientation = exif::orientation(exif.as_deref(), xmp.as_deref());
    raster.animated = decoder.is_animated() && decoder.num_frames() > 1;
    decoder.read_image(&mut raster.bytes)?;
    Ok(())
}
