//! Mirror images.

/// Mirrors an RGB image (HWC, `width` pixels a row) left to right, in place.
pub(crate) fn flip_horizontal(pixels: &mut [u8], width: usize) {
    for row in pixels.chunks_exact_mut(width * 3) {
        row.as_chunks_mut::<3>().0.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_reversed_and_pixels_are_not() {
        let mut pixels = vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19];
        flip_horizontal(&mut pixels, 3);
        assert_eq!(pixels, [7, 8, 9, 4, 5, 6, 1, 2, 3, 17, 18, 19, 14, 15, 16, 11, 12, 13]);
        flip_horizontal(&mut pixels, 3);
        assert_eq!(pixels[..3], [1, 2, 3]);
    }

    #[test]
    fn one_column_stays() {
        let mut pixels = vec![1, 2, 3, 4, 5, 6];
        flip_horizontal(&mut pixels, 1);
        assert_eq!(pixels, [1, 2, 3, 4, 5, 6]);
    }
}
