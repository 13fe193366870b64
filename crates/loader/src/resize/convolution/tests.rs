//! The vector kernels against the scalar one.

use super::*;
use crate::resize::crop::{Crop, keep_aspect_box};

struct Draws(u64);

impl Draws {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize
    }
}

fn agree<const C: usize>(kernel: Kernel, pixels: &[u8], crop: Crop, from: (usize, usize), to: (usize, usize)) {
    let axes = (crop.rows(from.0, to.0), crop.columns(from.1, to.1));
    let resize = |kernel, filter| {
        let mut out = vec![0; to.0 * to.1 * C];
        Convolution::with_kernel(kernel).resize::<C>(&pixels[..from.0 * from.1 * C], axes, &mut out, filter);
        out
    };
    for filter in Filter::ALL {
        assert!(resize(kernel, filter) == resize(Kernel::Scalar, filter), "{axes:?}, {C} channels, {filter:?}");
    }
}

fn every_channel_count_agrees(pixels: &[u8], crop: Crop, from: (usize, usize), to: (usize, usize)) {
    let kernel = Kernel::detect();
    agree::<1>(kernel, pixels, crop, from, to);
    agree::<3>(kernel, pixels, crop, from, to);
    agree::<4>(kernel, pixels, crop, from, to);
}

#[test]
fn every_kernel_gives_the_bytes_of_the_scalar_one() {
    let mut draws = Draws(3);
    for round in 0..300 {
        let most = [6, 40, 120][round % 3];
        let mut side = || 1 + draws.next() % most;
        let (from, to) = ((side(), side()), (side(), side()));
        let values = 0..from.0 * from.1 * 4;
        let pixels: Vec<u8> = match round % 4 {
            // Extremes overshoot the most.
            0 => values.map(|_| if draws.next().is_multiple_of(2) { 0 } else { 255 }).collect(),
            1 => vec![255; from.0 * from.1 * 4],
            _ => values.map(|_| draws.next() as u8).collect(),
        };
        let crop = if round % 2 == 0 { Crop::whole(from) } else { keep_aspect_box(from, to) };
        every_channel_count_agrees(&pixels, crop, from, to);
    }
}

#[test]
fn long_filters_agree() {
    let mut draws = Draws(4);
    let pixels: Vec<u8> = (0..5 * 4_000 * 4).map(|_| draws.next() as u8).collect();
    every_channel_count_agrees(&pixels, Crop::whole((5, 4_000)), (5, 4_000), (3, 7));
    every_channel_count_agrees(&pixels, Crop::whole((4_000, 5)), (4_000, 5), (7, 3));
    let white = vec![255; 65_535 * 4];
    every_channel_count_agrees(&white, Crop::whole((1, 65_535)), (1, 65_535), (2, 1));
    every_channel_count_agrees(&white, Crop::whole((65_535, 1)), (65_535, 1), (1, 2));
}
