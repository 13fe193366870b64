//! Blocks on their way from coefficients to samples.

use super::super::Unusual;
use super::super::frame::{BLOCK, Component};
use super::super::idct::{self, reduced};
use super::super::pairs::END;
use super::{Transform, block};

/// How many blocks wait at most.
pub(super) const QUEUE: usize = 32;

/// Blocks that wait for their transform: what has just been written is not yet to be read as vectors.
#[derive(Debug)]
pub(super) struct Queue {
    /// Zeros from `length` on; of the room after the last block nothing is used.
    coefficients: [i16; (QUEUE + 3) * 64],
    /// Component, and where in its plane.
    targets: [(usize, usize); QUEUE],
    pub(super) length: usize,
    quantization: [[i16; 64]; 4],
    /// Samples along a block's side, and from one row to the next.
    sides: [usize; 4],
    strides: [usize; 4],
}

impl Queue {
    pub(super) fn new(components: &[Component]) -> Self {
        let (mut quantization, mut sides, mut strides) = ([[0; 64]; 4], [BLOCK; 4], [0; 4]);
        for (at, component) in components.iter().enumerate().take(4) {
            // Components that are not in the scan may not have one yet.
            if let Some(table) = &component.quantization {
                quantization[at] = table.map(|step| step as i16);
            }
            sides[at] = component.side();
            strides[at] = component.blocks.0 * component.side();
        }
        let coefficients = [0; (QUEUE + 3) * 64];
        Self { coefficients, targets: [(0, 0); QUEUE], length: 0, quantization, sides, strides }
    }

    /// Room for the next block.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<&mut block::Room, Unusual> {
        self.coefficients.get_mut(self.length * 64..).and_then(|room| room.first_chunk_mut()).ok_or(Unusual)
    }

    /// Forgets what has been written there.
    pub(super) fn clear_next(&mut self) -> Result<(), Unusual> {
        self.next()?[..64].fill(0);
        Ok(())
    }

    /// Takes the block that has been written behind the last, of `count` coefficients; a flat one is put in its place
    /// at once.
    #[inline(always)]
    pub(super) fn add(
        &mut self,
        component: usize,
        place: (usize, usize),
        count: usize,
        planes: &mut [Vec<u8>],
    ) -> Result<(), Unusual> {
        let stride = self.strides[component & 3];
        let at = place.1 * BLOCK * stride + place.0 * BLOCK;
        if count == 1 + END {
            let first = std::mem::take(&mut self.next()?[0]);
            let dequantised = first.wrapping_mul(self.quantization[component & 3][0]);
            idct::flat(dequantised.into(), &mut planes[component][at..], stride);
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
        component: usize,
        place: (usize, usize),
        count: usize,
        planes: &mut [Vec<u8>],
    ) -> Result<(), Unusual> {
        let (side, stride) = (self.sides[component & 3], self.strides[component & 3]);
        let at = place.1 * side * stride + place.0 * side;
        let steps = self.quantization[component & 3];
        let block = self.next()?;
        let out = &mut planes[component][at..];
        if side == 1 || count == 1 + END {
            let sample = reduced::one(block[0].wrapping_mul(steps[0]));
            for row in out.chunks_mut(stride).take(side) {
                row[..side].fill(sample);
            }
        } else if side == 2 {
            let [first, right, below] = [0, 1, 8].map(|at| block[at].wrapping_mul(steps[at]));
            reduced::two([first, right, below], out, stride);
        } else {
            self.targets[self.length] = (component, at);
            self.length += 1;
            return Ok(());
        }
        block[..64].fill(0);
        Ok(())
    }

    /// Transforms all that wait.
    #[inline(always)]
    pub(super) fn empty(&mut self, planes: &mut [Vec<u8>], transform: &impl Transform) {
        // One that is left over goes with zeros.
        let pairs = self.coefficients.as_chunks_mut::<64>().0.as_chunks_mut::<2>().0.iter_mut();
        let pairs = pairs.zip(self.targets.as_chunks::<2>().0).take(self.length.div_ceil(2));
        for (index, (blocks, targets)) in pairs.enumerate() {
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

    /// The same of blocks that become fewer samples.
    pub(super) fn empty_reduced(&mut self, planes: &mut [Vec<u8>]) {
        let blocks = self.coefficients.as_chunks_mut::<64>().0.iter_mut();
        for (block, &(component, at)) in blocks.zip(&self.targets).take(self.length) {
            let (out, stride) = (&mut planes[component][at..], self.strides[component & 3]);
            let steps = &self.quantization[component & 3];
            if self.sides[component & 3] == 4 {
                block[usize::from(block::IDLE)] = 0;
                reduced::four(block, steps, out, stride);
            } else {
                idct::block(block, steps, out, stride);
            }
            *block = [0; 64];
        }
        self.length = 0;
    }
}
