//! The vector kernels against the scalar one.

use super::*;

const FILTERS: [Filter; 5] = [Filter::BOX, Filter::BILINEAR, Filter::HAMMING, Filter::BICUBIC, Filter::LANCZOS];

struct Draws(u64);

impl Draws {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize
    }
}

fn agree(kernel: Kernel, pixels: &[u8], from: (usize, usize), to: (usize, usize), filter: Filter) {
    let resize = |kernel| {
        let mut out = vec![0; to.0 * to.1 * 3];
        Convolution::with_kernel(kernel).resize(pixels, from, &mut out, to, filter);
        out
    };
    assert_eq!(resize(kernel), resize(Kernel::Scalar), "{from:?} to {to:?}, support {}", filter.support);
}

#[test]
fn every_kernel_gives_the_bytes_of_the_scalar_one() {
    let kernel = Kernel::detect();
    let mut draws = Draws(3);
    for round in 0..400 {
        let most = [6, 40, 120][round % 3];
        let mut side = || 1 + draws.next() % most;
        let (from, to) = ((side(), side()), (side(), side()));
        let pixels: Vec<u8> = match round % 4 {
            // Extremes overshoot the most.
            0 => (0..from.0 * from.1 * 3).map(|_| if draws.next().is_multiple_of(2) { 0 } else { 255 }).collect(),
            1 => vec![255; from.0 * from.1 * 3],
            _ => (0..from.0 * from.1 * 3).map(|_| draws.next() as u8).collect(),
        };
        for filter in FILTERS {
            agree(kernel, &pixels, from, to, filter);
        }
    }
}

#[test]
fn long_filters_agree() {
    let kernel = Kernel::detect();
    let mut draws = Draws(4);
    let (from, to) = ((5, 4_000), (3, 7));
    let pixels: Vec<u8> = (0..from.0 * from.1 * 3).map(|_| draws.next() as u8).collect();
    for filter in FILTERS {
        agree(kernel, &pixels, from, to, filter);
        agree(kernel, &pixels, (from.1, from.0), (to.1, to.0), filter);
    }
}
