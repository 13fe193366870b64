//! Mirror images, in place, of bytes as well as floats.

#[cfg(target_arch = "x86_64")]
mod avx512;

#[cfg(target_arch = "x86_64")]
use crate::cpu::Avx512;

/// What pixels are made of.
pub(crate) trait Value: Sized {
    /// Mirrors a row of pixels. Bytes have a faster way.
    fn mirror(row: &mut [Self], channels: usize) {
        mirror(row, channels);
    }
}

impl Value for f32 {}

impl Value for u8 {
    fn mirror(row: &mut [Self], channels: usize) {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx512) = Avx512::detect() {
            match channels {
                1 => return avx512.mirror::<1>(row),
                3 => return avx512.mirror::<3>(row),
                4 => return avx512.mirror::<4>(row),
                _ => {}
            }
        }
        mirror(row, channels);
    }
}

/// Mirrors an image (HWC, `width` pixels a row) left to right.
pub(crate) fn flip_horizontal<T: Value>(pixels: &mut [T], width: usize, channels: usize) {
    for row in pixels.chunks_exact_mut((width * channels).max(1)) {
        T::mirror(row, channels);
    }
}

fn mirror<T>(row: &mut [T], channels: usize) {
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
    use crate::cpu::at_every_level;

    #[test]
    fn rows_are_reversed_and_pixels_are_not() {
        let mut pixels = vec![1_u8, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19];
        flip_horizontal(&mut pixels, 3, 3);
        assert_eq!(pixels, [7, 8, 9, 4, 5, 6, 1, 2, 3, 17, 18, 19, 14, 15, 16, 11, 12, 13]);
        flip_horizontal(&mut pixels, 3, 3);
        assert_eq!(pixels[..3], [1, 2, 3]);
    }

    #[test]
    fn any_number_of_channels_is_mirrored() {
        for channels in 1..=5 {
            for width in 1..160 {
                let row: Vec<u8> = (0..width * channels).map(|at| (at * 7 % 251) as u8).collect();
                let mirrored = (0..width).rev().flat_map(|x| &row[x * channels..][..channels]);
                let expected: Vec<u8> = mirrored.copied().collect();
                at_every_level(|level| {
                    // Two rows, which do not mix.
                    let mut flipped = row.repeat(2);
                    flip_horizontal(&mut flipped, width, channels);
                    assert_eq!(flipped, expected.repeat(2), "{level:?}");
                });
                let mut floats: Vec<f32> = row.iter().copied().map(f32::from).collect();
                flip_horizontal(&mut floats, width, channels);
                assert_eq!(floats, expected.iter().copied().map(f32::from).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn one_column_stays() {
        let mut pixels = vec![1_u8, 2, 3, 4, 5, 6];
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
