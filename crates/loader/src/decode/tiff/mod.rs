//! TIFF: the first page, read by Pillow's table of what samples can mean.

mod compression;
mod directory;
mod layout;
mod samples;

use super::jpeg;
use super::raster::Raster;
use super::{DecodeError, FileFormat, MAX_PIXELS, check_size, exif};
use compression::Compression;
use directory::Directory;
use layout::Layout;

const FORMAT: FileFormat = FileFormat::Tiff;

/// Buffers that stay warm from one image to the next.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Samples as the file has them, strips and tiles joined.
    samples: Vec<u8>,
    chunk: Vec<u8>,
    /// A strip with its bits turned round.
    reversed: Vec<u8>,
    /// A strip of JPEG with the tables that it needs, and its pixels.
    file: Vec<u8>,
    pixels: Vec<u8>,
}

pub(super) fn decode(
    bytes: &[u8],
    raster: &mut Raster,
    scratch: &mut Scratch,
    jpeg: &mut jpeg::Scratch,
) -> Result<(), DecodeError> {
    let directory = Directory::first(bytes)?;
    if let (Some(width), Some(height)) = (directory.number(256)?, directory.number(257)?) {
        check_size(width, height)?;
    }
    let layout = Layout::of(&directory)?;
    raster.begin(layout.width, layout.height, layout.mode)?;
    read(&directory, &layout, raster, scratch, jpeg)?;
    samples::convert(&directory, &layout, &scratch.samples, raster)?;
    let stated = directory.number(274).ok().flatten();
    let xmp = directory.bytes_of(700).ok().flatten();
    raster.orientation = match stated {
        Some(value @ 1..=8) => value as u8,
        Some(_) => 1,
        None => exif::orientation(None, xmp),
    };
    raster.turned_always = true;
    raster.animated = directory.more;
    Ok(())
}

/// Where strips or tiles are, and how large.
struct Chunks {
    offsets: Vec<u64>,
    counts: Option<Vec<u64>>,
    width: usize,
    height: usize,
    tiled: bool,
}

impl Chunks {
    fn of(directory: &Directory<'_>, raster: &Raster) -> Result<Self, DecodeError> {
        let missing = |what| DecodeError::corrupt(FORMAT, directory.at, format!("{what} are missing"));
        if let Some(offsets) = directory.numbers(273)? {
            let rows = directory.number(278)?.unwrap_or(u64::MAX).clamp(1, raster.height as u64) as usize;
            let counts = directory.numbers(279)?;
            return Ok(Self { offsets, counts, width: raster.width, height: rows, tiled: false });
        }
        let offsets = directory.numbers(324)?.ok_or_else(|| missing("the offsets of the strips"))?;
        let sides = [directory.number(322)?, directory.number(323)?];
        let [Some(width @ 1..=0xffff), Some(height @ 1..=0xffff)] = sides else {
            return Err(missing("the sizes of the tiles"));
        };
        check_size(width, height)?;
        let (width, height) = (width as usize, height as usize);
        Ok(Self { offsets, counts: directory.numbers(325)?, width, height, tiled: true })
    }
}

/// Decompresses every strip and tile to its place in `scratch.samples`.
fn read(
    directory: &Directory<'_>,
    layout: &Layout,
    raster: &Raster,
    scratch: &mut Scratch,
    jpeg: &mut jpeg::Scratch,
) -> Result<(), DecodeError> {
    let bytes = directory.bytes;
    let truncated = || DecodeError::truncated(FORMAT, bytes);
    let Scratch { samples, chunk, reversed, file, pixels } = scratch;
    let chunks = Chunks::of(directory, raster)?;
    let stride = layout.row(raster.width, layout.samples);
    if (stride * raster.height) as u64 > MAX_PIXELS * 8 {
        return Err(DecodeError::TooLarge { width: layout.width, height: layout.height });
    }
    let (across, down) = (raster.width.div_ceil(chunks.width), raster.height.div_ceil(chunks.height));
    let planes = if layout.planar { layout.samples } else { 1 };
    let in_chunk = layout.samples / planes;
    let needed = across * down * planes;
    if chunks.offsets.len() < needed || chunks.counts.as_ref().is_some_and(|counts| counts.len() < needed) {
        let message = format!("{} strips or tiles in place of {needed}", chunks.offsets.len());
        return Err(DecodeError::corrupt(FORMAT, directory.at, message));
    }
    // Strips that overlap would make a small file take any time.
    let stated = chunks.counts.iter().flatten().take(needed).fold(0_u64, |sum, &count| sum.saturating_add(count));
    if layout.compression != Compression::None && stated > 2 * bytes.len() as u64 {
        return Err(truncated());
    }
    let tile_row = layout.row(chunks.width, in_chunk);
    let step = chunks.width * in_chunk * layout.bits;
    if across > 1 && !step.is_multiple_of(8) {
        return Err(DecodeError::unsupported(FORMAT, "tiles that begin within a byte"));
    }
    let tables = directory.bytes_of(347)?;
    samples.clear();
    samples.resize(stride * raster.height, 0);
    for index in 0..needed {
        let (plane, place) = (index / (across * down), index % (across * down));
        let (left, top) = (place % across, place / across * chunks.height);
        let rows = if chunks.tiled { chunks.height } else { chunks.height.min(raster.height - top) };
        let offset = usize::try_from(chunks.offsets[index]).map_err(|_| truncated())?;
        let size = tile_row * rows;
        let count = match (&chunks.counts, layout.compression) {
            // Pillow does not look at the counts of what is not compressed.
            (_, Compression::None) => size,
            (Some(counts), _) => usize::try_from(counts[index]).map_err(|_| truncated())?,
            (None, _) => bytes.len().saturating_sub(offset),
        };
        let mut data = offset.checked_add(count).and_then(|end| bytes.get(offset..end)).ok_or_else(truncated)?;
        if layout.reversed_bits && layout.compression != Compression::Jpeg {
            reversed.clear();
            reversed.extend(data.iter().map(|byte| byte.reverse_bits()));
            data = reversed;
        }
        chunk.resize(size, 0);
        if layout.compression == Compression::Jpeg {
            strip_of_jpeg(data, tables, layout, (chunks.width, rows), (chunk, file, pixels), jpeg)
                .map_err(|message| DecodeError::corrupt(FORMAT, offset, message))?;
        } else {
            compression::expand(layout.compression, data, chunks.width, chunk)
                .map_err(|message| DecodeError::corrupt(FORMAT, offset, message))?;
        }
        if layout.differences {
            for row in chunk.chunks_exact_mut(tile_row) {
                samples::sum_up(row, layout.bits / 8, in_chunk, directory.order);
            }
        }
        for (row, y) in chunk.chunks_exact(tile_row).zip(top..raster.height) {
            let out = &mut samples[y * stride..][..stride];
            if planes == 1 {
                let start = left * step / 8;
                let used = tile_row.min(stride - start);
                out[start..start + used].copy_from_slice(&row[..used]);
            } else {
                let (size, first) = (layout.bits / 8, left * chunks.width);
                let pixels = out.chunks_exact_mut(size * planes).skip(first);
                for (sample, pixel) in row.chunks_exact(size.max(1)).zip(pixels) {
                    pixel[plane * size..][..size].copy_from_slice(sample);
                }
            }
        }
    }
    Ok(())
}

/// Decodes a strip that is a JPEG of its own, but for the tables that all of them share.
fn strip_of_jpeg(
    data: &[u8],
    tables: Option<&[u8]>,
    layout: &Layout,
    (width, rows): (usize, usize),
    (out, file, pixels): (&mut [u8], &mut Vec<u8>, &mut Vec<u8>),
    scratch: &mut jpeg::Scratch,
) -> Result<(), String> {
    const START: [u8; 2] = [0xff, 0xd8];
    const END: [u8; 2] = [0xff, 0xd9];
    file.clear();
    file.extend(START);
    if let Some(tables) = tables {
        let tables = tables.strip_prefix(&START).unwrap_or(tables);
        file.extend(tables.strip_suffix(&END).unwrap_or(tables));
    }
    file.extend(data.strip_prefix(&START).unwrap_or(data));
    let channels = layout.samples;
    if !matches!(channels, 1 | 3 | 4) || layout.planar || layout.bits != 8 {
        return Err("JPEG of these samples is not supported".to_owned());
    }
    let size = jpeg::decode_strip(file, channels, layout.ycbcr, pixels, scratch).map_err(|error| error.to_string())?;
    if size.0 != width || size.1 < rows {
        return Err(format!("a JPEG of {}x{} pixels as a strip of {width}x{rows}", size.0, size.1));
    }
    let step = if channels == 4 { 4 } else { 3 };
    for (out, pixel) in out.chunks_exact_mut(channels).zip(pixels.chunks_exact(step)) {
        out.copy_from_slice(&pixel[..channels]);
    }
    Ok(())
}
