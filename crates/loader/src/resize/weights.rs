//! Tables of weights, as `precompute_coeffs` and `normalize_coeffs_8bpc` of Pillow make them.

use std::ops::Range;

use super::crop::Axis;
use super::digits::{self, Digits, TAPS};
use super::filter::Filter;

/// Bits after the point of a weight: 32 less 8 for the pixel less 2 for sums over 1 (`PRECISION_BITS`).
pub(super) const PRECISION_BITS: u32 = 32 - 8 - 2;

/// Where a weight is split into two parts of 16 bits.
pub(super) const SPLIT: u32 = 11;

/// For each place along an axis of the result: where its window in the source begins, and its weights, which
/// sum to one.
#[derive(Clone, Debug, Default)]
pub(super) struct Windows {
    /// First source pixel and number of weights of each place.
    ranges: Vec<(usize, usize)>,
    /// The weights of one place after those of the other: all in all, some six of them to a pixel of the source or
    /// the result, at most.
    weights: Vec<f64>,
}

impl Windows {
    /// Becomes the windows of `axis`. They reach over the ends of its part, but not of the source.
    pub(super) fn fill(&mut self, axis: Axis, filter: Filter) {
        let Self { ranges, weights } = self;
        ranges.clear();
        weights.clear();
        let kernel = filter.kernel();
        let scale = axis.scale();
        let filter_scale = scale.max(1.0);
        let inverse = 1.0 / filter_scale;
        let support = filter.support() * filter_scale;
        for place in 0..axis.target {
            let center = axis.origin() + (place as f64 + 0.5) * scale;
            let start = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(axis.source);
            let before = weights.len();
            weights.extend((start..end).map(|x| kernel((x as f64 - center + 0.5) * inverse)));
            let window = &mut weights[before..];
            let sum: f64 = window.iter().sum();
            if sum != 0.0 {
                window.iter_mut().for_each(|weight| *weight /= sum);
            }
            ranges.push((start, window.len()));
        }
    }

    /// Places along the axis of the result.
    pub(super) fn places(&self) -> usize {
        self.ranges.len()
    }

    /// The window's start and the weights of each place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[f64])> {
        consecutive(&self.ranges, &self.weights)
    }

    /// The source pixels that any window covers.
    pub(super) fn covered(&self) -> Range<usize> {
        covered(&self.ranges)
    }
}

/// [`Windows`] with weights in fixed point.
#[derive(Clone, Debug, Default)]
pub(super) struct Weights {
    ranges: Vec<(usize, usize)>,
    fixed: Vec<i32>,
    /// The same weights, split: `groups` for each place.
    split: Vec<SplitWeights>,
    groups: usize,
    /// The same weights in digits: as many groups for each place as it needs.
    digits: Vec<Digits>,
}

/// The weights of one place along the axis of the result.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window<'a> {
    /// The first source pixel.
    pub(super) start: usize,
    /// A weight a source pixel.
    pub(super) fixed: &'a [i32],
    /// The same, [`TAPS`] at a time.
    pub(super) digits: &'a [Digits],
}

impl Weights {
    /// Becomes the weights of `windows`.
    pub(super) fn fill(&mut self, windows: &Windows) {
        let Self { ranges, fixed, split, groups, digits } = self;
        ranges.clone_from(&windows.ranges);
        fixed.clear();
        fixed.extend(windows.weights.iter().copied().map(to_fixed));
        // An even number: one channel takes two groups at a time.
        *groups = ranges.iter().map(|&(_, len)| len).max().unwrap_or(0).div_ceil(2 * TAPS).max(1) * 2;
        split.clear();
        digits.clear();
        for (place, (_, weights)) in consecutive(ranges, fixed).enumerate() {
            split.extend(weights.chunks(TAPS).map(SplitWeights::new));
            split.resize((place + 1) * *groups, SplitWeights::default());
            digits.extend(weights.chunks(TAPS).map(digits::group));
        }
    }

    /// Places along the axis of the result.
    pub(super) fn places(&self) -> usize {
        self.ranges.len()
    }

    /// The window's start and split weights of each place, `together` (1 or 2) times [`TAPS`] at a time.
    pub(super) fn split(&self, together: usize) -> impl Iterator<Item = (usize, &[SplitWeights])> {
        self.ranges
            .iter()
            .zip(self.split.chunks_exact(self.groups))
            .map(move |(&(start, len), split)| (start, &split[..len.div_ceil(TAPS * together) * together]))
    }

    /// The window's start and the weights of each place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        consecutive(&self.ranges, &self.fixed)
    }

    /// The same with the weights in digits beside.
    pub(super) fn windows(&self) -> impl Iterator<Item = Window<'_>> {
        self.iter().scan(&self.digits[..], |rest, (start, fixed)| {
            let (digits, after) = rest.split_at(fixed.len().div_ceil(TAPS));
            *rest = after;
            Some(Window { start, fixed, digits })
        })
    }

    /// Weights of the place with the most.
    pub(super) fn longest(&self) -> usize {
        self.ranges.iter().map(|&(_, len)| len).max().unwrap_or(0)
    }

    /// The source pixels that any window covers.
    pub(super) fn covered(&self) -> Range<usize> {
        covered(&self.ranges)
    }
}

/// [`TAPS`] weights, each `high * 2^SPLIT + low`; those past the window are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(super) struct SplitWeights {
    pub(super) low: [i16; TAPS],
    pub(super) high: [i16; TAPS],
}

impl SplitWeights {
    fn new(weights: &[i32]) -> Self {
        let mut split = Self::default();
        for (place, &weight) in weights.iter().enumerate() {
            [split.low[place], split.high[place]] = Self::parts(weight);
        }
        split
    }

    /// The low and the high part of a weight.
    pub(super) const fn parts(weight: i32) -> [i16; 2] {
        // A weight is less than 2 in size: 13 bits are left.
        [(weight & ((1 << SPLIT) - 1)) as i16, (weight >> SPLIT) as i16]
    }
}

fn consecutive<'a, T>(ranges: &'a [(usize, usize)], weights: &'a [T]) -> impl Iterator<Item = (usize, &'a [T])> {
    ranges.iter().scan(weights, |rest, &(start, len)| {
        let (window, after) = rest.split_at(len);
        *rest = after;
        Some((start, window))
    })
}

fn covered(ranges: &[(usize, usize)]) -> Range<usize> {
    let first = ranges.first().map_or(0, |&(start, _)| start);
    let last = ranges.last().map_or(0, |&(start, len)| start + len);
    first..last
}

/// Half away from zero, as Pillow rounds.
fn to_fixed(weight: f64) -> i32 {
    let scaled = weight * f64::from(1_u32 << PRECISION_BITS);
    (if weight < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
}

#[cfg(test)]
mod tests {
    use super::super::crop::Crop;
    use super::*;

    fn weights(axis: Axis, filter: Filter) -> Weights {
        let (mut windows, mut weights) = (Windows::default(), Weights::default());
        windows.fill(axis, filter);
        weights.fill(&windows);
        weights
    }

    fn whole(n: usize, out: usize) -> Axis {
        Crop::whole((n, 1)).rows(n, out)
    }

    #[test]
    fn weights_sum_to_one() {
        for filter in Filter::ALL {
            for (n, out) in [(1, 1), (1, 9), (9, 1), (500, 224), (100, 224), (4032, 224), (65_535, 3), (1, 4096)] {
                let part = Axis { source: n, start: n / 3, len: n / 2, target: out, reduction: 1 };
                for axis in [whole(n, out), part] {
                    for (start, weights) in weights(axis, filter).iter() {
                        let sum: i64 = weights.iter().map(|&weight| i64::from(weight)).sum();
                        assert!((sum - (1 << PRECISION_BITS)).abs() <= weights.len() as i64, "{axis:?}: {sum}");
                        assert!(start + weights.len() <= n);
                    }
                }
            }
        }
    }

    #[test]
    fn tables_are_small_whatever_the_ratio() {
        for (n, out) in [(65_535, 1), (65_535, 224), (1, 65_535), (65_535, 65_535)] {
            let weights = weights(whole(n, out), Filter::Lanczos);
            assert!(weights.fixed.len() <= 7 * n.max(out), "{n} to {out}: {}", weights.fixed.len());
            assert!(weights.split.len() * TAPS <= 8 * n.max(out) + 8, "{n} to {out}: {}", weights.split.len());
        }
    }

    #[test]
    fn split_weights_are_the_weights() {
        for filter in [Filter::Bilinear, Filter::Lanczos] {
            for (n, out) in [(1, 4), (9, 4), (500, 224), (50, 224)] {
                let weights = weights(whole(n, out), filter);
                for together in [1, 2] {
                    for ((start, whole), (split_start, split)) in weights.iter().zip(weights.split(together)) {
                        let joined: Vec<i32> = split
                            .iter()
                            .flat_map(|group| {
                                (0..TAPS).map(|k| (i32::from(group.high[k]) << SPLIT) + i32::from(group.low[k]))
                            })
                            .collect();
                        assert_eq!(split.len() % together, 0);
                        assert_eq!((split_start, &joined[..whole.len()]), (start, whole));
                        assert!(joined[whole.len()..].iter().all(|&weight| weight == 0));
                    }
                }
            }
        }
    }

    #[test]
    fn halving_with_bilinear() {
        let weights = weights(whole(4, 2), Filter::Bilinear);
        let first = weights.iter().next().unwrap();
        // A triangle of half width 2 around 1.0, cut at the border: 0.75, 0.75, 0.25 of 1.75.
        let one = f64::from(1_u32 << PRECISION_BITS);
        let expected = [0.75, 0.75, 0.25].map(|weight: f64| (weight / 1.75 * one + 0.5) as i32);
        assert_eq!(first, (0, &expected[..]));
    }
}
