//! scipy's algorithm for one channel, one pixel and one tap after the other, as plainly as it can be said: what
//! the fast code is tested against, and what `fixtures/make_warp.py` tests against scipy.

use super::fill::FillMode;
use super::prefilter::power;
use super::spline::{poles, weights};
use super::{Affine, Shape, SplineOrder};

pub(super) fn warp<T: Copy + Into<f64>>(
    pixels: &[T],
    (height, width, channels): Shape,
    affine: &Affine,
    fill: FillMode,
    cval: f64,
    order: SplineOrder,
) -> Vec<f32> {
    let mut out = vec![0.0; pixels.len()];
    for channel in 0..channels {
        let plane: Vec<f64> = pixels.iter().skip(channel).step_by(channels).map(|&pixel| pixel.into()).collect();
        let warped = warp_plane(&plane, (height, width), affine, fill, cval, order.get());
        for (out, value) in out.iter_mut().skip(channel).step_by(channels).zip(warped) {
            *out = value as f32;
        }
    }
    out
}

fn warp_plane(
    pixels: &[f64],
    (height, width): (usize, usize),
    affine: &Affine,
    fill: FillMode,
    cval: f64,
    order: u8,
) -> Vec<f64> {
    let padding = if order > 1 && matches!(fill, FillMode::Nearest | FillMode::GridConstant) { 12 } else { 0 };
    let lens = [height + 2 * padding, width + 2 * padding];
    let mut values: Vec<f64> = (0..lens[0] * lens[1])
        .map(|at| {
            let [row, column] = [at / lens[1], at % lens[1]].map(|place| place as isize - padding as isize);
            let inside = (0..height as isize).contains(&row) && (0..width as isize).contains(&column);
            if fill == FillMode::GridConstant && !inside {
                return f64::from(cval as f32);
            }
            let (row, column) = (row.clamp(0, height as isize - 1), column.clamp(0, width as isize - 1));
            pixels[row as usize * width + column as usize]
        })
        .collect();
    if order > 1 {
        for column in 0..lens[1] {
            let mut line: Vec<f64> = (0..lens[0]).map(|row| values[row * lens[1] + column]).collect();
            filter(&mut line, order, fill);
            for (row, value) in line.into_iter().enumerate() {
                values[row * lens[1] + column] = value;
            }
        }
        for line in values.chunks_exact_mut(lens[1]) {
            filter(line, order, fill);
        }
    }

    let mut out = Vec::new();
    for row in 0..height {
        for column in 0..width {
            let coordinate = |axis: usize| {
                let mut sum = affine.offset[axis];
                sum += row as f64 * affine.matrix[axis][0];
                sum += column as f64 * affine.matrix[axis][1];
                sum + padding as f64
            };
            let axes = [0, 1].map(|axis| taps(coordinate(axis), lens[axis], fill, order));
            let [Some(rows), Some(columns)] = axes else {
                out.push(cval);
                continue;
            };
            let mut sum = 0.0;
            for &(row, row_weight) in &rows {
                for &(column, column_weight) in &columns {
                    let value = match (row, column) {
                        (Some(row), Some(column)) => values[row * lens[1] + column],
                        _ => cval,
                    };
                    sum += if order > 0 { value * row_weight * column_weight } else { value };
                }
            }
            out.push(sum);
        }
    }
    out
}

/// Place (`None` where it is `cval`) and weight of each tap; `None` for a pixel that is `cval`.
fn taps(coordinate: f64, len: usize, fill: FillMode, order: u8) -> Option<Vec<(Option<usize>, f64)>> {
    let coordinate = match fill {
        FillMode::Nearest | FillMode::GridConstant => coordinate,
        _ => Some(fill.map(coordinate, len)).filter(|&mapped| mapped > -1.0)?,
    };
    let middle = if order % 2 == 1 { coordinate.floor() } else { (coordinate + 0.5).floor() };
    let weights: Vec<f64> = match order {
        0 => weights::<1>(coordinate).to_vec(),
        1 => weights::<2>(coordinate).to_vec(),
        2 => weights::<3>(coordinate).to_vec(),
        3 => weights::<4>(coordinate).to_vec(),
        4 => weights::<5>(coordinate).to_vec(),
        _ => weights::<6>(coordinate).to_vec(),
    };
    let taps = (0..).zip(weights).map(|(tap, weight)| {
        let place = middle as i64 - i64::from(order / 2) + tap;
        let place = match fill {
            FillMode::GridConstant if !(0..len as i64).contains(&place) => None,
            FillMode::Constant | FillMode::Wrap => Some(FillMode::Mirror.map(place as f64, len) as usize),
            _ => Some(fill.map(place as f64, len) as usize),
        };
        (place, weight)
    });
    Some(taps.collect())
}

/// `apply_filter` of `ni_splines.c` on one line.
fn filter(line: &mut [f64], order: u8, fill: FillMode) {
    let n = line.len();
    if n <= 1 {
        return;
    }
    let gain = poles(order).iter().fold(1.0, |gain, &pole| gain * ((1.0 - pole) * (1.0 - 1.0 / pole)));
    line.iter_mut().for_each(|value| *value *= gain);
    let reflects = matches!(fill, FillMode::Nearest | FillMode::Reflect | FillMode::GridMirror);
    for &pole in poles(order) {
        let mut near = pole;
        if reflects {
            let far = power(pole, n);
            let first = line[0];
            line[0] += far * line[n - 1];
            for k in 1..n {
                line[0] += near * (line[k] + far * line[n - 1 - k]);
                near *= pole;
            }
            line[0] *= pole / (1.0 - far * far);
            line[0] += first;
        } else if fill == FillMode::GridWrap {
            for k in 1..n {
                line[0] += near * line[n - k];
                near *= pole;
            }
            line[0] /= 1.0 - near;
        } else {
            let far = power(pole, n - 1);
            line[0] += far * line[n - 1];
            for k in 1..n - 1 {
                line[0] += near * (line[k] + far * line[n - 1 - k]);
                near *= pole;
            }
            line[0] /= 1.0 - far * far;
        }
        for k in 1..n {
            line[k] += pole * line[k - 1];
        }
        let mut near = pole;
        if reflects {
            line[n - 1] *= pole / (pole - 1.0);
        } else if fill == FillMode::GridWrap {
            for k in 0..n - 1 {
                line[n - 1] += near * line[k];
                near *= pole;
            }
            line[n - 1] *= pole / (near - 1.0);
        } else {
            line[n - 1] = (pole * line[n - 2] + line[n - 1]) * pole / (pole * pole - 1.0);
        }
        for k in (0..n - 1).rev() {
            line[k] = pole * (line[k + 1] - line[k]);
        }
    }
}
