//! Blocks on their way from coefficients to samples.

use super::super::Unusual;
use super::super::frame::{BLOCK, Component};
use super::super::headers::ZIGZAG;
use super::super::idct::{self, reduced};
use super::super::partial;
use super::super::steps::END;
use super::{Transform, block};

/// How many blocks wait at most.
pub(super) const QUEUE: usize = 32;

/// Blocks that wait for their transform: what has just been written is not yet to be read as vectors.
#[derive(Debug)]
pub(super) struct Queue {
    /// As they are coded; zeros from `length` on.
    coded: [i16; (QUEUE - 1) * 64 + block::ROOM],
    /// Component, and where in its plane.
    targets: [(usize, usize); QUEUE],
    pub(super) length: usize,
    /// In natural order, and as coefficients are coded.
    steps: [[i16; 64]; 4],
    coded_steps: [[i16; 64]; 4],
    /// Samples along a block's side, and from one row to the next.
    sides: [usize; 4],
    strides: [usize; 4],
}

impl Queue {
    pub(super) fn new(components: &[Component]) -> Self {
        let mut queue = Self {
            coded: [0; (QUEUE - 1) * 64 + block::ROOM],
            targets: [(0, 0); QUEUE],
            length: 0,
            steps: [[0; 64]; 4],
            coded_steps: [[0; 64]; 4],
            sides: [BLOCK; 4],
            strides: [0; 4],
        };
        for (at, component) in components.iter().enumerate().take(4) {
            // Components that are not in the scan may not have one yet.
            if let Some(table) = &component.quantization {
                queue.steps[at] = table.map(|step| step as i16);
                queue.coded_steps[at] = ZIGZAG.map(|natural| queue.steps[at][usize::from(natural)]);
            }
            queue.sides[at] = component.side();
            queue.strides[at] = component.blocks.0 * component.side();
        }
        queue
    }

    /// Room for the next block.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<&mut block::Room, Unusual> {
        self.coded.get_mut(self.length * 64..).and_then(|room| room.first_chunk_mut()).ok_or(Unusual)
    }

    /// Forgets what has been written there.
    pub(super) fn clear_next(&mut self) -> Result<(), Unusual> {
        self.next()?[..64].fill(0);
        Ok(())
    }

    /// Where in its component's plane a block is.
    pub(super) fn target(&self, component: usize, place: (usize, usize)) -> usize {
        let (side, stride) = (self.sides[component & 3], self.strides[component & 3]);
        place.1 * side * stride + place.0 * side
    }

    /// How much further a block is that many to the right.
    #[inline(always)]
    pub(super) fn step(&self, component: usize, blocks: usize) -> usize {
        blocks * self.sides[component & 3]
    }

    /// Takes the block that has been written behind the last, up to `end`; a flat one is put in its place at once.
    #[inline(always)]
    pub(super) fn add(
        &mut self,
        (component, at): (usize, usize),
        end: usize,
        planes: &mut [Vec<u8>],
    ) -> Result<(), Unusual> {
        if end == 1 + END {
            let first = std::mem::take(&mut self.next()?[0]);
            let dequantised = first.wrapping_mul(self.steps[component & 3][0]);
            idct::flat(dequantised.into(), &mut planes[component][at..], self.strides[component & 3]);
        } else {
            self.targets[self.length] = (component, at);
            self.length += 1;
        }
        Ok(())
    }

    /// The same of a block that becomes fewer samples.
    #[inline(always)]
    pub(super) fn add_reduced(
        &mut self,
        (component, at): (usize, usize),
        end: usize,
        planes: &mut [Vec<u8>],
    ) -> Result<(), Unusual> {
        let (side, stride) = (self.sides[component & 3], self.strides[component & 3]);
        let steps = &self.coded_steps[component & 3];
        if side > 2 && end != 1 + END {
            self.targets[self.length] = (component, at);
            self.length += 1;
            return Ok(());
        }
        // Of the diagonals the first is coded to the right.
        let [first, right, below, ..] = *self.coded[self.length * 64..].first_chunk::<4>().ok_or(Unusual)?;
        let (first, right, below) =
            (first.wrapping_mul(steps[0]), right.wrapping_mul(steps[1]), below.wrapping_mul(steps[2]));
        let out = &mut planes[component][at..];
        match side {
            1 => out[0] = reduced::one(first),
            2 => {
                let [a, b, c, d] = reduced::two([first, right, below]);
                out[..2].copy_from_slice(&[a, b]);
                out[stride..stride + 2].copy_from_slice(&[c, d]);
            }
            _ => {
                let sample = reduced::one(first);
                out.chunks_mut(stride).take(side).for_each(|row| row[..side].fill(sample));
            }
        }
        self.clear_next()
    }

    /// Transforms all that wait, two at a time.
    #[inline(always)]
    pub(super) fn empty_by_two(&mut self, planes: &mut [Vec<u8>], transform: impl Transform<2>) {
        let mut blocks = [[0; 64]; QUEUE];
        for (natural, coded) in blocks.iter_mut().zip(self.coded.as_chunks::<64>().0).take(self.length) {
            *natural = idct::natural(coded);
        }
        self.empty_with(&blocks, &self.steps, planes, transform);
        self.clear();
    }

    /// Transforms all that wait, four at a time, in the order in which they are coded.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) fn empty_by_four(&mut self, planes: &mut [Vec<u8>], transform: impl Transform<4>) {
        let blocks = self.coded.as_chunks::<64>().0;
        self.empty_with(blocks, &self.coded_steps, planes, transform);
        self.clear();
    }

    #[inline(always)]
    fn empty_with<const N: usize>(
        &self,
        blocks: &[[i16; 64]],
        steps: &[[i16; 64]; 4],
        planes: &mut [Vec<u8>],
        transform: impl Transform<N>,
    ) {
        // Those that are left over go with zeros.
        let groups = blocks.as_chunks::<N>().0.iter().zip(self.targets.as_chunks::<N>().0);
        for (index, (blocks, targets)) in groups.take(self.length.div_ceil(N)).enumerate() {
            let samples = transform(blocks.each_ref(), targets.map(|(component, _)| &steps[component & 3]));
            let count = (self.length - N * index).min(N);
            for (samples, &(component, at)) in samples.iter().zip(targets).take(count) {
                idct::put(samples, &mut planes[component][at..], self.strides[component & 3]);
            }
        }
    }

    #[inline(always)]
    fn clear(&mut self) {
        self.coded[..self.length * 64].fill(0);
        self.length = 0;
    }

    /// Transforms all that wait, if they become fewer samples.
    pub(super) fn empty_reduced(&mut self, planes: &mut [Vec<u8>]) {
        let mut at = 0;
        while at < self.length {
            // One that has no other of its size goes with itself.
            let side = self.sides[self.targets[at].0 & 3];
            let is_pair = at + 1 < self.length && side == self.sides[self.targets[at + 1].0 & 3];
            let pair = [at, at + usize::from(is_pair)];
            if side == 4 {
                let [a, b] = reduced::four(
                    [self.corner(pair[0]), self.corner(pair[1])],
                    [self.corner_steps(pair[0]), self.corner_steps(pair[1])],
                );
                self.put(pair[0], &a, side, planes);
                self.put(pair[1], &b, side, planes);
            } else {
                let [a, b] = pair.map(|at| self.coded[at * 64..].first_chunk().map_or([0; 64], idct::natural));
                let steps = pair.map(|at| &self.steps[self.targets[at].0 & 3]);
                let [a, b] = idct::two([&a, &b], steps);
                self.put(pair[0], &a, side, planes);
                self.put(pair[1], &b, side, planes);
            }
            at = pair[1] + 1;
        }
        self.clear();
    }

    /// Of a block that waits: the coefficients that are coded first.
    fn corner(&self, at: usize) -> &[i16; 16] {
        self.coded[at * 64..].first_chunk().unwrap_or(&[0; 16])
    }

    fn corner_steps(&self, at: usize) -> &[i16; 16] {
        self.coded_steps[self.targets[at].0 & 3].first_chunk().unwrap_or(&[0; 16])
    }

    fn put(&self, at: usize, samples: &[u8], side: usize, planes: &mut [Vec<u8>]) {
        let (component, at) = self.targets[at];
        partial::put(samples, side, &mut planes[component][at..], self.strides[component & 3]);
    }
}
