//! A strip's or tile's bytes, decompressed.

use std::io::Read;

use flate2::read::ZlibDecoder;
use weezl::{BitOrder, LzwStatus};

/// How strips are compressed (tag 259).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Group3,
    Group4,
    Lzw,
    Jpeg,
    Deflate,
    PackBits,
}

impl Compression {
    /// What a file says, or the name of what is not supported.
    pub(super) fn of(code: u64) -> Result<Self, String> {
        let name = match code {
            1 => return Ok(Self::None),
            3 => return Ok(Self::Group3),
            4 => return Ok(Self::Group4),
            5 => return Ok(Self::Lzw),
            7 => return Ok(Self::Jpeg),
            8 | 32_946 => return Ok(Self::Deflate),
            32_773 => return Ok(Self::PackBits),
            2 => "CCITT run-length",
            6 => "old-style JPEG",
            34_925 => "LZMA",
            50_000 => "Zstandard",
            50_001 => "WebP",
            other => return Err(format!("compression method {other}")),
        };
        Err(format!("{name} compression"))
    }
}

/// Fills `out`, whose rows have `width` pixels in the case of facsimiles; JPEG is not decoded here.
pub(super) fn expand(compression: Compression, data: &[u8], width: usize, out: &mut [u8]) -> Result<(), String> {
    let done = match compression {
        Compression::None | Compression::Jpeg => copy(data, out),
        Compression::PackBits => pack_bits(data, out),
        Compression::Lzw => lzw(data, out)?,
        Compression::Deflate => {
            let mut decoder = ZlibDecoder::new(data);
            return decoder.read_exact(out).map_err(|error| format!("deflated data: {error}"));
        }
        Compression::Group3 | Compression::Group4 => facsimile(compression, data, width, out)?,
    };
    if done < out.len() { Err(format!("a strip of {done} bytes in place of {}", out.len())) } else { Ok(()) }
}

fn copy(data: &[u8], out: &mut [u8]) -> usize {
    let count = data.len().min(out.len());
    out[..count].copy_from_slice(&data[..count]);
    count
}

fn pack_bits(mut data: &[u8], out: &mut [u8]) -> usize {
    let mut done = 0;
    while let ([control, rest @ ..], true) = (data, done < out.len()) {
        let left = out.len() - done;
        data = match *control {
            count @ 0..=127 => {
                let count = (usize::from(count) + 1).min(rest.len());
                done += copy(&rest[..count], &mut out[done..]);
                &rest[count..]
            }
            128 => rest,
            count @ 129.. => {
                let Some((&value, rest)) = rest.split_first() else { break };
                let count = (257 - usize::from(count)).min(left);
                out[done..done + count].fill(value);
                done += count;
                rest
            }
        };
    }
    done
}

fn lzw(mut data: &[u8], out: &mut [u8]) -> Result<usize, String> {
    if matches!(data, [0, 1, ..]) {
        return Err("LZW of the old kind is not supported".to_owned());
    }
    let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8);
    let mut done = 0;
    while done < out.len() {
        let step = decoder.decode_bytes(data, &mut out[done..]);
        data = &data[step.consumed_in..];
        done += step.consumed_out;
        match step.status {
            Ok(LzwStatus::Ok) => {}
            Ok(LzwStatus::Done | LzwStatus::NoProgress) => break,
            Err(error) => return Err(format!("LZW data: {error}")),
        }
    }
    Ok(done)
}

fn facsimile(compression: Compression, data: &[u8], width: usize, out: &mut [u8]) -> Result<usize, String> {
    let columns = u16::try_from(width).map_err(|_| format!("a facsimile {width} pixels wide"))?;
    let stride = width.div_ceil(8);
    let mut done = 0;
    let mut line = |changes: &[u16]| {
        let Some(row) = out.get_mut(done..done + stride) else { return };
        row.fill(0);
        // Runs of white and black in turn, white first; black is 1.
        for run in changes.chunks(2) {
            let [start, end] = [run[0], *run.get(1).unwrap_or(&columns)].map(|place| usize::from(place).min(width));
            for x in start..end.max(start) {
                row[x / 8] |= 0x80 >> (x % 8);
            }
        }
        done += stride;
    };
    let input = data.iter().copied();
    // What is missing is seen by the number of rows.
    let _ = match compression {
        Compression::Group4 => fax::decoder::decode_g4(input, columns, None, &mut line),
        // The last line may have no mark after it.
        _ => fax::decoder::decode_g3(input.chain([0, 1]), &mut line),
    };
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of Apple's technical note 1023, which TIFF 6.0 refers to.
    #[test]
    fn packed_bits_are_unpacked() {
        let packed =
            [0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x03, 0x80, 0x00, 0x2a, 0x22, 0xf7, 0xaa, 0x80, 0x01];
        let mut out = [0; 24];
        expand(Compression::PackBits, &packed, 0, &mut out).unwrap();
        let head = [0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0x22];
        assert_eq!(out[..14], head);
        assert_eq!(out[14..], [0xaa; 10]);
        assert!(expand(Compression::PackBits, &packed[..10], 0, &mut out).is_err());
    }

    #[test]
    fn data_that_ends_early_is_an_error() {
        for compression in [Compression::None, Compression::Lzw, Compression::Deflate, Compression::Group4] {
            let error = expand(compression, &[0x80], 8, &mut [0; 4]).unwrap_err();
            assert!(!error.is_empty(), "{compression:?}");
        }
    }
}
