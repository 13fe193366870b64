//! A standardised image back to levels that a file can hold.

/// Writes `pixels` (one image of 1, 3 or 4 channels, `f32`, any range) to `levels` (`u8`), its smallest value at 0 and
/// its largest at 255: Keras' `array_to_img(scale=True)`, which is what `save_to_dir` shows.
///
/// The stretch is one for all channels, alpha included, and fractions are cut off, not rounded. A flat image becomes
/// black, and so does one with a value that is infinite or not a number.
///
/// # Panics
///
/// When the two lengths differ.
pub fn save_image_levels(pixels: &[f32], levels: &mut [u8]) {
    assert_eq!(pixels.len(), levels.len(), "one level a value");
    if !pixels.iter().all(|value| value.is_finite()) {
        levels.fill(0);
        return;
    }
    let min = pixels.iter().copied().fold(f32::INFINITY, f32::min);
    // Rounding is monotonic: the largest difference is that of the largest value.
    let max = pixels.iter().copied().fold(f32::NEG_INFINITY, f32::max) - min;
    let divisor = if max == 0.0 { 1.0 } else { max };
    for (level, &value) in levels.iter_mut().zip(pixels) {
        *level = ((value - min) / divisor * 255.0) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(pixels: &[f32]) -> Vec<u8> {
        let mut levels = vec![9; pixels.len()];
        save_image_levels(pixels, &mut levels);
        levels
    }

    // keras.utils.array_to_img(np.float32([[[-1.0], [-0.5], [0.0], [0.7], [1.0]]]), scale=True), Keras 3.15.1.
    #[test]
    fn the_range_is_stretched_and_fractions_are_cut_off() {
        assert_eq!(levels(&[-1.0, -0.5, 0.0, 0.7, 1.0]), [0, 63, 127, 216, 255]);
    }

    #[test]
    fn what_has_no_range_is_black() {
        assert_eq!(levels(&[3.0, 3.0]), [0, 0]);
        assert_eq!(levels(&[3.0, f32::NAN, 4.0]), [0, 0, 0]);
        assert_eq!(levels(&[3.0, f32::INFINITY, 4.0]), [0, 0, 0]);
        assert_eq!(levels(&[-3e38, 3e38]), [0, 0]);
        assert_eq!(levels(&[]), [0; 0]);
    }
}
