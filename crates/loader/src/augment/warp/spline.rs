//! B-splines as scipy has them (`ni_splines.c`): weights of the taps, poles of the prefilter. Every sum is in
//! scipy's order, since the last bit depends on it.

/// The most taps along an axis.
pub(super) const MAX_TAPS: usize = 6;

/// The first of the `N` taps around a coordinate.
#[inline(always)]
pub(super) fn first_tap<const N: usize>(coordinate: f64) -> f64 {
    let order = N - 1;
    let middle = if order % 2 == 1 { coordinate.floor() } else { (coordinate + 0.5).floor() };
    middle - (order / 2) as f64
}

/// Weights of the `N` taps around a coordinate; the last is what is missing to one. Order 0 has none.
#[inline(always)]
pub(super) fn weights<const N: usize>(coordinate: f64) -> [f64; N] {
    let order = N - 1;
    let mut weights = [1.0; N];
    // From the middle knot: [0, 1) for odd orders, [-0.5, 0.5] for even ones.
    let x = coordinate - if order % 2 == 1 { coordinate.floor() } else { (coordinate + 0.5).floor() };
    match order {
        0 => return weights,
        1 => weights[0] = 1.0 - x,
        2 => {
            weights[1] = 0.75 - x * x;
            let y = 0.5 - x;
            weights[0] = 0.5 * y * y;
        }
        3 => {
            let z = 1.0 - x;
            weights[1] = (x * x * (x - 2.0) * 3.0 + 4.0) / 6.0;
            weights[2] = (z * z * (z - 2.0) * 3.0 + 4.0) / 6.0;
            weights[0] = z * z * z / 6.0;
        }
        4 => {
            let inner = |y: f64| y * (y * (y * (5.0 - y) / 6.0 - 1.25) + 5.0 / 24.0) + 55.0 / 96.0;
            let square = x * x;
            weights[2] = square * (square * 0.25 - 0.625) + 115.0 / 192.0;
            weights[1] = inner(1.0 + x);
            weights[3] = inner(1.0 - x);
            let y = 0.5 - x;
            let square = y * y;
            weights[0] = square * square / 24.0;
        }
        _ => {
            let middle = |y: f64| {
                let square = y * y;
                square * (square * (0.25 - y / 12.0) - 0.5) + 0.55
            };
            let inner = |y: f64| y * (y * (y * (y * (y / 24.0 - 0.375) + 1.25) - 1.75) + 0.625) + 0.425;
            let z = 1.0 - x;
            weights[2] = middle(x);
            weights[3] = middle(z);
            weights[1] = inner(x + 1.0);
            weights[4] = inner(z + 1.0);
            let square = z * z;
            weights[0] = z * square * square / 120.0;
        }
    }
    weights[order] = weights[..order].iter().fold(1.0, |rest, weight| rest - weight);
    weights
}

/// Poles of the prefilter of an order: of the polynomial that the spline's values at whole places make
/// (Unser, Aldroubi and Eden, 1991). Orders 0 and 1 need no prefilter.
pub(super) const fn poles(order: u8) -> &'static [f64] {
    match order {
        // sqrt(8) - 3
        2 => &[-0.171_572_875_253_809_9],
        // sqrt(3) - 2
        3 => &[-0.267_949_192_431_122_7],
        // sqrt(664 -+ sqrt(438976)) +- sqrt(304) - 19
        4 => &[-0.361_341_225_900_220_16, -0.013_725_429_297_339_121],
        // sqrt(67.5 -+ sqrt(4436.25)) +- sqrt(26.25) - 6.5
        5 => &[-0.430_575_347_099_973_8, -0.043_096_288_203_264_65],
        _ => &[],
    }
}
