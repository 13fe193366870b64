//! Passing over coefficients: codes and values of several of them at a time.

use super::super::Unusual;
use super::super::bits::BitReader;
use super::super::frame::Component;
use super::super::huffman::Huffman;
use super::super::scan::Member;

/// Bits that are looked at.
const LOOKUP_BITS: u32 = 13;

/// What can be passed over at once.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    /// Bits of whole codes with their values; 0 where there is no whole one.
    bits: u8,
    /// Coefficients that they are about, zeros included; [`END`](Self::END) more where the block ends. The end counts
    /// for one, so that none is seen in a block that is full.
    coefficients: u8,
}

impl Step {
    const END: u8 = 128;
}

/// For each next [`LOOKUP_BITS`] bits: what can be passed over.
#[derive(Debug)]
pub(in crate::decode::jpeg) struct Skip {
    steps: Box<[Step; 1 << LOOKUP_BITS]>,
}

impl Skip {
    fn new(table: &Huffman) -> Self {
        let mut single = vec![Step::default(); 1 << LOOKUP_BITS];
        for (length, code, symbol) in table.codes() {
            let (run, size) = (symbol >> 4, symbol & 15);
            let bits = length + u32::from(size);
            if bits > LOOKUP_BITS {
                continue;
            }
            let coefficients = if size == 0 && run < 15 { Step::END + 1 } else { run + 1 };
            let first = (code << (LOOKUP_BITS - length)) as usize;
            single[first..first + (1 << (LOOKUP_BITS - length))].fill(Step { bits: bits as u8, coefficients });
        }
        let mut steps = Box::new([Step::default(); 1 << LOOKUP_BITS]);
        for (next, steps) in steps.iter_mut().enumerate() {
            loop {
                let step = single[next << steps.bits & ((1 << LOOKUP_BITS) - 1)];
                if step.bits == 0 || u32::from(steps.bits + step.bits) > LOOKUP_BITS {
                    break;
                }
                steps.bits += step.bits;
                steps.coefficients += step.coefficients;
                // More are in no block.
                if steps.coefficients > 64 {
                    break;
                }
            }
        }
        Self { steps }
    }
}

/// The tables of a scan, where they are worth making.
#[derive(Debug, Default)]
pub(in crate::decode::jpeg) struct Skips {
    tables: Vec<Skip>,
    /// Which of them each component of the frame has.
    of: [Option<usize>; 4],
}

impl Skips {
    pub(in crate::decode::jpeg) fn new(members: &[Member<'_>], components: &[Component]) -> Self {
        let mut skips = Self::default();
        let mut made: Vec<&Huffman> = Vec::new();
        for member in members {
            let component = &components[member.component];
            let part = component.part.as_ref().filter(|part| part.passes_over_much(component.blocks));
            let (Some(_), Some(ac)) = (part, member.ac) else { continue };
            let known = made.iter().position(|table| std::ptr::eq(*table, ac));
            skips.of[member.component] = Some(known.unwrap_or_else(|| {
                made.push(ac);
                skips.tables.push(Skip::new(ac));
                made.len() - 1
            }));
        }
        skips
    }

    #[inline]
    pub(super) fn of(&self, component: usize) -> Option<&Skip> {
        self.of[component].and_then(|index| self.tables.get(index))
    }
}

/// Passes over a block's coefficients from the `at`th on, none of which is wanted. What a decoder would refuse is
/// refused here, too.
#[inline]
pub(in crate::decode::jpeg) fn rest_of_block(
    mut at: usize,
    ac: &Huffman,
    skip: Option<&Skip>,
    bits: &mut BitReader<'_>,
) -> Result<(), Unusual> {
    while at < 64 {
        if let Some(skip) = skip {
            bits.refill();
            let step = skip.steps[bits.peek(LOOKUP_BITS)];
            let after = at + usize::from(step.coefficients & !Step::END);
            if step.bits > 0 && after <= 64 {
                bits.skip(step.bits.into())?;
                if step.coefficients >= Step::END {
                    return Ok(());
                }
                at = after;
                continue;
            }
        }
        let symbol = ac.decode(bits)?;
        let (run, size) = (usize::from(symbol >> 4), symbol & 15);
        if size == 0 {
            if run < 15 {
                return Ok(());
            }
            at += 16;
            continue;
        }
        at += run;
        if at > 63 {
            bits.damage(())?;
        }
        bits.take(size.into())?;
        at += 1;
    }
    Ok(())
}
