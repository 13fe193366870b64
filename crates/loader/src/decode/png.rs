//! PNG through the `png` crate, and Pillow's reading of its colour types.

use std::io::Cursor;

use png::{BitDepth, ColorType, DecodingError, Limits, Transformations};

use super::raster::{Mode, Raster, grey_scale, unpack};
use super::{DecodeError, FileFormat, check_size, exif};

const FORMAT: FileFormat = FileFormat::Png;

pub(super) fn decode(bytes: &[u8], raster: &mut Raster, packed: &mut Vec<u8>) -> Result<(), DecodeError> {
    let chunks = Chunks::of(bytes);
    if let Some(&[w3, w2, w1, w0, h3, h2, h1, h0, ..]) = chunks.header {
        check_size(u32::from_be_bytes([w3, w2, w1, w0]).into(), u32::from_be_bytes([h3, h2, h1, h0]).into())?;
    }
    let mut source = Cursor::new(bytes);
    let result = read(&mut source, raster, packed, &chunks);
    // A seek may have gone past the end.
    let at = source.position().min(bytes.len() as u64);
    result.map_err(|error| match error {
        Failed::Format(DecodingError::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::truncated(FORMAT, bytes)
        }
        Failed::Format(error) => DecodeError::corrupt(FORMAT, at as usize, error.to_string()),
        Failed::Image(error) => error,
    })?;
    raster.orientation = exif::orientation(chunks.exif, chunks.xmp);
    raster.animated = chunks.frames > 1;
    Ok(())
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

impl From<DecodeError> for Failed {
    fn from(error: DecodeError) -> Self {
        Self::Image(error)
    }
}

fn read(
    source: &mut Cursor<&[u8]>,
    raster: &mut Raster,
    packed: &mut Vec<u8>,
    chunks: &Chunks<'_>,
) -> Result<(), Failed> {
    // Rows are all that the decoder allocates once text and profiles are left alone.
    let mut decoder = png::Decoder::new_with_limits(source, Limits { bytes: 64 << 20 });
    decoder.set_transformations(Transformations::IDENTITY);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info()?;
    let info = reader.info();
    let (color, depth) = (info.color_type, info.bit_depth);
    let mode = match (color, depth) {
        (ColorType::Grayscale, BitDepth::Sixteen) => Mode::I16,
        (ColorType::Grayscale, _) => Mode::L,
        (ColorType::Rgb, _) => Mode::Rgb,
        (ColorType::Indexed, _) => Mode::Palette,
        (ColorType::GrayscaleAlpha, BitDepth::Sixteen) | (ColorType::Rgba, _) => Mode::Rgba,
        (ColorType::GrayscaleAlpha, _) => Mode::La,
    };
    raster.begin(info.width.into(), info.height.into(), mode)?;
    if let Some(colors) = &info.palette {
        raster.set_palette(colors, |&color: &[u8; 3]| color);
    }
    transparency(raster, chunks.transparency, depth);
    let size = reader.output_buffer_size().ok_or(DecodingError::LimitsExceeded)?;
    if depth == BitDepth::Eight {
        raster.bytes.resize(size, 0);
        reader.next_frame(&mut raster.bytes)?;
        return Ok(());
    }
    // Bits of interlaced rows are added to what is there.
    packed.clear();
    packed.resize(size, 0);
    reader.next_frame(packed)?;
    let high = |sample: &[u8; 2]| sample[0];
    let samples = packed.as_chunks::<2>().0;
    match (color, depth) {
        (ColorType::Grayscale, BitDepth::Sixteen) => {
            for (value, &sample) in raster.values.iter_mut().zip(samples) {
                *value = u16::from_be_bytes(sample).into();
            }
        }
        (ColorType::GrayscaleAlpha, _) => {
            for (out, [grey, alpha]) in raster.bytes.as_chunks_mut::<4>().0.iter_mut().zip(samples.as_chunks::<2>().0) {
                *out = [high(grey), high(grey), high(grey), high(alpha)];
            }
        }
        (_, BitDepth::Sixteen) => {
            for (out, sample) in raster.bytes.iter_mut().zip(samples) {
                *out = high(sample);
            }
        }
        _ => {
            let bits = usize::from(depth as u8);
            let scale = if color == ColorType::Indexed { 1 } else { grey_scale(bits) };
            unpack(packed, raster.width, bits, scale, &mut raster.bytes);
        }
    }
    Ok(())
}

/// What tRNS says. Pillow compares the low byte of what the chunk states with pixels of 8 bits, whatever the
/// file's depth; but for that of 1 bit.
fn transparency(raster: &mut Raster, chunk: Option<&[u8]>, depth: BitDepth) {
    let Some(chunk) = chunk else { return };
    match (raster.mode, chunk) {
        (Mode::Palette, alphas) => {
            for (entry, &alpha) in raster.palette.iter_mut().zip(alphas) {
                entry[3] = alpha;
            }
        }
        (Mode::L, &[high, low, ..]) if depth == BitDepth::One => {
            raster.transparent = Some([if high | low == 0 { 0 } else { 255 }; 3]);
        }
        (Mode::L | Mode::I16, &[_, low, ..]) => raster.transparent = Some([low; 3]),
        (Mode::Rgb, &[_, red, _, green, _, blue, ..]) => raster.transparent = Some([red, green, blue]),
        _ => {}
    }
}

/// Chunks that the `png` crate gives in another shape, or not from behind the pixels.
#[derive(Debug, Default)]
struct Chunks<'a> {
    header: Option<&'a [u8]>,
    transparency: Option<&'a [u8]>,
    exif: Option<&'a [u8]>,
    xmp: Option<&'a [u8]>,
    /// Frames of an animation; 0 where there is none.
    frames: u32,
}

impl<'a> Chunks<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        const SIGNATURE: usize = 8;
        let mut chunks = Self::default();
        let mut at = SIGNATURE;
        while let Some(&[l3, l2, l1, l0, a, b, c, d]) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
            let start = at + 8;
            let end = start.saturating_add(u32::from_be_bytes([l3, l2, l1, l0]) as usize);
            let Some(body) = bytes.get(start..end) else { break };
            match &[a, b, c, d] {
                b"IHDR" if chunks.header.is_none() => chunks.header = Some(body),
                b"tRNS" => chunks.transparency = Some(body),
                b"eXIf" => chunks.exif = Some(body),
                b"acTL" => chunks.frames = body.first_chunk().map_or(0, |&count| u32::from_be_bytes(count)),
                b"iTXt" if body.starts_with(b"XML:com.adobe.xmp\0\0") => chunks.xmp = Some(body),
                b"IEND" => break,
                _ => {}
            }
            at = end.saturating_add(4);
        }
        chunks
    }
}
