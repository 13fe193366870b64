//! Changes that a JPEG decoder sees as such: markers, sizes, tables, scans.

use std::ops::Range;

use crate::mutation::{Dice, overwrite};

/// `FF`, a marker, two bytes of length, and what belongs to it.
struct Segment {
    marker: u8,
    /// From the `FF` to the end.
    all: Range<usize>,
}

impl Segment {
    fn payload(&self) -> Range<usize> {
        (self.all.start + 4).min(self.all.end)..self.all.end
    }
}

/// Those up to the first scan's data; in a file with several scans those between them too.
fn segments(bytes: &[u8]) -> Vec<Segment> {
    let mut found = Vec::new();
    let mut at = 2;
    while let Some(&[first, marker, high, low]) = bytes.get(at..at + 4) {
        let is_segment = first == 0xFF && matches!(marker, 0xC0..=0xCF | 0xDA..=0xFE);
        if !is_segment {
            at += 1;
            continue;
        }
        let end = (at + 2 + usize::from(u16::from_be_bytes([high, low]))).min(bytes.len());
        found.push(Segment { marker, all: at..end.max(at + 4) });
        at = end.max(at + 4);
    }
    found
}

fn of<'a>(segments: &'a [Segment], markers: &[u8], dice: &mut Dice) -> Option<&'a Segment> {
    let fitting: Vec<_> = segments.iter().filter(|segment| markers.contains(&segment.marker)).collect();
    (!fitting.is_empty()).then(|| *dice.pick(&fitting))
}

const FRAMES: [u8; 8] = [0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC9, 0xCA, 0xCB];

pub(crate) fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let segments = segments(bytes);
    match dice.below(9) {
        0 => size(bytes, &segments, dice),
        1 => frame(bytes, &segments, dice),
        2 => tables(bytes, &segments, dice),
        3 => scan(bytes, &segments, dice),
        4 => restart_interval(bytes, &segments, dice),
        5 => segment_moves(bytes, &segments, dice),
        6 => markers_in_data(bytes, &segments, dice),
        7 => length(bytes, &segments, dice),
        _ => data(bytes, &segments, dice),
    }
}

/// Another width or height.
fn size(bytes: &mut [u8], segments: &[Segment], dice: &mut Dice) {
    if let Some(frame) = of(segments, &FRAMES, dice) {
        let at = frame.payload().start + 1 + 2 * dice.below(2);
        put(bytes, at, &dice.odd_u16().to_be_bytes());
    }
}

/// Another process, precision, number of components, sampling or table.
fn frame(bytes: &mut [u8], segments: &[Segment], dice: &mut Dice) {
    let Some(frame) = of(segments, &FRAMES, dice) else { return };
    let payload = frame.payload();
    match dice.below(4) {
        0 => put(bytes, frame.all.start + 1, &[*dice.pick(&FRAMES)]),
        1 => put(bytes, payload.start, &[*dice.pick(&[2, 8, 12, 16])]),
        2 => put(bytes, payload.start + 5, &[*dice.pick(&[0, 1, 2, 3, 4, 5, 255])]),
        _ => {
            let component = payload.start + 6 + 3 * dice.below(4);
            let sampling = *dice.pick(&[0x11, 0x12, 0x21, 0x22, 0x41, 0x14, 0x44, 0x31, 0x13, 0x33, 0x10, 0x01, 0x55]);
            let [name, table] = [dice.odd_byte(), *dice.pick(&[0, 1, 2, 3, 4])];
            let (offset, value) = *dice.pick(&[(1, sampling), (1, sampling), (0, name), (2, table)]);
            put(bytes, component + offset, &[value]);
        }
    }
}

/// Other Huffman or quantisation tables: too many codes, too long ones, values that are none, divisors of zero.
fn tables(bytes: &mut [u8], segments: &[Segment], dice: &mut Dice) {
    let Some(table) = of(segments, &[0xC4, 0xC4, 0xDB, 0xCC], dice) else { return };
    let payload = table.payload();
    if payload.is_empty() {
        return;
    }
    if dice.below(2) == 0 {
        let lengths = payload.start..(payload.start + 17).min(payload.end);
        for _ in 0..=dice.below(4) {
            let at = lengths.start + dice.below(lengths.len());
            bytes[at] = if dice.below(2) == 0 { dice.odd_byte() } else { dice.below(5) as u8 };
        }
    } else {
        overwrite(&mut bytes[payload], dice);
    }
}

/// Another component, table, band of coefficients or bit.
fn scan(bytes: &mut [u8], segments: &[Segment], dice: &mut Dice) {
    let Some(scan) = of(segments, &[0xDA], dice) else { return };
    let payload = scan.payload();
    if payload.len() < 4 {
        return;
    }
    let value = if dice.below(2) == 0 { dice.odd_byte() } else { dice.below(64) as u8 };
    let at =
        if dice.below(2) == 0 { payload.end - 1 - dice.below(3) } else { payload.start + dice.below(payload.len()) };
    put(bytes, at, &[value]);
}

/// A restart interval where there was none, or another one.
fn restart_interval(bytes: &mut Vec<u8>, segments: &[Segment], dice: &mut Dice) {
    let interval = if dice.below(2) == 0 { 1 + dice.below(9) as u16 } else { dice.odd_u16() }.to_be_bytes();
    match of(segments, &[0xDD], dice) {
        Some(old) => put(bytes, old.payload().start, &interval),
        None => {
            let before = of(segments, &[0xDA, 0xC0, 0xC2], dice).map_or(2, |segment| segment.all.start);
            let before = before.min(bytes.len());
            bytes.splice(before..before, [0xFF, 0xDD, 0, 4, interval[0], interval[1]]);
        }
    }
}

/// A segment less, twice, or somewhere else.
fn segment_moves(bytes: &mut Vec<u8>, segments: &[Segment], dice: &mut Dice) {
    if segments.is_empty() {
        return;
    }
    let segment = dice.pick(segments).all.clone();
    let to = dice.pick(segments).all.start;
    let copy = bytes[segment.clone()].to_vec();
    match dice.below(3) {
        0 => drop(bytes.drain(segment)),
        1 => drop(bytes.splice(to..to, copy)),
        _ => {
            bytes.drain(segment);
            let to = to.min(bytes.len());
            bytes.splice(to..to, copy);
        }
    }
}

/// Restarts, ends, fill bytes and other markers among a scan's data.
fn markers_in_data(bytes: &mut Vec<u8>, segments: &[Segment], dice: &mut Dice) {
    for _ in 0..=dice.below(3) {
        let at = place_in_data(bytes, segments, dice);
        let marker = *dice.pick(&[0xD0, 0xD1, 0xD3, 0xD7, 0xD8, 0xD9, 0xDA, 0xC4, 0xDC, 0xFF, 0x00, 0x01]);
        if dice.below(2) == 0 {
            bytes.splice(at..at, [0xFF, marker]);
        } else {
            put(bytes, at, &[0xFF, marker]);
        }
    }
}

/// A segment that says that it is longer or shorter than it is.
fn length(bytes: &mut [u8], segments: &[Segment], dice: &mut Dice) {
    if !segments.is_empty() {
        let at = dice.pick(segments).all.start + 2;
        put(bytes, at, &dice.odd_u16().to_be_bytes());
    }
}

/// Other bits in a scan.
fn data(bytes: &mut [u8], segments: &[Segment], dice: &mut Dice) {
    for _ in 0..1 << dice.below(5) {
        let at = place_in_data(bytes, segments, dice);
        put(bytes, at, &[dice.odd_byte()]);
    }
}

fn place_in_data(bytes: &[u8], segments: &[Segment], dice: &mut Dice) -> usize {
    let start = of(segments, &[0xDA], dice).map_or(0, |scan| scan.all.end.min(bytes.len()));
    start + dice.below((bytes.len() - start).max(1))
}

/// Writes as far as there are bytes.
fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    for (byte, new) in bytes.iter_mut().skip(at).zip(new) {
        *byte = *new;
    }
}
