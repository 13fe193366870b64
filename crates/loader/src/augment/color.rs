//! Channel shift and brightness, in Keras' and Pillow's arithmetic (f32), in place.

use std::array::from_fn;

/// Adds `shift` to all values, clipped to the lowest and highest value of the image
/// (`keras.preprocessing.image.apply_channel_shift`).
pub(super) fn shift_channels(pixels: &mut [f32], shift: f64) {
    let (low, high) = extremes(pixels);
    let shift = shift as f32;
    for value in pixels {
        *value = lesser(greater(*value + shift, low), high);
    }
}

/// Multiplies values by `factor` as Keras 3 has Pillow do it: values are cut to whole bytes, blended with
/// black and cut again (`ImageEnhance.Brightness`). The last of four channels is alpha and is only cut.
///
/// An image with values outside 0 to 255 is stretched to that range first and back afterwards.
pub(super) fn brighten(pixels: &mut [f32], channels: usize, factor: f64) {
    let (low, high) = extremes(pixels);
    let factor = factor as f32;
    if low < 0.0 || high > 255.0 {
        let span = high - low;
        // A flat image is not divided.
        let divisor = if span == 0.0 { 1.0 } else { span };
        map(pixels, channels, |value, is_alpha| {
            let byte = floor((value - low) / divisor * 255.0);
            blend(byte, factor, is_alpha) / 255.0 * span + low
        });
    } else {
        map(pixels, channels, |value, is_alpha| blend(floor(value), factor, is_alpha));
    }
}

/// `Image.blend` of black and a byte. Factors up to 1 cannot leave the range, so that clipping, which Pillow
/// has for the others alone, is right for all.
fn blend(byte: f32, factor: f32, is_alpha: bool) -> f32 {
    if is_alpha { byte } else { floor(lesser(greater(factor * byte, 0.0), 255.0)) }
}

/// `of(value, is_alpha)` of every value.
fn map(pixels: &mut [f32], channels: usize, of: impl Fn(f32, bool) -> f32) {
    if channels == 4 {
        for [r, g, b, alpha] in pixels.as_chunks_mut::<4>().0 {
            (*r, *g, *b, *alpha) = (of(*r, false), of(*g, false), of(*b, false), of(*alpha, true));
        }
    } else {
        for value in pixels {
            *value = of(*value, false);
        }
    }
}

/// `f32::floor` of 0 to 255, which without SSE4.1 is a call of a function.
fn floor(value: f32) -> f32 {
    /// At this size floats are whole numbers.
    const WHOLE: f32 = 8_388_608.0;
    let nearest = (value + WHOLE) - WHOLE;
    if nearest > value { nearest - 1.0 } else { nearest }
}

/// The lowest and highest value. Two passes, since in one the compiler does not vectorise either well.
fn extremes(pixels: &[f32]) -> (f32, f32) {
    (extreme(pixels, lesser), extreme(pixels, greater))
}

fn extreme(pixels: &[f32], choose: impl Fn(f32, f32) -> f32) -> f32 {
    /// So many values are compared at once.
    const LANES: usize = 16;
    let first = pixels.first().copied().unwrap_or_default();
    let (chunks, rest) = pixels.as_chunks::<LANES>();
    let lanes = chunks.iter().fold([first; LANES], |lanes, chunk| from_fn(|lane| choose(chunk[lane], lanes[lane])));
    lanes.iter().chain(rest).copied().fold(first, choose)
}

/// `f32::min` without its rules for NaN: one instruction.
fn lesser(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// `f32::max` without its rules for NaN: one instruction.
fn greater(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floor_is_floor() {
        for k in 0..=255_000 {
            let value = k as f32 / 1_000.0;
            assert_eq!(floor(value), value.floor(), "{value}");
        }
    }

    #[test]
    fn extremes_are_found_anywhere() {
        for len in [1, 2, 15, 16, 17, 100] {
            for place in 0..len {
                let mut pixels = vec![1.0; len];
                pixels[place] = -3.0;
                assert_eq!(extremes(&pixels).0, -3.0);
                pixels[place] = 300.0;
                assert_eq!(extremes(&pixels).1, 300.0);
            }
        }
        assert_eq!(extremes(&[]), (0.0, 0.0));
    }

    #[test]
    fn shifted_values_stay_in_the_range_of_the_image() {
        let mut pixels = [10.0, 100.0, 200.0];
        shift_channels(&mut pixels, 50.0);
        assert_eq!(pixels, [60.0, 150.0, 200.0]);
        shift_channels(&mut pixels, -100.0);
        assert_eq!(pixels, [60.0, 60.0, 100.0]);
    }

    #[test]
    fn brightness_works_on_whole_values_and_keeps_alpha() {
        let mut pixels = [10.9, 101.0, 200.0, 77.7];
        brighten(&mut pixels, 4, 1.5);
        assert_eq!(pixels, [15.0, 151.0, 255.0, 77.0]);
        let mut pixels = [10.9, 101.0, 200.0, 77.7];
        brighten(&mut pixels, 1, 0.0);
        assert_eq!(pixels, [0.0; 4]);
    }
}
