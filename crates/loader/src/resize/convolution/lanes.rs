//! How the sums along a row are laid into vectors of 512 bits, whose 16 lanes each add up four products of bytes.
//!
//! A step takes a part of a row, brings the bytes that a lane needs into it and multiplies them by their weights.
//! Where the windows of neighbours are near to one another, a lane is a value of the result, and steps go along the
//! windows. Where they are not, all lanes work at the window of one pixel, and are summed at last.

use crate::resize::digits::{DIGITS, TAPS, digits};
use crate::resize::weights::Weights;

/// Lanes of a vector.
pub(super) const LANES: usize = 16;

/// Values of a block that is to be narrow: four pixels of three.
const FEWER: usize = 12;

/// Bytes of a vector.
pub(super) const BYTES: usize = LANES * TAPS;

/// What the lanes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::resize) enum Shape {
    /// Values of the result, whose bytes are in one vector's length of the row.
    #[default]
    Values,
    /// The same, in two vectors' length.
    FarValues,
    /// Four, or for grey sixteen, groups of taps of one pixel, each in as many lanes as there are channels, or with a
    /// lane that is idle for three.
    Pixel,
}

impl Shape {
    /// Bytes of the row that a block takes a step.
    pub(super) const fn bytes(self) -> usize {
        if matches!(self, Self::FarValues) { 2 * BYTES } else { BYTES }
    }
}

/// A vector's sources in the part of the row, and its weights, digit by digit.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(in crate::resize) struct Step {
    pub(super) sources: [u8; BYTES],
    pub(super) weights: [[i8; BYTES]; DIGITS],
}

impl Step {
    const NOTHING: Self = Self { sources: [0; BYTES], weights: [[0; BYTES]; DIGITS] };
}

/// The steps of a row.
#[derive(Clone, Debug, Default)]
pub(in crate::resize) struct Lanes {
    /// Channels and width of the rows that they are for; none where there are none.
    made_for: Option<(usize, usize)>,
    pub(super) shape: Shape,
    /// Values of a block: [`LANES`], or a few less, so that their bytes are nearer to one another.
    pub(super) values: usize,
    /// Steps of a block of values, or of a pixel.
    pub(super) together: usize,
    pub(super) steps: Vec<Step>,
    /// Of [`Shape::Pixel`] instead, whose sources are the same in each step: for each digit of the weights,
    /// [`taps_of_pixel`] of them.
    pub(super) taps: Vec<i8>,
    /// Where in the row each step's part begins: as many bytes are there as it takes.
    pub(super) starts: Vec<u32>,
}

impl Lanes {
    /// Becomes the steps of `weights` for rows of `width` pixels of `channels` (1, 3 or 4), where they are not yet.
    pub(in crate::resize) fn prepare(&mut self, weights: &Weights, channels: usize, width: usize) {
        if self.made_for != Some((channels, width)) {
            self.fill(weights, channels, width);
            self.made_for = Some((channels, width));
        }
    }

    /// Nothing is prepared any more.
    pub(in crate::resize) fn clear(&mut self) {
        self.made_for = None;
    }

    /// Whether rows are long enough for vectors.
    pub(super) fn are_usable(&self) -> bool {
        !self.starts.is_empty()
    }

    fn fill(&mut self, weights: &Weights, channels: usize, width: usize) {
        self.taps.clear();
        self.starts.clear();
        let longest = weights.iter().map(|(_, weights)| weights.len()).max().unwrap_or(0);
        self.together = longest.div_ceil(TAPS).max(1);
        for (shape, values) in [(Shape::Values, LANES), (Shape::FarValues, LANES), (Shape::FarValues, FEWER)] {
            (self.shape, self.values) = (shape, values);
            let bytes = shape.bytes();
            if width * channels >= bytes && self.fill_values(weights, (channels, width), bytes) {
                return;
            }
        }
        let taps = taps_of_pixel(channels);
        self.together = longest.div_ceil(taps).max(1);
        self.shape = Shape::Pixel;
        self.steps.clear();
        self.starts.clear();
        if width >= taps {
            self.fill_pixels(weights, (channels, width), taps);
        }
    }

    /// Says whether parts of `bytes` are enough.
    fn fill_values(&mut self, weights: &Weights, (channels, width): (usize, usize), bytes: usize) -> bool {
        self.steps.clear();
        self.starts.clear();
        let mut places = weights.iter().flat_map(|place| (0..channels).map(move |channel| (channel, place))).peekable();
        while places.peek().is_some() {
            let first = self.steps.len();
            self.steps.resize(first + self.together, Step::NOTHING);
            let mut block: [(usize, (usize, &[i32])); LANES] = [(0, (0, &[])); LANES];
            for (lane, place) in block[..self.values].iter_mut().zip(&mut places) {
                *lane = place;
            }
            for (group, step) in self.steps[first..].iter_mut().enumerate() {
                let taps = |weights: &[i32]| group * TAPS..weights.len().min((group + 1) * TAPS);
                let wanted = block.iter().filter(|(_, (_, weights))| !taps(weights).is_empty());
                let (mut least, mut most) = (usize::MAX, 0);
                for (channel, (start, weights)) in wanted {
                    let taps = taps(weights);
                    least = least.min((start + taps.start) * channels + channel);
                    most = most.max((start + taps.end - 1) * channels + channel);
                }
                let part = least.min(width * channels - bytes);
                if most >= part + bytes {
                    return false;
                }
                for (lane, (channel, (start, weights))) in block.iter().enumerate() {
                    let taps = taps(weights);
                    let lane = lane * TAPS;
                    for (at, tap) in taps.enumerate() {
                        step.set(lane + at, (start + tap) * channels + channel - part, weights[tap]);
                    }
                }
                self.starts.push(part as u32);
            }
        }
        true
    }

    fn fill_pixels(&mut self, weights: &Weights, (channels, width): (usize, usize), count: usize) {
        for (start, weights) in weights.iter() {
            for chunk in 0..self.together {
                let first = (start + chunk * count).min(width - count);
                let before = self.taps.len();
                self.taps.resize(before + DIGITS * count, 0);
                for (tap, &weight) in weights.iter().enumerate().skip(chunk * count).take(count) {
                    for (digits, digit) in self.taps[before..].chunks_exact_mut(count).zip(digits(weight)) {
                        digits[start + tap - first] = digit;
                    }
                }
                self.starts.push((first * channels) as u32);
            }
        }
    }
}

impl Step {
    fn set(&mut self, at: usize, source: usize, weight: i32) {
        self.sources[at] = source as u8;
        for (weights, digit) in self.weights.iter_mut().zip(digits(weight)) {
            weights[at] = digit;
        }
    }
}

/// Sources of every step of [`Shape::Pixel`] for three or four channels: each group of taps in four lanes.
pub(super) const fn sources_of_pixel(channels: usize) -> [u8; BYTES] {
    let mut sources = [0; BYTES];
    let mut at = 0;
    while at < BYTES {
        let (lane, tap) = (at / TAPS, at % TAPS);
        let (group, channel) = (lane / 4, lane % 4);
        // A fourth of three is nobody's.
        if channel < channels {
            sources[at] = ((group * TAPS + tap) * channels + channel) as u8;
        }
        at += 1;
    }
    sources
}

/// Taps of a step of [`Shape::Pixel`].
pub(super) const fn taps_of_pixel(channels: usize) -> usize {
    if channels == 1 { BYTES } else { BYTES / 4 }
}
