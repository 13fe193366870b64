//! Scans of baseline and extended frames that keep to the rules: each interval without its stuffing, symbols and
//! values by one look-up, blocks transformed two at a time. Whatever is not in order is left to
//! [`sequential`](super::sequential), which reads it bit by bit.

use super::Unusual;
use super::frame::{BLOCK, Component};
use super::headers::ZIGZAG;
use super::huffman::Huffman;
use super::idct;
use super::unstuffed::{self, Bits};
#[cfg(target_arch = "x86_64")]
use crate::cpu::Bmi2;

/// Blocks of a unit are no more.
pub(super) const MAX_UNIT: usize = 10;

/// The largest difference of first coefficients has so many bits.
const MAX_DC_SIZE: u32 = 11;

/// The natural index of each coefficient, and of those that a run may point to past the last.
const PLACES: [u8; 64 + 16] = {
    let mut places = [63; 64 + 16];
    let mut at = 0;
    while at < 64 {
        places[at] = ZIGZAG[at];
        at += 1;
    }
    places
};

/// A block of a unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<'a> {
    pub(super) component: usize,
    pub(super) dc: &'a Huffman,
    pub(super) ac: &'a Huffman,
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
}

/// What two blocks of coefficients are transformed with.
trait Transform: Fn([&[i16; 64]; 2], [&[i16; 64]; 2]) -> [[u8; 64]; 2] {}

impl<F: Fn([&[i16; 64]; 2], [&[i16; 64]; 2]) -> [[u8; 64]; 2]> Transform for F {}

/// Decodes the data that begins at `at` into `planes`; returns where the marker after it is.
pub(super) fn decode(
    units: &Units<'_>,
    (bytes, at): (&[u8], usize),
    data: &mut Vec<u8>,
    planes: &mut [Vec<u8>],
) -> Result<usize, Unusual> {
    #[cfg(test)]
    if tests::PORTABLE.get() {
        return decode_with(units, (bytes, at), data, planes, idct::two_portable);
    }
    #[cfg(target_arch = "x86_64")]
    if Bmi2::detect().is_some() {
        // SAFETY: a `Bmi2` exists only where the processor has the features.
        return unsafe { decode_bmi2(units, (bytes, at), data, planes) };
    }
    decode_with(units, (bytes, at), data, planes, idct::two)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn decode_bmi2(
    units: &Units<'_>,
    source: (&[u8], usize),
    data: &mut Vec<u8>,
    planes: &mut [Vec<u8>],
) -> Result<usize, Unusual> {
    decode_with(units, source, data, planes, |quantised, steps| idct::two_avx2(quantised, steps))
}

#[inline(always)]
fn decode_with(
    units: &Units<'_>,
    (bytes, at): (&[u8], usize),
    data: &mut Vec<u8>,
    planes: &mut [Vec<u8>],
    transform: impl Transform,
) -> Result<usize, Unusual> {
    let mut queue = Queue::new(units.components)?;
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
                let block = &mut queue.blocks[queue.length];
                let is_flat = block_of(slot, &mut bits, &mut predictions[slot.component & 3], block)?;
                let (column, row) = (slot.place.0 + x * slot.step.0, slot.place.1 + y * slot.step.1);
                let part = units.components[slot.component].part.as_ref();
                if part.is_none_or(|part| part.wants((column, row))) {
                    queue.add(slot.component, (column, row), is_flat, planes);
                } else {
                    *block = [0; 64];
                }
            }
            if queue.length > QUEUE - MAX_UNIT {
                queue.empty(planes, &transform);
            }
        }
    }
    queue.empty(planes, &transform);
    bits.finish()?;
    Ok(marker)
}

/// Adds a block's coefficients to zeros; says whether there is but the first.
#[inline(always)]
fn block_of(
    slot: &Slot<'_>,
    bits: &mut Bits<'_>,
    prediction: &mut i32,
    block: &mut [i16; 64],
) -> Result<bool, Unusual> {
    bits.refill()?;
    let entry = slot.dc.entry(bits.peek())?;
    if entry.size() > 0 {
        if entry.size() > MAX_DC_SIZE {
            return Err(Unusual);
        }
        *prediction = prediction.wrapping_add(entry.value(bits.peek()));
    }
    bits.skip(entry.total());
    block[0] = *prediction as i16;
    let mut at = 1;
    // What is loaded is enough for two symbols and their values.
    loop {
        if coefficient(slot.ac, bits, &mut at, block)? {
            break;
        }
        bits.refill()?;
        if coefficient(slot.ac, bits, &mut at, block)? {
            break;
        }
    }
    if at <= 64 { Ok(at == 1) } else { Err(Unusual) }
}

/// Takes the next coefficient that is not zero; says whether the block ends here.
#[inline(always)]
fn coefficient(ac: &Huffman, bits: &mut Bits<'_>, at: &mut usize, block: &mut [i16; 64]) -> Result<bool, Unusual> {
    let entry = ac.entry(bits.peek())?;
    if entry.is_special() {
        if entry.size() > 0 {
            return Err(Unusual);
        }
        bits.skip(entry.total());
        if entry.run() < 15 {
            return Ok(true);
        }
        *at += 16;
    } else {
        let place = *at + entry.run();
        block[usize::from(PLACES[place])] = entry.value(bits.peek()) as i16;
        bits.skip(entry.total());
        *at = place + 1;
    }
    Ok(*at > 63)
}

/// How many blocks wait at most.
const QUEUE: usize = 32;

/// Blocks that wait for their transform: what has just been written is not yet to be read as vectors.
#[derive(Debug)]
struct Queue {
    /// Zeros from `length` on.
    blocks: [[i16; 64]; QUEUE],
    /// Component, and where in its plane.
    targets: [(usize, usize); QUEUE],
    length: usize,
    quantization: [[i16; 64]; 4],
    strides: [usize; 4],
}

impl Queue {
    fn new(components: &[Component]) -> Result<Self, Unusual> {
        let (mut quantization, mut strides) = ([[0; 64]; 4], [0; 4]);
        for ((component, steps), stride) in components.iter().zip(&mut quantization).zip(&mut strides) {
            // Components that are not in the scan may not have one yet.
            if let Some(table) = &component.quantization {
                *steps = table.map(|step| step as i16);
            }
            *stride = component.blocks.0 * BLOCK;
        }
        Ok(Self { blocks: [[0; 64]; QUEUE], targets: [(0, 0); QUEUE], length: 0, quantization, strides })
    }

    /// Takes the block that has been written behind the last; a flat one is put in its place at once.
    #[inline(always)]
    fn add(&mut self, component: usize, place: (usize, usize), is_flat: bool, planes: &mut [Vec<u8>]) {
        let stride = self.strides[component & 3];
        let at = place.1 * BLOCK * stride + place.0 * BLOCK;
        if is_flat {
            let first = &mut self.blocks[self.length][0];
            let dequantised = first.wrapping_mul(self.quantization[component & 3][0]);
            *first = 0;
            idct::flat(dequantised.into(), &mut planes[component][at..], stride);
        } else {
            self.targets[self.length] = (component, at);
            self.length += 1;
        }
    }

    #[inline(always)]
    fn empty(&mut self, planes: &mut [Vec<u8>], transform: &impl Transform) {
        // One that is left over goes with zeros.
        let pairs = self.blocks.as_chunks_mut::<2>().0.iter_mut().zip(self.targets.as_chunks::<2>().0);
        for (index, (blocks, targets)) in pairs.enumerate().take(self.length.div_ceil(2)) {
            let [first, second] = targets.map(|(component, _)| &self.quantization[component & 3]);
            let samples = transform([&blocks[0], &blocks[1]], [first, second]);
            let count = (self.length - 2 * index).min(2);
            for (samples, &(component, at)) in samples.iter().zip(targets).take(count) {
                idct::put(samples, &mut planes[component][at..], self.strides[component & 3]);
            }
            *blocks = [[0; 64]; 2];
        }
        self.length = 0;
    }
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
