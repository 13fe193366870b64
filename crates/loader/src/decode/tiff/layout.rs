//! What a directory says of its samples, by the table that Pillow reads TIFF with (`OPEN_INFO`).

use super::compression::Compression;
use super::directory::Directory;
use super::{DecodeError, FORMAT};
use crate::decode::raster::Mode;

/// How samples lie, and what becomes of them.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) width: u64,
    pub(super) height: u64,
    pub(super) compression: Compression,
    /// Bits a sample.
    pub(super) bits: usize,
    /// Samples a pixel as stored.
    pub(super) samples: usize,
    pub(super) format: SampleFormat,
    pub(super) mode: Mode,
    /// 0 is white.
    pub(super) inverted: bool,
    /// Colours have been multiplied with their opacity.
    pub(super) premultiplied: bool,
    /// Samples of a pixel lie in planes of their own.
    pub(super) planar: bool,
    /// Each sample is the difference from the one before it in the row.
    pub(super) differences: bool,
    /// Bits of a byte are stored in reverse.
    pub(super) reversed_bits: bool,
    /// JPEG data are of YCbCr.
    pub(super) ycbcr: bool,
}

/// What the bits of a sample are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SampleFormat {
    Unsigned,
    Signed,
    Float,
}

impl Layout {
    pub(super) fn of(directory: &Directory<'_>) -> Result<Self, DecodeError> {
        let unsupported = |message: String| DecodeError::unsupported(FORMAT, message);
        let number = |tag, default| Ok::<u64, DecodeError>(directory.number(tag)?.unwrap_or(default));
        let side = |tag| {
            directory
                .number(tag)?
                .ok_or_else(|| DecodeError::corrupt(FORMAT, directory.at, format!("tag {tag} is missing")))
        };
        let (width, height) = (side(256)?, side(257)?);
        let compression = Compression::of(number(259, 1)?).map_err(unsupported)?;
        if compression == Compression::Group3 && number(292, 0)? & 1 != 0 {
            return Err(unsupported("two-dimensional CCITT Group 3 compression".to_owned()));
        }
        let photometric = number(262, 0)?;
        let planar = number(284, 1)? == 2;
        let mut samples = number(277, 1)?;
        let mut extra = directory.numbers(338)?.unwrap_or_default();
        if planar && !extra.is_empty() && extra.iter().all(|&kind| kind == 0) {
            samples = samples.saturating_sub(extra.len() as u64);
            extra.clear();
        }
        let depths = directory.numbers(258)?.unwrap_or_else(|| vec![1]);
        let bits = depths[0];
        if !(1..=6).contains(&samples) || depths.iter().take(samples as usize).any(|&other| other != bits) {
            return Err(unsupported(format!("{samples} samples a pixel of {depths:?} bits")));
        }
        let formats = directory.numbers(339)?.unwrap_or_else(|| vec![1]);
        let format = match formats[0] {
            _ if formats.iter().any(|&other| other != formats[0]) => None,
            1 | 4 => Some(SampleFormat::Unsigned),
            2 => Some(SampleFormat::Signed),
            3 => Some(SampleFormat::Float),
            _ => None,
        };
        let described = || {
            let pixels = format!("photometric interpretation {photometric}, {samples} samples of {bits} bits");
            unsupported(format!("{pixels}, sample format {}, extra samples {extra:?}", formats[0]))
        };
        let format = format.ok_or_else(described)?;
        let ycbcr = photometric == 6;
        let mode = match (photometric, ycbcr && compression != Compression::Jpeg) {
            // Subsampled, and in colours of its own.
            (_, true) if samples != 1 => None,
            _ => mode(photometric, samples, bits, format, directory.order.big_endian, &extra),
        };
        let mode = mode.ok_or_else(described)?;
        let differences = match number(317, 1)? {
            _ if matches!(compression, Compression::None | Compression::Jpeg | Compression::PackBits) => false,
            1 => false,
            2 if matches!(bits, 8 | 16 | 32) => true,
            other => return Err(unsupported(format!("predictor {other} of {bits} bits"))),
        };
        Ok(Self {
            width,
            height,
            compression,
            bits: bits as usize,
            samples: samples as usize,
            format,
            mode,
            inverted: photometric == 0 && mode == Mode::L && format == SampleFormat::Unsigned,
            premultiplied: extra.first() == Some(&1),
            planar: planar && samples > 1,
            differences,
            reversed_bits: number(266, 1)? == 2,
            ycbcr,
        })
    }

    /// Bytes of a row of so many pixels of so many samples.
    pub(super) fn row(&self, width: usize, samples: usize) -> usize {
        (width * samples * self.bits).div_ceil(8)
    }
}

fn mode(photometric: u64, samples: u64, bits: u64, format: SampleFormat, big: bool, extra: &[u64]) -> Option<Mode> {
    use SampleFormat::{Float, Signed, Unsigned};
    // Opacity is the first of the extra samples; others mean nothing.
    let extra = match extra {
        [first, others @ ..] if others.iter().all(|&other| other == 0) => Some(*first),
        [_, ..] => return None,
        [] => None,
    };
    Some(match (photometric, samples, bits, format, extra) {
        (0 | 1, 1, 1 | 2 | 4 | 8, Unsigned, None) | (1, 1, 8, Signed, None) | (6, 1, 8, Unsigned, None) => Mode::L,
        (0, 1, 16, Unsigned, None) if !big => Mode::I16,
        (1, 1, 16, Unsigned, None) => {
            if big {
                Mode::I16Big
            } else {
                Mode::I16
            }
        }
        (1, 1, 16, Signed, None) => Mode::I32From16,
        (1, 1, 32, Unsigned | Signed, None) => Mode::I32,
        (0 | 1, 1, 32, Float, None) => Mode::L,
        (1, 2, 8, Unsigned, Some(0)) => Mode::L,
        (1, 2, 8, Unsigned, Some(1 | 2)) => Mode::La,
        (2, 3, 8 | 16, Unsigned, None) | (2, 4..=6, 8 | 16, Unsigned, Some(0)) => Mode::Rgb,
        (2, 4, 8 | 16, Unsigned, None) | (2, 4..=6, 8 | 16, Unsigned, Some(1 | 2 | 999)) => Mode::Rgba,
        (3, 1, 1 | 2 | 4 | 8, Unsigned, None) | (3, 2, 8, Unsigned, Some(0)) => Mode::Palette,
        (5, 4, 8 | 16, Unsigned, None) | (5, 5 | 6, 8, Unsigned, Some(0)) => Mode::Cmyk,
        (6, 3, 8, Unsigned, None) => Mode::Rgb,
        _ => return None,
    })
}
