//! RGBA with colours multiplied by alpha, which is what Pillow resamples (its mode `RGBa`), and back.

#[cfg(target_arch = "x86_64")]
mod avx2;

#[cfg(target_arch = "x86_64")]
use crate::cpu::Avx2;

/// Whether multiplying by alpha would change nothing.
pub(super) fn is_opaque(pixels: &[u8]) -> bool {
    // In blocks, so that a compiler can vectorise one and a transparent corner ends the search.
    let opaque = |block: &[[u8; 4]]| {
        let all = block.iter().fold(u32::MAX, |all, &pixel| all & u32::from_le_bytes(pixel));
        all >> 24 == 255
    };
    pixels.as_chunks::<4>().0.chunks(1024).all(opaque)
}

/// `rgbA2rgba` of Pillow's `Convert.c`. Both slices are of the same length.
pub(super) fn premultiply(pixels: &[u8], out: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = Avx2::detect() {
        return avx2.premultiply(pixels, out);
    }
    premultiply_scalar(pixels, out);
}

fn premultiply_scalar(pixels: &[u8], out: &mut [u8]) {
    for (out, &[red, green, blue, alpha]) in out.as_chunks_mut::<4>().0.iter_mut().zip(pixels.as_chunks::<4>().0) {
        // `MULDIV255`: the product over 255, rounded.
        let times_alpha = |value: u8| {
            let product = u32::from(value) * u32::from(alpha) + 128;
            ((product + (product >> 8)) >> 8) as u8
        };
        *out = [times_alpha(red), times_alpha(green), times_alpha(blue), alpha];
    }
}

/// `rgba2rgbA` of Pillow's `Convert.c`, in place: rounds down, and clips colours that are over their alpha.
pub(super) fn unpremultiply(pixels: &mut [u8]) {
    for [red, green, blue, alpha] in pixels.as_chunks_mut::<4>().0 {
        if !matches!(alpha, 0 | 255) {
            for value in [red, green, blue] {
                *value = (255 * u32::from(*value) / u32::from(*alpha)).min(255) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::at_every_level;

    #[test]
    fn products_are_rounded_and_quotients_cut() {
        let mut pixels = [200, 100, 3, 128, 9, 8, 7, 0, 1, 2, 3, 255];
        let source = pixels;
        premultiply(&source, &mut pixels);
        assert_eq!(pixels, [100, 50, 2, 128, 0, 0, 0, 0, 1, 2, 3, 255]);
        unpremultiply(&mut pixels);
        assert_eq!(pixels, [199, 99, 3, 128, 0, 0, 0, 0, 1, 2, 3, 255]);
        let mut over = [200, 10, 0, 10];
        unpremultiply(&mut over);
        assert_eq!(over, [255, 255, 0, 10]);
    }

    #[test]
    fn every_value_and_alpha_agrees_with_the_scalar() {
        let all: Vec<u8> = (0..=u16::MAX).flat_map(|k| [k as u8, !k as u8, k as u8 / 2, (k >> 8) as u8]).collect();
        for pixels in [&all[..], &all[..60]] {
            let mut simple = vec![0; pixels.len()];
            premultiply_scalar(pixels, &mut simple);
            at_every_level(|level| {
                let mut fast = vec![0; pixels.len()];
                premultiply(pixels, &mut fast);
                assert!(fast == simple, "{level:?}");
            });
        }
    }

    #[test]
    fn opaque_is_an_alpha_of_255_everywhere() {
        let mut pixels = [1, 2, 3, 255].repeat(5_000);
        assert!(is_opaque(&pixels));
        pixels[4 * 4_321 + 3] = 254;
        assert!(!is_opaque(&pixels));
    }
}
