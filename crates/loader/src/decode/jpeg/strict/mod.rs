//! Scans of baseline and extended frames that keep to the rules: each interval without its stuffing, symbols and
//! values by one look-up, blocks transformed two at a time. Whatever is not in order is left to
//! [`sequential`](super::sequential), which reads it bit by bit.

mod block;
mod queue;

use super::Unusual;
use super::frame::Component;
use super::idct;
use super::partial::reach;
use super::steps::Step;
use super::unstuffed::{self, Bits};
#[cfg(target_arch = "x86_64")]
use crate::cpu::Bmi2;
pub(super) use block::Codes;
use block::{Values, pass_over, take};
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
    /// In their order, [`MAX_UNIT`] at most.
    pub(super) slots: &'a [Slot<'a>],
    /// Across and down.
    pub(super) count: (usize, usize),
    /// Units between restart markers; 0: none.
    pub(super) restart_interval: usize,
    pub(super) components: &'a [Component],
    /// Whether blocks become fewer samples than they have.
    pub(super) is_reduced: bool,
}

/// What so many blocks of coefficients are transformed with, given their quantisation tables.
trait Transform<const N: usize>: Fn([&[i16; 64]; N], [&[i16; 64]; N]) -> [[u8; 64]; N] {}

impl<const N: usize, F: Fn([&[i16; 64]; N], [&[i16; 64]; N]) -> [[u8; 64]; N]> Transform<N> for F {}

/// What blocks that wait become samples with.
trait Empty: Fn(&mut Queue, &mut [Vec<u8>]) {}

impl<F: Fn(&mut Queue, &mut [Vec<u8>])> Empty for F {}

/// Decodes the data that begins at `at` into `planes`; returns where the marker after it is.
pub(super) fn decode(
    units: &Units<'_>,
    source: (&[u8], usize),
    data: &mut Vec<u8>,
    planes: &mut [Vec<u8>],
) -> Result<usize, Unusual> {
    match Vectors::best() {
        // SAFETY: the processor has the features.
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx512 => unsafe { decode_avx512(units, source, data, planes) },
        // SAFETY: the processor has the features.
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx2 => unsafe { decode_avx2(units, source, data, planes) },
        _ => {
            let empty = |queue: &mut Queue, planes: &mut [Vec<u8>]| queue.empty_by_two(planes, idct::two_portable);
            decode_with(units, source, data, planes, (Step::values, empty))
        }
    }
}

/// What there is to decode with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Vectors {
    None,
    /// And the bit manipulation of BMI1 and BMI2, which nearly every processor with AVX2 has.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Vectors {
    pub(super) fn best() -> Self {
        #[cfg(test)]
        return tests::VECTORS.get().map_or(Self::of_processor(), |most| most.min(Self::of_processor()));
        #[cfg(not(test))]
        Self::of_processor()
    }

    fn of_processor() -> Self {
        #[cfg(target_arch = "x86_64")]
        if Bmi2::detect().is_some() {
            let has_512 = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
            return if has_512 { Self::Avx512 } else { Self::Avx2 };
        }
        Self::None
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn decode_avx2(
    units: &Units<'_>,
    source: (&[u8], usize),
    data: &mut Vec<u8>,
    planes: &mut [Vec<u8>],
) -> Result<usize, Unusual> {
    let transform = |blocks: [&[i16; 64]; 2], steps: [&[i16; 64]; 2]| idct::two_avx2(blocks, steps);
    let empty = |queue: &mut Queue, planes: &mut [Vec<u8>]| queue.empty_by_two(planes, transform);
    decode_with(units, source, data, planes, (|step: Step| step.values_avx2(), empty))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx2,bmi1,bmi2")]
fn decode_avx512(
    units: &Units<'_>,
    source: (&[u8], usize),
    data: &mut Vec<u8>,
    planes: &mut [Vec<u8>],
) -> Result<usize, Unusual> {
    let transform = |blocks: [&[i16; 64]; 4], steps: [&[i16; 64]; 4]| idct::four_avx512(blocks, steps);
    let empty = |queue: &mut Queue, planes: &mut [Vec<u8>]| queue.empty_by_four(planes, transform);
    decode_with(units, source, data, planes, (|step: Step| step.values_avx2(), empty))
}

#[inline(always)]
fn decode_with(
    units: &Units<'_>,
    source: (&[u8], usize),
    data: &mut Vec<u8>,
    planes: &mut [Vec<u8>],
    machine: (impl Values, impl Empty),
) -> Result<usize, Unusual> {
    if units.is_reduced {
        decode_units::<true, false>(units, source, data, planes, machine)
    } else if units.components.iter().any(|component| component.part.is_some()) {
        decode_units::<false, true>(units, source, data, planes, machine)
    } else {
        decode_units::<false, false>(units, source, data, planes, machine)
    }
}

#[inline(always)]
fn decode_units<const REDUCED: bool, const PICKED: bool>(
    units: &Units<'_>,
    (bytes, at): (&[u8], usize),
    data: &mut Vec<u8>,
    planes: &mut [Vec<u8>],
    (values, empty): (impl Values, impl Empty),
) -> Result<usize, Unusual> {
    let mut queue = Queue::new(units.components);
    let mut reaches = [64; 4];
    for (kept, component) in reaches.iter_mut().zip(units.components) {
        *kept = reach(component.side());
    }
    let (mut length, mut marker) = unstuffed::copy(bytes, at, data);
    let mut bits = Bits::new(data, length);
    let mut predictions = [0; 4];
    let mut number = 0;
    let mut left = if units.restart_interval > 0 { units.restart_interval } else { usize::MAX };
    // Where in its plane the next block of each slot is.
    let mut targets = [0; MAX_UNIT];
    for y in 0..units.count.1 {
        for (target, slot) in targets.iter_mut().zip(units.slots) {
            *target = queue.target(slot.component, (slot.place.0, slot.place.1 + y * slot.step.1));
        }
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
            for (slot, target) in units.slots.iter().zip(&mut targets) {
                let component = slot.component & 3;
                let prediction = &mut predictions[component];
                let at = *target;
                *target += queue.step(component, slot.step.0);
                if REDUCED {
                    let reach = reaches[component];
                    let end = take::<true>(&slot.codes, &mut bits, prediction, queue.next()?, reach, values)?;
                    queue.add_reduced((component, at), end, planes)?;
                    continue;
                }
                if PICKED && !slot.wants(units.components, (x, y)) {
                    if let Some(passed) = pass_over(&slot.codes, &mut bits, prediction) {
                        passed?;
                    } else {
                        take::<false>(&slot.codes, &mut bits, prediction, queue.next()?, 64, values)?;
                        queue.clear_next()?;
                    }
                    continue;
                }
                let end = take::<false>(&slot.codes, &mut bits, prediction, queue.next()?, 64, values)?;
                queue.add((component, at), end, planes)?;
            }
            if queue.length > QUEUE - MAX_UNIT {
                if REDUCED {
                    queue.empty_reduced(planes);
                } else {
                    empty(&mut queue, planes);
                }
            }
        }
    }
    if REDUCED {
        queue.empty_reduced(planes);
    } else {
        empty(&mut queue, planes);
    }
    bits.finish()?;
    Ok(marker)
}

impl Slot<'_> {
    /// Whether the block of unit `(x, y)` is to become samples.
    #[inline(always)]
    fn wants(&self, components: &[Component], (x, y): (usize, usize)) -> bool {
        let place = (self.place.0 + x * self.step.0, self.place.1 + y * self.step.1);
        let part = components.get(self.component).and_then(|component| component.part.as_ref());
        part.is_none_or(|part| part.wants(place))
    }
}

#[cfg(test)]
pub(super) mod tests;
