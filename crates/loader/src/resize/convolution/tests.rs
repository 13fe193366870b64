//! The vector kernels against the scalar one.

use super::*;
use crate::cpu::at_every_level;
use crate::resize::crop::{Crop, keep_aspect_box};

struct Draws(u64);

impl Draws {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize
    }
}

/// One axis of the whole image after the other, in plain Rust.
fn oracle<const C: usize>(pixels: &[u8], (rows, columns): (Axis, Axis), out: &mut [u8], filter: Filter) {
    let mut tables = Tables::default();
    let (down, across, _) = tables.pair(rows, columns, filter, None);
    let (from, to) = (columns.source, columns.target);
    let vertical = |pixels: &[u8], stride: usize, out: &mut [u8]| {
        for ((start, weights), out) in down.iter().zip(out.chunks_exact_mut(stride)) {
            scalar::vertical((&pixels[start * stride..], 0), weights, (stride, &mut Vec::new()), out);
        }
    };
    match (columns.is_identity(), rows.is_identity()) {
        (true, _) => vertical(pixels, from * C, out),
        (false, true) => scalar::horizontal::<C>(pixels, from, across, out),
        (false, false) if columns_first(rows, columns) => {
            let mut between = vec![0; rows.target * from * C];
            vertical(pixels, from * C, &mut between);
            scalar::horizontal::<C>(&between, from, across, out);
        }
        (false, false) => {
            let mut between = vec![0; rows.source * to * C];
            scalar::horizontal::<C>(pixels, from, across, &mut between);
            vertical(&between, to * C, out);
        }
    }
}

fn agree<const C: usize>(kernel: Kernel, pixels: &[u8], crop: Crop, from: (usize, usize), to: (usize, usize)) {
    let axes = (crop.rows(from.0, to.0), crop.columns(from.1, to.1));
    let pixels = &pixels[..from.0 * from.1 * C];
    for filter in Filter::ALL {
        let (mut out, mut simple) = (vec![0; to.0 * to.1 * C], vec![0; to.0 * to.1 * C]);
        Convolution::with_kernel(kernel).resize::<C>(pixels, axes, &mut out, filter);
        oracle::<C>(pixels, axes, &mut simple, filter);
        assert!(out == simple, "{kernel:?} {axes:?}, {C} channels, {filter:?}");
    }
}

fn every_channel_count_agrees(pixels: &[u8], crop: Crop, from: (usize, usize), to: (usize, usize)) {
    at_every_level(|_| {
        let kernel = Kernel::detect();
        agree::<1>(kernel, pixels, crop, from, to);
        agree::<3>(kernel, pixels, crop, from, to);
        agree::<4>(kernel, pixels, crop, from, to);
    });
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

#[test]
fn every_layout_of_lanes_agrees() {
    let mut draws = Draws(5);
    let mut shapes = std::collections::BTreeSet::new();
    for round in 0..60 {
        // Around the widths of one and of two vectors, and up to windows that are longer than those.
        let from = (1 + draws.next() % 9, [1, 60, 120, 700, 3_000][round % 5] + draws.next() % 20);
        let to = (1 + draws.next() % 9, 1 + draws.next() % [400, 30][round % 2]);
        let pixels: Vec<u8> =
            (0..from.0 * from.1 * 4).map(|_| [0, 255, draws.next() as u8][draws.next() % 3]).collect();
        let crop = if round % 3 == 0 { keep_aspect_box(from, to) } else { Crop::whole(from) };
        if crop.width == 0 || crop.height == 0 {
            continue;
        }
        every_channel_count_agrees(&pixels, crop, from, to);
        let axis = crop.columns(from.1, to.1);
        for channels in [1, 3, 4] {
            let mut tables = Tables::default();
            let (_, _, lanes) = tables.pair(axis, axis, Filter::Bilinear, Some(channels));
            shapes.insert(lanes.are_usable().then_some((lanes.shape, lanes.values)));
        }
    }
    assert!(shapes.len() >= 5, "{shapes:?}");
}
