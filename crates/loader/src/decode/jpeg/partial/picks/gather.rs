//! Bytes of a row from places that are the same for every row.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m512i, _mm512_maskz_loadu_epi8, _mm512_permutex2var_epi8};

#[cfg(target_arch = "x86_64")]
use crate::cpu::Avx512;

/// Bytes of a vector.
const BYTES: usize = 64;

/// As many places as two vectors of the row hold, and one of the result.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// Where in the row.
    start: usize,
    sources: [u8; BYTES],
    /// How many places.
    count: usize,
}

/// Places that are gone through block by block.
#[derive(Debug, Default)]
pub(in crate::decode::jpeg) struct Gather {
    blocks: Vec<Block>,
    count: usize,
}

impl Gather {
    /// Becomes that of `places`. The nearer neighbours are to one another, the faster.
    pub(super) fn fill(&mut self, places: &[usize]) {
        self.blocks.clear();
        self.count = places.len();
        let mut rest = places;
        while let Some(&first) = rest.first() {
            let within = |place: &&usize| (first..first + 2 * BYTES).contains(*place);
            let mut block = Block { start: first, sources: [0; BYTES], count: 0 };
            for (source, place) in block.sources.iter_mut().zip(rest.iter().take_while(within)) {
                *source = (place - first) as u8;
                block.count += 1;
            }
            rest = &rest[block.count..];
            self.blocks.push(block);
        }
    }

    /// Those of `row` become `out`.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn pick(&self, _: Avx512, row: &[u8], out: &mut Vec<u8>) {
        // A whole vector is written, of which some is meant.
        out.resize(self.count + BYTES, 0);
        // SAFETY: an `Avx512` exists only where the processor has the features.
        unsafe { pick(&self.blocks, row, out) };
        out.truncate(self.count);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn pick(blocks: &[Block], row: &[u8], out: &mut [u8]) {
    let mut at = 0;
    for block in blocks {
        let part = &row[block.start..];
        let (first, second) = part.split_at(part.len().min(BYTES));
        let picked = _mm512_permutex2var_epi8(load(first), bytemuck::cast(block.sources), load(second));
        out[at..][..BYTES].copy_from_slice(bytemuck::bytes_of(&picked));
        at += block.count;
    }
}

/// Up to 64 bytes, and zeros.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(bytes: &[u8]) -> __m512i {
    if let Some(bytes) = bytes.first_chunk::<BYTES>() {
        return bytemuck::cast(*bytes);
    }
    let mask = (1_u64 << bytes.len()) - 1;
    // SAFETY: only bytes of the mask are read, which are those of the slice.
    unsafe { _mm512_maskz_loadu_epi8(mask, bytes.as_ptr().cast()) }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn any_places_of_any_row_are_picked() {
        let Some(avx512) = Avx512::detect() else { return };
        let mut state = 7_u64;
        let mut below = |end: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % end
        };
        let (mut gather, mut out) = (Gather::default(), Vec::new());
        for round in 0..2_000 {
            let row: Vec<u8> = (0..1 + below([3, 70, 140, 900][round % 4])).map(|_| below(256) as u8).collect();
            let mut places: Vec<usize> = (0..below(200)).map(|_| below(row.len())).collect();
            if round % 3 > 0 {
                places.sort_unstable();
            }
            gather.fill(&places);
            gather.pick(avx512, &row, &mut out);
            assert_eq!(out, places.iter().map(|&place| row[place]).collect::<Vec<_>>());
        }
    }
}
