//! The filters of Pillow's `Resample.c`, and their tables of fixed-point weights.

use std::f64::consts::PI;

/// Bits after the point of a weight: 32 less 8 for the pixel less 2 for sums over 1 (`PRECISION_BITS`).
pub(super) const PRECISION_BITS: u32 = 32 - 8 - 2;

/// Weights that are used together by a vector kernel.
pub(super) const TAPS: usize = 4;

/// Where a weight is split into two parts of 16 bits.
pub(super) const SPLIT: u32 = 11;

/// [`TAPS`] weights, each `high * 2^SPLIT + low`; those past the window are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SplitWeights {
    pub(super) low: [i16; TAPS],
    pub(super) high: [i16; TAPS],
}

impl SplitWeights {
    fn new(weights: &[i32]) -> Self {
        let mut split = Self::default();
        for (place, &weight) in weights.iter().enumerate() {
            split.low[place] = (weight & ((1 << SPLIT) - 1)) as i16;
            // A weight is less than 2 in size: 13 bits are left.
            split.high[place] = (weight >> SPLIT) as i16;
        }
        split
    }
}

/// A filter kernel: its half width in source pixels at scale 1, and its value at a distance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter {
    pub(super) support: f64,
    pub(super) kernel: fn(f64) -> f64,
}

impl Filter {
    pub(super) const BOX: Self = Self { support: 0.5, kernel: |x| if x > -0.5 && x <= 0.5 { 1.0 } else { 0.0 } };
    pub(super) const BILINEAR: Self = Self { support: 1.0, kernel: |x| (1.0 - x.abs()).max(0.0) };
    pub(super) const HAMMING: Self = Self { support: 1.0, kernel: hamming };
    pub(super) const BICUBIC: Self = Self { support: 2.0, kernel: bicubic };
    pub(super) const LANCZOS: Self = Self { support: 3.0, kernel: lanczos };
}

fn hamming(x: f64) -> f64 {
    let x = x.abs();
    if x == 0.0 {
        1.0
    } else if x >= 1.0 {
        0.0
    } else {
        let x = x * PI;
        // Pillow's constants are single precision.
        x.sin() / x * (f64::from(0.54_f32) + f64::from(0.46_f32) * x.cos())
    }
}

fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn lanczos(x: f64) -> f64 {
    fn sinc(x: f64) -> f64 {
        if x == 0.0 {
            1.0
        } else {
            let x = x * PI;
            x.sin() / x
        }
    }
    if (-3.0..3.0).contains(&x) { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

/// For each place along an axis of the result: where its window in the source begins, and its weights.
#[derive(Clone, Debug, Default)]
pub(super) struct Weights {
    /// First source pixel and number of weights of each place.
    windows: Vec<(usize, usize)>,
    /// `stride` fixed-point weights a place; those past the window are zero.
    fixed: Vec<i32>,
    stride: usize,
    /// The same weights, split: `groups` for each place.
    split: Vec<SplitWeights>,
    groups: usize,
}

impl Weights {
    /// Weights that map `n` source pixels to `out` places (`precompute_coeffs` and
    /// `normalize_coeffs_8bpc` of Pillow, for the whole image as the box).
    pub(super) fn new(n: usize, out: usize, filter: Filter) -> Self {
        let scale = n as f64 / out as f64;
        let filter_scale = scale.max(1.0);
        let support = filter.support * filter_scale;
        let stride = support.ceil() as usize * 2 + 1;
        let mut windows = Vec::with_capacity(out);
        let mut fixed = Vec::with_capacity(out * stride);
        let mut weights = Vec::with_capacity(stride);
        for place in 0..out {
            let center = (place as f64 + 0.5) * scale;
            let start = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(n);
            weights.clear();
            weights.extend((start..end).map(|x| (filter.kernel)((x as f64 - center + 0.5) * (1.0 / filter_scale))));
            let sum: f64 = weights.iter().sum();
            windows.push((start, weights.len()));
            fixed.extend(weights.iter().map(|&weight| {
                let weight = if sum == 0.0 { weight } else { weight / sum };
                to_fixed(weight)
            }));
            fixed.resize(windows.len() * stride, 0);
        }
        let groups = windows.iter().map(|&(_, len)| len).max().unwrap_or(0).div_ceil(TAPS).max(1);
        let mut split = Vec::with_capacity(out * groups);
        for (place, &(_, len)) in windows.iter().enumerate() {
            split.extend(fixed[place * stride..][..len].chunks(TAPS).map(SplitWeights::new));
            split.resize((place + 1) * groups, SplitWeights::default());
        }
        Self { windows, fixed, stride, split, groups }
    }

    /// The window's start and split weights of each place, [`TAPS`] at a time.
    pub(super) fn split(&self) -> impl Iterator<Item = (usize, &[SplitWeights])> {
        self.windows
            .iter()
            .zip(self.split.chunks_exact(self.groups))
            .map(|(&(start, len), split)| (start, &split[..len.div_ceil(TAPS)]))
    }

    /// The window and weights of each place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.windows
            .iter()
            .zip(self.fixed.chunks_exact(self.stride))
            .map(|(&(start, len), weights)| (start, &weights[..len]))
    }

    /// The source pixels that any window covers.
    pub(super) fn covered(&self) -> std::ops::Range<usize> {
        let first = self.windows.first().map_or(0, |&(start, _)| start);
        let last = self.windows.last().map_or(0, |&(start, len)| start + len);
        first..last
    }
}

/// Half away from zero, as Pillow rounds.
fn to_fixed(weight: f64) -> i32 {
    let scaled = weight * f64::from(1_u32 << PRECISION_BITS);
    (if weight < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one() {
        for filter in [Filter::BOX, Filter::BILINEAR, Filter::HAMMING, Filter::BICUBIC, Filter::LANCZOS] {
            for (n, out) in [(1, 1), (1, 9), (9, 1), (500, 224), (100, 224), (4032, 224)] {
                for (start, weights) in Weights::new(n, out, filter).iter() {
                    let sum: i64 = weights.iter().map(|&weight| i64::from(weight)).sum();
                    assert!((sum - (1 << PRECISION_BITS)).abs() <= weights.len() as i64, "{n} to {out}: {sum}");
                    assert!(start + weights.len() <= n);
                }
            }
        }
    }

    #[test]
    fn split_weights_are_the_weights() {
        for filter in [Filter::BILINEAR, Filter::LANCZOS] {
            for (n, out) in [(1, 4), (9, 4), (500, 224), (50, 224)] {
                let weights = Weights::new(n, out, filter);
                for ((start, whole), (split_start, split)) in weights.iter().zip(weights.split()) {
                    let joined: Vec<i32> = split
                        .iter()
                        .flat_map(|group| {
                            (0..TAPS).map(|k| (i32::from(group.high[k]) << SPLIT) + i32::from(group.low[k]))
                        })
                        .collect();
                    assert_eq!((split_start, &joined[..whole.len()]), (start, whole));
                    assert!(joined[whole.len()..].iter().all(|&weight| weight == 0));
                }
            }
        }
    }

    #[test]
    fn halving_with_bilinear() {
        let weights = Weights::new(4, 2, Filter::BILINEAR);
        let first = weights.iter().next().unwrap();
        // A triangle of half width 2 around 1.0, cut at the border: 0.75, 0.75, 0.25 of 1.75.
        let one = f64::from(1_u32 << PRECISION_BITS);
        let expected = [0.75, 0.75, 0.25].map(|weight: f64| (weight / 1.75 * one + 0.5) as i32);
        assert_eq!(first, (0, &expected[..]));
    }
}
