//! Marker segments (T.81 annex B).

use super::Unusual;
use super::bits::next_marker;
use super::color::ColorSpace;
use super::frame::{Frame, PerChannel};
use super::huffman::Huffman;

/// The order in which coefficients are coded: natural index of each.
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// Tables in force, which later segments may replace.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// In natural order.
    pub(super) quantization: [Option<[i32; 64]>; 4],
    pub(super) dc: [Option<Huffman>; 4],
    pub(super) ac: [Option<Huffman>; 4],
    /// Those of the last file, DC and AC: the next often has the same.
    warm: [[Option<Huffman>; 4]; 2],
    /// Units between restart markers; 0: none.
    pub(super) restart_interval: usize,
}

impl Tables {
    /// Begins a file, in which none is defined.
    pub(super) fn reset(&mut self) {
        let warm = std::mem::take(&mut self.warm);
        let Self { dc, ac, .. } = std::mem::take(self);
        let [warm_dc, warm_ac] = warm;
        let merge = |last: [Option<Huffman>; 4], older: [Option<Huffman>; 4]| {
            let mut older = older.into_iter();
            last.map(|table| table.or(older.next().flatten()))
        };
        self.warm = [merge(dc, warm_dc), merge(ac, warm_ac)];
    }

    fn define(&mut self, class: u8, counts: &[u8; 16], symbols: &[u8]) -> Result<(), Unusual> {
        let (slots, warm) = match class >> 4 {
            0 => (&mut self.dc, &mut self.warm[0]),
            1 => (&mut self.ac, &mut self.warm[1]),
            _ => return Err(Unusual),
        };
        let place = usize::from(class & 15);
        let slot = slots.get_mut(place).ok_or(Unusual)?;
        *slot = Some(match slot.take().or_else(|| warm[place].take()) {
            Some(mut table) => {
                table.set(counts, symbols)?;
                table
            }
            None => Huffman::new(counts, symbols)?,
        });
        Ok(())
    }
}

/// A segment that something has to be done about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// [`Headers::frame`] is there.
    Frame,
    /// A scan whose header begins here.
    Scan(usize),
    End,
}

/// Walks over the segments of a file.
#[derive(Debug)]
pub(super) struct Headers<'a> {
    bytes: &'a [u8],
    at: usize,
    pub(super) frame: Option<Frame>,
    pub(super) tables: Tables,
    jfif: bool,
    /// The colour transform that an Adobe segment states.
    adobe: Option<u8>,
    /// Stray bytes between segments are passed over.
    lenient: bool,
    /// The frame is of a kind that is not decoded here.
    pub(super) exotic: bool,
}

impl<'a> Headers<'a> {
    pub(super) fn new(bytes: &'a [u8], lenient: bool) -> Self {
        let tables = Tables::default();
        Self { bytes, at: 2, frame: None, tables, jfif: false, adobe: None, lenient, exotic: false }
    }

    pub(super) fn next(&mut self) -> Result<Segment, Unusual> {
        loop {
            if self.lenient {
                self.at = next_marker(self.bytes, self.at);
            }
            let [0xff, marker] = *self.bytes.get(self.at..self.at + 2).ok_or(Unusual)? else { return Err(Unusual) };
            match marker {
                0xff => {
                    self.at += 1;
                    continue;
                }
                0x01 | 0xd0..=0xd7 if self.lenient => {
                    self.at += 2;
                    continue;
                }
                0xd9 => return Ok(Segment::End),
                0x01 | 0xd0..=0xd8 => return Err(Unusual),
                _ => {}
            }
            let start = self.at + 4;
            let length = self.bytes.get(self.at + 2..start).ok_or(Unusual)?;
            let end = self.at + 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
            let body = self.bytes.get(start..end).ok_or(Unusual)?;
            match marker {
                0xc0..=0xc2 => {
                    self.start_frame(marker == 0xc2, body)?;
                    self.at = end;
                    return Ok(Segment::Frame);
                }
                0xc4 => self.huffman_tables(body)?,
                0xda => return Ok(Segment::Scan(start)),
                0xdb => self.quantization_tables(body)?,
                0xdd => {
                    let [high, low] = *body else { return Err(Unusual) };
                    self.tables.restart_interval = u16::from_be_bytes([high, low]).into();
                }
                0xe0 => self.jfif |= body.starts_with(b"JFIF\0"),
                0xee if body.starts_with(b"Adobe") && body.len() >= 12 => self.adobe = Some(body[11]),
                0xe1..=0xef | 0xfe => {}
                // The number of lines, if it was not known before.
                0xdc if self.lenient => {}
                // Lossless, hierarchical and arithmetic frames, and what nobody knows.
                _ => {
                    self.exotic |= matches!(marker, 0xc3..=0xcf);
                    return Err(Unusual);
                }
            }
            self.at = end;
        }
    }

    /// Whether damage is passed over.
    pub(super) fn is_lenient(&self) -> bool {
        self.lenient
    }

    /// The marker that is next, or at fault.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Continues after a scan's data.
    pub(super) fn go_on_at(&mut self, at: usize) {
        self.at = at;
    }

    /// What the samples mean, by libjpeg's rules (`default_decompress_parms`).
    pub(super) fn color_space(&self) -> Result<ColorSpace, Unusual> {
        let ids: PerChannel<u8> =
            self.frame.as_ref().ok_or(Unusual)?.components.iter().map(|component| component.id).collect();
        Ok(match (ids.len(), self.adobe) {
            (1, _) => ColorSpace::Grey,
            (3, _) if self.jfif => ColorSpace::YCbCr,
            (3, Some(0)) => ColorSpace::Rgb,
            (3, None) if ids[..] == *b"RGB" => ColorSpace::Rgb,
            (3, _) => ColorSpace::YCbCr,
            (4, None | Some(0)) => ColorSpace::Cmyk,
            (4, Some(_)) => ColorSpace::Ycck,
            _ => return Err(Unusual),
        })
    }

    fn start_frame(&mut self, progressive: bool, body: &[u8]) -> Result<(), Unusual> {
        let &[bits, y1, y0, x1, x0, count, ref components @ ..] = body else { return Err(Unusual) };
        self.exotic |= bits != 8 || (y1, y0) == (0, 0);
        if self.exotic {
            return Err(Unusual);
        }
        if self.frame.is_some() || components.len() != usize::from(count) * 3 {
            return Err(Unusual);
        }
        let components: PerChannel<_> = components
            .as_chunks::<3>()
            .0
            .iter()
            .map(|&[id, sampling, table]| {
                (id, usize::from(sampling >> 4), usize::from(sampling & 15), usize::from(table))
            })
            .collect();
        let [height, width] = [[y1, y0], [x1, x0]].map(|bytes| usize::from(u16::from_be_bytes(bytes)));
        self.frame = Some(Frame::new(width, height, progressive, &components)?);
        Ok(())
    }

    fn huffman_tables(&mut self, mut body: &[u8]) -> Result<(), Unusual> {
        while let Some((&class, rest)) = body.split_first() {
            let counts = rest.first_chunk::<16>().ok_or(Unusual)?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let symbols = rest[16..].get(..total).ok_or(Unusual)?;
            self.tables.define(class, counts, symbols)?;
            body = &rest[16 + total..];
        }
        Ok(())
    }

    fn quantization_tables(&mut self, mut body: &[u8]) -> Result<(), Unusual> {
        while let Some((&kind, rest)) = body.split_first() {
            let mut table = [0; 64];
            let size = match kind >> 4 {
                0 => 1,
                1 => 2,
                _ => return Err(Unusual),
            };
            let values = rest.get(..64 * size).ok_or(Unusual)?;
            for (value, &natural) in values.chunks_exact(size).zip(&ZIGZAG) {
                table[usize::from(natural)] = value.iter().fold(0, |value, &byte| value << 8 | i32::from(byte));
            }
            *self.tables.quantization.get_mut(usize::from(kind & 15)).ok_or(Unusual)? = Some(table);
            body = &rest[64 * size..];
        }
        Ok(())
    }
}
