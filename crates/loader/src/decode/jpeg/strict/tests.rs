//! Files decoded strictly, with each kind of vectors, and bit by bit.

use std::cell::Cell;

use jpeg_encoder::{ColorType, Encoder, QuantizationTableType, SamplingFactor};

use super::super::headers::Headers;
use super::super::{Scratch, decode_exactly};
use super::Vectors;
use crate::decode::Wanted;
use crate::resize::Interpolation;

thread_local! {
    /// Decoding is to be done with no more than this.
    pub(super) static VECTORS: Cell<Option<Vectors>> = const { Cell::new(None) };
}

pub(in crate::decode::jpeg) struct Random(pub(in crate::decode::jpeg) u64);

impl Random {
    pub(in crate::decode::jpeg) fn below(&mut self, end: u64) -> u64 {
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
    let mut table = || QuantizationTableType::Custom(Box::new(std::array::from_fn(|_| 1 + random.below(60) as u16)));
    encoder.set_quantization_tables(table(), table());
    encoder.encode(&pixels, width as u16, height as u16, color).unwrap();
    // Steps that are not those that the picture was made with.
    if random.below(4) == 0 {
        let at = bytes.windows(2).position(|pair| pair == [0xff, 0xdb]).unwrap();
        bytes[at + 5..at + 69].fill_with(|| random.below(256) as u8);
    }
    bytes
}

pub(in crate::decode::jpeg) fn pixels(
    bytes: &[u8],
    lenient: bool,
    wanted: Option<&Wanted>,
    scratch: &mut Scratch,
) -> Option<((usize, usize), Vec<u8>)> {
    let mut out = Vec::new();
    let mut headers = Headers::new(bytes, lenient);
    let found = decode_exactly(bytes, &mut headers, (None, wanted), &mut out, scratch).ok()?.unwrap();
    Some((found.size, out))
}

/// With every kind of vectors that the processor has.
pub(in crate::decode::jpeg) fn strictly(
    bytes: &[u8],
    wanted: Option<&Wanted>,
    scratch: &mut Scratch,
) -> Option<((usize, usize), Vec<u8>)> {
    let best = pixels(bytes, false, wanted, scratch);
    let kinds = [
        Vectors::None,
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx2,
    ];
    for vectors in kinds {
        VECTORS.set(Some(vectors));
        assert!(pixels(bytes, false, wanted, scratch) == best, "{vectors:?} {wanted:?}");
        VECTORS.set(None);
    }
    best
}

/// Something that a file of so many bytes becomes a part of.
pub(in crate::decode::jpeg) fn wanted(random: &mut Random) -> Wanted {
    let interpolation = [Interpolation::Bilinear, Interpolation::Nearest][random.below(2) as usize];
    let target = (1 + random.below(30) as usize, 1 + random.below(30) as usize);
    Wanted { target, interpolation, keep_aspect_ratio: false, scaled: true }
}

#[test]
fn scans_are_decoded_as_bit_by_bit() {
    let mut random = Random(3);
    let mut scratch = Scratch::default();
    for number in 0..400 {
        let bytes = file(&mut random);
        let wanted = wanted(&mut random);
        for wanted in [None, Some(&wanted)] {
            let simple = pixels(&bytes, true, wanted, &mut scratch);
            assert!(simple.is_some());
            assert!(strictly(&bytes, wanted, &mut scratch) == simple, "{number} {wanted:?}");
        }
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
        let wanted = wanted(&mut random);
        for wanted in [None, Some(&wanted)] {
            match strictly(&bytes, wanted, &mut scratch) {
                Some(strict) => assert!(Some(strict) == pixels(&bytes, true, wanted, &mut scratch), "{number}"),
                None => refused += 1,
            }
        }
    }
    assert!((400..3_600).contains(&refused), "{refused}");
}
