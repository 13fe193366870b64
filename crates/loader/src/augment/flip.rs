//! Mirror images, in place, of bytes as well as floats.

/// Mirrors an image (HWC, `width` pixels a row) left to right.
pub(crate) fn flip_horizontal<T>(pixels: &mut [T], width: usize, channels: usize) {
    for row in pixels.chunks_exact_mut((width * channels).max(1)) {
        match channels {
            1 => row.reverse(),
            3 => row.as_chunks_mut::<3>().0.reverse(),
            4 => row.as_chunks_mut::<4>().0.reverse(),
            _ => {
                row.reverse();
                row.chunks_exact_mut(channels).for_each(<[T]>::reverse);
            }
        }
    }
}

/// Mirrors an image (HWC, `stride` values a row) top to bottom.
pub(crate) fn flip_vertical<T>(pixels: &mut [T], stride: usize) {
    let mut rows = pixels.chunks_exact_mut(stride.max(1));
    while let (Some(top), Some(bottom)) = (rows.next(), rows.next_back()) {
        top.swap_with_slice(bottom);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_reversed_and_pixels_are_not() {
        let mut pixels = vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19];
        flip_horizontal(&mut pixels, 3, 3);
        assert_eq!(pixels, [7, 8, 9, 4, 5, 6, 1, 2, 3, 17, 18, 19, 14, 15, 16, 11, 12, 13]);
        flip_horizontal(&mut pixels, 3, 3);
        assert_eq!(pixels[..3], [1, 2, 3]);
    }

    #[test]
    fn any_number_of_channels_is_mirrored() {
        for channels in 1..=5 {
            let row: Vec<usize> = (0..3 * channels).collect();
            let mut flipped = row.clone();
            flip_horizontal(&mut flipped, 3, channels);
            let expected: Vec<usize> = (0..3).rev().flat_map(|x| row[x * channels..][..channels].to_vec()).collect();
            assert_eq!(flipped, expected);
        }
    }

    #[test]
    fn one_column_stays() {
        let mut pixels = vec![1, 2, 3, 4, 5, 6];
        flip_horizontal(&mut pixels, 1, 3);
        assert_eq!(pixels, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn rows_change_places_top_to_bottom() {
        let mut pixels = vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0];
        flip_vertical(&mut pixels, 2);
        assert_eq!(pixels, [5.0, 6.0, 3.0, 4.0, 1.0, 2.0]);
        flip_vertical(&mut pixels, 3);
        assert_eq!(pixels, [4.0, 1.0, 2.0, 5.0, 6.0, 3.0]);
        flip_vertical(&mut pixels, 6);
        assert_eq!(pixels, [4.0, 1.0, 2.0, 5.0, 6.0, 3.0]);
    }
}
