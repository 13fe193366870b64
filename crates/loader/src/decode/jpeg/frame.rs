//! What a frame header says, and where its samples go.

use smallvec::SmallVec;

use super::Unusual;
use super::partial::{self, Part};

/// One of each channel, kept in place.
pub(super) type PerChannel<T> = SmallVec<[T; 4]>;

/// Room for a channel's coefficients, and for what says which are not zero.
pub(super) type Coefficients = (Vec<i16>, Vec<u64>);

/// Pixels along a side of a block.
pub(super) const BLOCK: usize = 8;

/// A picture in the making.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) progressive: bool,
    pub(super) components: PerChannel<Component>,
    /// Units of interleaved scans: across and down.
    pub(super) units: (usize, usize),
    pub(super) max_sampling: (usize, usize),
    /// Samples along a side of a block of the largest channel: [`BLOCK`], or less in a reduced picture.
    pub(super) side: usize,
}

/// One channel of a frame.
#[derive(Debug)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Blocks of an interleaved unit: across and down.
    pub(super) sampling: (usize, usize),
    /// Which quantisation table is to be used.
    pub(super) quantization_table: usize,
    /// Samples that are part of the picture: across and down.
    pub(super) size: (usize, usize),
    /// Blocks that there is room for: whole units across and down.
    pub(super) blocks: (usize, usize),
    /// The table itself, taken when the first scan of the component begins.
    pub(super) quantization: Option<[i32; 64]>,
    /// Coefficients of a progressive frame, 64 a block in the order in which they are coded.
    pub(super) coefficients: Vec<i16>,
    /// Which of a block's are not zero, where that is kept: see [`progressive`](super::progressive).
    pub(super) occupied: Vec<u64>,
    /// What of it is to become samples; `None`: everything.
    pub(super) part: Option<Part>,
}

impl Frame {
    /// `components` hold (id, horizontal sampling, vertical sampling, quantisation table).
    pub(super) fn new(
        width: usize,
        height: usize,
        progressive: bool,
        components: &[(u8, usize, usize, usize)],
    ) -> Result<Self, Unusual> {
        let valid =
            |&(_, h, v, table): &(u8, usize, usize, usize)| (1..=4).contains(&h) && (1..=4).contains(&v) && table < 4;
        if width == 0 || height == 0 || !matches!(components.len(), 1 | 3 | 4) || !components.iter().all(valid) {
            return Err(Unusual);
        }
        let max_h = components.iter().map(|c| c.1).max().unwrap_or(1);
        let max_v = components.iter().map(|c| c.2).max().unwrap_or(1);
        // Fractions (3:2 and the like) are not supported by libjpeg either.
        if components.iter().any(|c| max_h % c.1 != 0 || max_v % c.2 != 0) {
            return Err(Unusual);
        }
        let units = (width.div_ceil(BLOCK * max_h), height.div_ceil(BLOCK * max_v));
        let components = components
            .iter()
            .map(|&(id, h, v, quantization_table)| Component {
                id,
                sampling: (h, v),
                quantization_table,
                size: ((width * h).div_ceil(max_h), (height * v).div_ceil(max_v)),
                blocks: (units.0 * h, units.1 * v),
                quantization: None,
                coefficients: Vec::new(),
                occupied: Vec::new(),
                part: None,
            })
            .collect();
        Ok(Self { width, height, progressive, components, units, max_sampling: (max_h, max_v), side: BLOCK })
    }

    /// What is left to do once every scan has been decoded. Each component must have been seen.
    pub(super) fn into_planes(
        mut self,
        planes: &mut [Vec<u8>],
        coefficients: &mut [Coefficients; 4],
    ) -> Result<Planes, Unusual> {
        // Without a scan there may be no planes yet either.
        if self.components.iter().any(|component| component.quantization.is_none()) {
            return Err(Unusual);
        }
        for ((component, plane), buffer) in self.components.iter_mut().zip(planes).zip(coefficients) {
            let quantization = component.quantization.as_ref().ok_or(Unusual)?;
            if self.progressive {
                match &component.part {
                    Some(part) => partial::transform(component, part, quantization, plane),
                    None => super::progressive::transform(component, quantization, plane),
                }
                *buffer = (std::mem::take(&mut component.coefficients), std::mem::take(&mut component.occupied));
            }
        }
        let channels = self
            .components
            .iter()
            .map(|component| Channel {
                stride: component.blocks.0 * component.side(),
                size: self.samples(component),
                scale: (
                    self.max_sampling.0 * self.side / (component.sampling.0 * component.side()),
                    self.max_sampling.1 * self.side / (component.sampling.1 * component.side()),
                ),
            })
            .collect();
        let reduced = |pixels: usize| (pixels * self.side).div_ceil(BLOCK);
        Ok(Planes { width: reduced(self.width), height: reduced(self.height), channels })
    }

    /// Samples of a component that are part of the picture, which may be a reduced one.
    fn samples(&self, component: &Component) -> (usize, usize) {
        let reduced = |pixels: usize, own: usize, most: usize| (pixels * own * component.side()).div_ceil(most * BLOCK);
        (
            reduced(self.width, component.sampling.0, self.max_sampling.0),
            reduced(self.height, component.sampling.1, self.max_sampling.1),
        )
    }
}

impl Frame {
    /// Whether blocks become fewer samples than they have.
    pub(super) fn is_reduced(&self) -> bool {
        self.side < BLOCK
    }
}

impl Component {
    /// Blocks that hold samples of the picture: what a scan of this component alone has.
    pub(super) fn own_blocks(&self) -> (usize, usize) {
        (self.size.0.div_ceil(BLOCK), self.size.1.div_ceil(BLOCK))
    }

    /// Samples along a block's side.
    pub(super) fn side(&self) -> usize {
        self.part.as_ref().map_or(BLOCK, |part| part.side)
    }

    /// Bytes of the component's plane.
    pub(super) fn plane_len(&self) -> usize {
        self.blocks.0 * self.blocks.1 * self.side() * self.side()
    }

    /// Coefficients of all its blocks.
    pub(super) fn coefficients_len(&self) -> usize {
        self.blocks.0 * self.blocks.1 * BLOCK * BLOCK
    }
}

/// Decoded samples, before upsampling.
#[derive(Debug)]
pub(super) struct Planes {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: PerChannel<Channel>,
}

/// Where a channel's samples are in its plane, and how many pixels each stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    pub(super) stride: usize,
    pub(super) size: (usize, usize),
    pub(super) scale: (usize, usize),
}
