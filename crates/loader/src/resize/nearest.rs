//! Nearest neighbour, as `ImagingScaleAffine` of Pillow's `Geometry.c` computes it.

/// Source index for each of `out` places along an axis of `n` pixels. The position is accumulated in
/// double precision, not multiplied: the rounding errors are part of Pillow's result.
pub(super) fn indices(n: usize, out: usize) -> impl Iterator<Item = usize> {
    let step = n as f64 / out as f64;
    let mut position = step * 0.5;
    (0..out).map(move |_| {
        let index = position as usize;
        position += step;
        index.min(n - 1)
    })
}

pub(super) fn resize(pixels: &[u8], from: (usize, usize), out: &mut [u8], to: (usize, usize)) {
    let columns: Vec<usize> = indices(from.1, to.1).collect();
    let rows = pixels.as_chunks::<3>().0;
    for (out, row) in out.as_chunks_mut::<3>().0.chunks_exact_mut(to.1).zip(indices(from.0, to.0)) {
        let row = &rows[row * from.1..][..from.1];
        for (out, &column) in out.iter_mut().zip(&columns) {
            *out = row[column];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pixel_under_the_centre() {
        assert_eq!(indices(4, 2).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(indices(2, 4).collect::<Vec<_>>(), [0, 0, 1, 1]);
        assert_eq!(indices(5, 3).collect::<Vec<_>>(), [0, 2, 4]);
        assert_eq!(indices(1, 3).collect::<Vec<_>>(), [0, 0, 0]);
    }

    #[test]
    fn indices_stay_inside() {
        for n in 1..200 {
            for out in 1..200 {
                assert!(indices(n, out).all(|index| index < n), "{n} {out}");
            }
        }
    }
}
