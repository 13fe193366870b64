//! Nearest neighbour, as Pillow's `Geometry.c` computes it.

use super::crop::{Axis, Crop};

/// How Pillow steps along an axis. The rounding errors are part of its result.
#[derive(Clone, Copy, Debug)]
pub(super) enum Steps {
    /// Added up: `ImagingScaleAffine`, for modes of 8 and 32 bits.
    Added,
    /// Multiplied: `affine_transform`, for 16 bits.
    Multiplied,
}

/// Source index for each place along `axis`.
fn indices(axis: Axis, steps: Steps) -> impl Iterator<Item = usize> {
    let step = axis.scale();
    let mut added = axis.origin() + step * 0.5;
    (0..axis.target).map(move |place| {
        let position = match steps {
            Steps::Added => added,
            Steps::Multiplied => step * (place as f64 + 0.5) + axis.origin(),
        };
        added += step;
        (position as usize).min(axis.source - 1)
    })
}

/// The rows and the columns of an image of `size` = (height, width) that [`Interpolation::Nearest`] picks when `part`
/// of it is resized `to` (height, width), 8 bits a channel.
///
/// [`Interpolation::Nearest`]: super::Interpolation::Nearest
pub(crate) fn nearest_places(
    size: (usize, usize),
    part: Crop,
    to: (usize, usize),
    (rows, columns): (&mut Vec<usize>, &mut Vec<usize>),
) {
    rows.clear();
    rows.extend(indices(part.rows(size.0, to.0), Steps::Added));
    columns.clear();
    columns.extend(indices(part.columns(size.1, to.1), Steps::Added));
}

/// Picks the pixels (`C` values each) of `pixels` for `out`. `places` is scratch.
pub(super) fn resize<T: Copy, const C: usize>(
    pixels: &[T],
    (rows, columns): (Axis, Axis),
    steps: Steps,
    places: &mut Vec<usize>,
    out: &mut [T],
) {
    places.clear();
    places.extend(indices(columns, steps));
    let pixels = pixels.as_chunks::<C>().0;
    for (out, row) in out.as_chunks_mut::<C>().0.chunks_exact_mut(columns.target).zip(indices(rows, steps)) {
        let row = &pixels[row * columns.source..][..columns.source];
        for (out, &place) in out.iter_mut().zip(&*places) {
            *out = row[place];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(source: usize, target: usize) -> Axis {
        Axis { source, start: 0, len: source, target, reduction: 1 }
    }

    #[test]
    fn the_pixel_under_the_centre() {
        let part = |start, len, target| Axis { source: 9, start, len, target, reduction: 1 };
        for steps in [Steps::Added, Steps::Multiplied] {
            let of = |axis| indices(axis, steps).collect::<Vec<_>>();
            assert_eq!(of(whole(4, 2)), [1, 3]);
            assert_eq!(of(whole(2, 4)), [0, 0, 1, 1]);
            assert_eq!(of(whole(5, 3)), [0, 2, 4]);
            assert_eq!(of(whole(1, 3)), [0, 0, 0]);
            assert_eq!(of(part(3, 4, 2)), [4, 6]);
            assert_eq!(of(part(4, 0, 3)), [4, 4, 4]);
        }
    }

    #[test]
    fn indices_stay_inside() {
        for n in 1..100 {
            for out in 1..200 {
                for steps in [Steps::Added, Steps::Multiplied] {
                    assert!(indices(whole(n, out), steps).all(|index| index < n), "{n} {out}");
                    let part = Axis { source: n, start: n / 2, len: n - n / 2, target: out, reduction: 1 };
                    assert!(indices(part, steps).all(|index| (n / 2..n).contains(&index)), "{n} {out}");
                }
            }
        }
    }
}
