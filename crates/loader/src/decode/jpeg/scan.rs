//! One scan: which blocks it has, in what order.

use smallvec::SmallVec;

use super::Unusual;
use super::bits::BitReader;
use super::frame::{Coefficients, Component, Frame, PerChannel};
use super::headers::Tables;
use super::huffman::Huffman;
use super::progressive::Band;
#[cfg(target_arch = "x86_64")]
use super::progressive::strict::{self as progressive, Counts};
use super::sequential;
#[cfg(target_arch = "x86_64")]
use super::strict::Vectors;
use super::strict::{self, Codes, Slot, Units};

/// A scan whose header has been read.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    frame: &'a mut Frame,
    tables: &'a Tables,
    planes: &'a mut [Vec<u8>],
    /// Places in the frame, and the tables for the first and the other coefficients.
    members: PerChannel<Member<'a>>,
    band: Band,
    data: usize,
}

/// A component's part in a scan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member<'a> {
    pub(super) component: usize,
    pub(super) dc: Option<&'a Huffman>,
    pub(super) ac: Option<&'a Huffman>,
}

/// Where a block is, in blocks.
type Place = (usize, usize);

impl<'a> Scan<'a> {
    /// Reads the header at `at` and makes room for what the scan will fill.
    pub(super) fn new(
        frame: &'a mut Frame,
        tables: &'a mut Tables,
        at: usize,
        (planes, coefficients): (&'a mut Vec<Vec<u8>>, &mut [Coefficients; 4]),
        bytes: &[u8],
    ) -> Result<Self, Unusual> {
        let count = usize::from(*bytes.get(at).ok_or(Unusual)?);
        let header = bytes.get(at + 1..at + 1 + 2 * count + 3).ok_or(Unusual)?;
        let (selectors, band) = header.split_at(2 * count);
        let band = Band { first: band[0].into(), last: band[1].into(), high: band[2] >> 4, low: band[2] & 15 };
        for &[id, selector] in selectors.as_chunks::<2>().0 {
            let component = frame.components.iter().find(|component| component.id == id);
            let table = tables.ac.get_mut(usize::from(selector & 15)).ok_or(Unusual)?;
            let (Some(component), Some(table), false) = (component, table, frame.progressive) else { continue };
            table.make_steps(bytes.len() - at);
            if let Some(part) = &component.part {
                table.make_skip(part.passed_over(component.blocks));
            }
        }
        let tables: &Tables = tables;
        let mut members = PerChannel::new();
        for &[id, selector] in selectors.as_chunks::<2>().0 {
            let component = frame.components.iter().position(|component| component.id == id).ok_or(Unusual)?;
            if members.iter().any(|member: &Member<'_>| member.component == component) {
                return Err(Unusual);
            }
            members.push(Member {
                component,
                dc: tables.dc.get(usize::from(selector >> 4)).ok_or(Unusual)?.as_ref(),
                ac: tables.ac.get(usize::from(selector & 15)).ok_or(Unusual)?.as_ref(),
            });
        }
        let whole = Band { first: 0, last: 63, high: 0, low: 0 };
        let fits = if frame.progressive { band.is_valid(count) } else { band == whole };
        let blocks: usize = members.iter().map(|m| frame.components[m.component].sampling).map(|(h, v)| h * v).sum();
        if members.is_empty() || !fits || (count > 1 && blocks > 10) {
            return Err(Unusual);
        }
        planes.resize_with(planes.len().max(frame.components.len()), Vec::new);
        for &Member { component, .. } in &members {
            let buffers = (&mut planes[component], &mut coefficients[component]);
            prepare(&mut frame.components[component], buffers, tables, frame.progressive)?;
        }
        Ok(Self { frame, tables, planes, members, band, data: at + header.len() + 1 })
    }

    /// Decodes the scan's data; returns where the marker after it is. `reached` says where that failed.
    pub(super) fn decode(
        mut self,
        bytes: &[u8],
        lenient: bool,
        unstuffed: &mut Vec<u8>,
        reached: &mut usize,
    ) -> Result<usize, Unusual> {
        if !lenient && !self.frame.progressive {
            return self.decode_strictly(bytes, unstuffed);
        }
        #[cfg(target_arch = "x86_64")]
        if let (Some(counts), false) = (Counts::detect(), lenient || Vectors::best() == Vectors::None) {
            let units = progressive::Units {
                members: &self.members,
                band: self.band,
                count: self.units(),
                restart_interval: self.tables.restart_interval,
            };
            let source = (bytes, self.data);
            return progressive::decode(counts, &units, source, unstuffed, &mut self.frame.components);
        }
        let mut bits = BitReader::new(bytes, self.data, lenient);
        let end = self.units_from(&mut bits).and_then(|()| bits.end());
        *reached = bits.position();
        end
    }

    fn decode_strictly(&mut self, bytes: &[u8], unstuffed: &mut Vec<u8>) -> Result<usize, Unusual> {
        let mut slots = SmallVec::<[Slot<'_>; strict::MAX_UNIT]>::new();
        for &Member { component, dc, ac } in &self.members {
            let (Some(dc), Some(ac)) = (dc, ac) else { return Err(Unusual) };
            let (across, down) =
                if self.members.len() == 1 { (1, 1) } else { self.frame.components[component].sampling };
            for block in 0..across * down {
                let place = (block % across, block / across);
                let codes = Codes::new(dc, ac);
                slots.push(Slot { component, codes, place, step: (across, down) });
            }
        }
        let units = Units {
            slots: &slots,
            count: self.units(),
            restart_interval: self.tables.restart_interval,
            components: &self.frame.components,
            is_reduced: self.frame.is_reduced(),
        };
        strict::decode(&units, (bytes, self.data), unstuffed, self.planes)
    }

    fn units_from(&mut self, bits: &mut BitReader<'_>) -> Result<(), Unusual> {
        let mut state = State::default();
        let interval = self.tables.restart_interval;
        let units = self.units();
        for unit in 0..units.0 * units.1 {
            if interval > 0 && unit > 0 && unit % interval == 0 {
                bits.restart((unit / interval - 1) as u8 % 8)?;
                state = State::default();
            }
            let place = (unit % units.0, unit / units.0);
            if bits.is_exhausted() {
                self.empty_unit(place);
            } else {
                self.unit(place, bits, &mut state)?;
            }
        }
        if state.end_of_band_run > 0 { bits.damage(()) } else { Ok(()) }
    }

    /// A scan of one component has that component's blocks, any other whole units.
    fn units(&self) -> (usize, usize) {
        match self.members[..] {
            [member] => self.frame.components[member.component].own_blocks(),
            _ => self.frame.units,
        }
    }

    /// What a damaged interval lacks is left grey by libjpeg, or as earlier scans have it.
    #[cold]
    fn empty_unit(&mut self, (x, y): Place) {
        if self.frame.progressive {
            return;
        }
        let alone = self.members.len() == 1;
        for member in &self.members {
            let (component, plane) = (&self.frame.components[member.component], &mut self.planes[member.component]);
            let (across, down) = if alone { (1, 1) } else { component.sampling };
            for block in 0..across * down {
                sequential::empty(component, (x * across + block % across, y * down + block / across), plane);
            }
        }
    }

    fn unit(&mut self, (x, y): Place, bits: &mut BitReader<'_>, state: &mut State) -> Result<(), Unusual> {
        if let [member] = self.members[..] {
            return self.block(member, (x, y), bits, state);
        }
        for index in 0..self.members.len() {
            let member = self.members[index];
            let (across, down) = self.frame.components[member.component].sampling;
            for block in 0..across * down {
                self.block(member, (x * across + block % across, y * down + block / across), bits, state)?;
            }
        }
        Ok(())
    }

    #[inline]
    fn block(
        &mut self,
        member: Member<'_>,
        place: Place,
        bits: &mut BitReader<'_>,
        state: &mut State,
    ) -> Result<(), Unusual> {
        let component = &mut self.frame.components[member.component];
        if self.frame.progressive {
            return self.band.block(member, component, place, bits, state);
        }
        let prediction = &mut state.predictions[member.component];
        let plane = &mut self.planes[member.component];
        sequential::block(member, component, place, bits, prediction, plane)
    }
}

/// What one block leaves to the next.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The last first coefficient of each component.
    pub(super) predictions: [i32; 4],
    /// Blocks to come without new coefficients in their band.
    pub(super) end_of_band_run: u32,
}

fn prepare(
    component: &mut Component,
    (plane, coefficients): (&mut Vec<u8>, &mut Coefficients),
    tables: &Tables,
    progressive: bool,
) -> Result<(), Unusual> {
    if component.quantization.is_some() {
        // A sequential component has one scan.
        return if progressive { Ok(()) } else { Err(Unusual) };
    }
    component.quantization = Some(tables.quantization[component.quantization_table].ok_or(Unusual)?);
    // Blocks outside the picture may be left out of a scan; nothing of them is seen.
    plane.resize(component.plane_len(), 0);
    if progressive {
        (component.coefficients, component.occupied) = std::mem::take(coefficients);
        component.coefficients.clear();
        component.coefficients.resize(component.coefficients_len(), 0);
        component.occupied.clear();
        component.occupied.resize(component.coefficients_len() / 64, 0);
    }
    Ok(())
}
