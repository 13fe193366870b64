//! Scans of baseline and extended frames that keep to the rules: each interval without its stuffing, symbols and
//! values by one look-up, blocks transformed two at a time. Whatever is not in order is left to
//! [`sequential`](super::sequential), which reads it bit by bit.

mod block;
mod queue;

use super::Unusual;
use super::frame::{BLOCK, Component};
use super::idct;
use super::partial::reach;
use super::unstuffed::{self, Bits};
#[cfg(target_arch = "x86_64")]
use crate::cpu::Bmi2;
pub(super) use block::Codes;
use block::{Keep, Places, pass_over, places, take};
use queue::{QUEUE, Queue};

/// Blocks of a unit are no more.
pub(super) const MAX_UNIT: usize = 10;

/// A block of a unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<'a> {
    pub(super) component: usize,
    pub(super) codes: Codes<'a>,
    /// Place of the first one, in blocks, and how far the next units' are.
    pub(super) place: (usize, usize),
    pub(super) step: (usize, usize),
}

/// The units of a scan.
#[derive(Debug)]
pub(super) struct Units<'a> {
    /// In their order, as many as there are.
    pub(super) slots: &'a [Option<Slot<'a>>; MAX_UNIT],
    /// Across and down.
    pub(super) count: (usize, usize),
    /// Units between restart markers; 0: none.
    pub(super) restart_interval: usize,
    pub(super) components: &'a [Component],
    /// Whether blocks become fewer samples than they have.
    pub(super) is_reduced: bool,
}

/// What two blocks of coefficients are transformed with.
trait Transform: Fn([&[i16; 64]; 2], [&[i16; 64]; 2]) -> [[u8; 64]; 2] {}

impl<F: Fn([&[i16; 64]; 2], [&[i16; 64]; 2]) -> [[u8; 64]; 2]> Transform for F {}

/// Decodes the data that begins at `at` into `planes`; returns where the marker after it is.
pub(super) fn decode(
    units: &Units<'_>,
    source: (&[u8], usize),
    data: &mut Vec<u8>,
    planes: &mut [Vec<u8>],
) -> Result<usize, Unusual> {
    #[cfg(test)]
    if tests::PORTABLE.get() {
        return decode_portable(units, source, data, planes, idct::two_portable);
    }
    #[cfg(target_arch = "x86_64")]
    if Bmi2::detect().is_some() {
        // SAFETY: a `Bmi2` exists only where the processor has the features.
        return unsafe { decode_bmi2(units, source, data, planes) };
    }
    decode_portable(units, source, data, planes, idct::two)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn decode_bmi2(
    units: &Units<'_>,
    source: (&[u8], usize),
    data: &mut Vec<u8>,
    planes: &mut [Vec<u8>],
) -> Result<usize, Unusual> {
    let transform = |quantised: [&[i16; 64]; 2], steps: [&[i16; 64]; 2]| idct::two_avx2(quantised, steps);
    if units.is_reduced {
        return decode_with::<true>(units, source, data, planes, transform);
    }
    decode_with::<false>(units, source, data, planes, transform)
}

fn decode_portable(
    units: &Units<'_>,
    source: (&[u8], usize),
    data: &mut Vec<u8>,
    planes: &mut [Vec<u8>],
    transform: impl Transform,
) -> Result<usize, Unusual> {
    if units.is_reduced {
        return decode_with::<true>(units, source, data, planes, transform);
    }
    decode_with::<false>(units, source, data, planes, transform)
}

static PLACES: Places = places(64);
static PLACES_OF_SIDE_4: Places = places(reach(4));
static PLACES_OF_SIDE_2: Places = places(reach(2));

/// What is kept of blocks that become so many samples a side.
fn keep(side: usize) -> Keep {
    let places = match side {
        BLOCK => &PLACES,
        4 => &PLACES_OF_SIDE_4,
        _ => &PLACES_OF_SIDE_2,
    };
    Keep { places, reach: reach(side) }
}

#[inline(always)]
fn decode_with<const REDUCED: bool>(
    units: &Units<'_>,
    (bytes, at): (&[u8], usize),
    data: &mut Vec<u8>,
    planes: &mut [Vec<u8>],
    transform: impl Transform,
) -> Result<usize, Unusual> {
    let mut queue = Queue::new(units.components);
    let mut kept = [keep(BLOCK); 4];
    for (kept, component) in kept.iter_mut().zip(units.components) {
        *kept = keep(component.side());
    }
    let (mut length, mut marker) = unstuffed::copy(bytes, at, data);
    let mut bits = Bits::new(data, length);
    let mut predictions = [0; 4];
    let mut number = 0;
    let mut left = if units.restart_interval > 0 { units.restart_interval } else { usize::MAX };
    for y in 0..units.count.1 {
        for x in 0..units.count.0 {
            if left == 0 {
                bits.finish()?;
                if bytes.get(marker..marker + 2) != Some(&[0xff, 0xd0 + number]) {
                    return Err(Unusual);
                }
                (length, marker) = unstuffed::copy(bytes, marker + 2, data);
                bits = Bits::new(data, length);
                predictions = [0; 4];
                number = (number + 1) % 8;
                left = units.restart_interval;
            }
            left -= 1;
            for slot in units.slots.iter().map_while(Option::as_ref) {
                let prediction = &mut predictions[slot.component & 3];
                let place = (slot.place.0 + x * slot.step.0, slot.place.1 + y * slot.step.1);
                if REDUCED {
                    let count = take(&slot.codes, &mut bits, prediction, queue.next()?, kept[slot.component & 3])?;
                    queue.add_reduced(slot.component, place, count, planes)?;
                    continue;
                }
                let part = units.components[slot.component].part.as_ref();
                let is_wanted = part.is_none_or(|part| part.wants(place));
                if !is_wanted && let Some(passed) = pass_over(&slot.codes, &mut bits, prediction) {
                    passed?;
                    continue;
                }
                let all = Keep { places: &PLACES, reach: 64 };
                let count = take(&slot.codes, &mut bits, prediction, queue.next()?, all)?;
                if is_wanted {
                    queue.add(slot.component, place, count, planes)?;
                } else {
                    queue.clear_next()?;
                }
            }
            if queue.length > QUEUE - MAX_UNIT {
                if REDUCED { queue.empty_reduced(planes) } else { queue.empty(planes, &transform) }
            }
        }
    }
    if REDUCED { queue.empty_reduced(planes) } else { queue.empty(planes, &transform) }
    bits.finish()?;
    Ok(marker)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use jpeg_encoder::{ColorType, Encoder, QuantizationTableType, SamplingFactor};

    use super::super::headers::Headers;
    use super::super::{Scratch, decode_exactly};

    thread_local! {
        /// Decoding is to be done without vectors.
        pub(super) static PORTABLE: Cell<bool> = const { Cell::new(false) };
    }

    struct Random(u64);

    impl Random {
        fn below(&mut self, end: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % end
        }
    }

    /// A picture of noise and flat parts, with tables up to those that overflow, in any sampling.
    fn file(random: &mut Random) -> Vec<u8> {
        const SAMPLINGS: [SamplingFactor; 7] = [
            SamplingFactor::F_1_1,
            SamplingFactor::F_2_1,
            SamplingFactor::F_1_2,
            SamplingFactor::F_2_2,
            SamplingFactor::F_4_1,
            SamplingFactor::F_4_2,
            SamplingFactor::F_1_4,
        ];
        let (width, height) = (1 + random.below(90) as usize, 1 + random.below(70) as usize);
        let contrast = [1, 20, 256][random.below(3) as usize];
        let (color, channels) = [(ColorType::Luma, 1), (ColorType::Rgb, 3)][random.below(4).min(1) as usize];
        let pixels: Vec<u8> = (0..width * height * channels)
            .map(|at| ((at / channels % width * 3) as u64 + random.below(contrast)) as u8)
            .collect();
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 1 + random.below(100) as u8);
        encoder.set_sampling_factor(SAMPLINGS[random.below(7) as usize]);
        // The encoder's own tables lack the symbols that only restarts bring.
        match random.below(4) {
            0 => encoder.set_optimized_huffman_tables(true),
            restarts => encoder.set_restart_interval([0, 1, 3][restarts as usize - 1]),
        }
        let mut table =
            || QuantizationTableType::Custom(Box::new(std::array::from_fn(|_| 1 + random.below(60) as u16)));
        encoder.set_quantization_tables(table(), table());
        encoder.encode(&pixels, width as u16, height as u16, color).unwrap();
        // Steps that are not those that the picture was made with.
        if random.below(4) == 0 {
            let at = bytes.windows(2).position(|pair| pair == [0xff, 0xdb]).unwrap();
            bytes[at + 5..at + 69].fill_with(|| random.below(256) as u8);
        }
        bytes
    }

    fn pixels(bytes: &[u8], lenient: bool, scratch: &mut Scratch) -> Option<((usize, usize), Vec<u8>)> {
        let mut out = Vec::new();
        let mut headers = Headers::new(bytes, lenient);
        let found = decode_exactly(bytes, &mut headers, (None, None), &mut out, scratch).ok()?.unwrap();
        Some((found.size, out))
    }

    #[test]
    fn scans_are_decoded_as_bit_by_bit() {
        let mut random = Random(3);
        let mut scratch = Scratch::default();
        for number in 0..400 {
            let bytes = file(&mut random);
            let simple = pixels(&bytes, true, &mut scratch);
            assert!(simple.is_some());
            let strict = pixels(&bytes, false, &mut scratch);
            PORTABLE.set(true);
            let portable = pixels(&bytes, false, &mut scratch);
            PORTABLE.set(false);
            assert!(strict == simple, "{number}");
            assert!(portable == simple, "{number}, without vectors");
        }
    }

    // What is not refused is what the other would have made of it.
    #[test]
    fn damage_is_refused_or_of_no_account() {
        let mut random = Random(5);
        let mut scratch = Scratch::default();
        let mut refused = 0;
        for number in 0..2_000 {
            let mut bytes = file(&mut random);
            let header = bytes.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
            let scan = header + 2 + usize::from(bytes[header + 3]);
            let at = scan + random.below((bytes.len() - scan) as u64) as usize;
            bytes[at] = random.below(256) as u8;
            match pixels(&bytes, false, &mut scratch) {
                Some(strict) => assert!(Some(strict) == pixels(&bytes, true, &mut scratch), "{number}"),
                None => refused += 1,
            }
        }
        assert!((200..1_800).contains(&refused), "{refused}");
    }
}
