//! CMYK to RGB as Pillow converts it (`cmyk2rgb` in `Convert.c`).

/// Converts Adobe's inverted CMYK, 4 bytes a pixel as JPEG files hold it (255 = no ink), to RGB. Pillow
/// takes every four-channel JPEG for an inverted one.
pub(super) fn to_rgb(inverted: &[u8], rgb: &mut [u8]) {
    for (rgb, &inks) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(inverted.as_chunks::<4>().0) {
        *rgb = pixel(inks.map(|not_ink| 255 - not_ink));
    }
}

/// One pixel of ink, 255 = full.
#[inline(always)]
pub(super) fn pixel([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let light = 255 - black;
    [cyan, magenta, yellow].map(|ink| light - scale(ink, light))
}

/// `a * b / 255`, rounded (`MULDIV255` in `ImagingUtils.h`).
fn scale(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    (((product >> 8) + product) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ink_takes_light_away() {
        let mut rgb = [0; 12];
        to_rgb(&[255, 255, 255, 255, 0, 255, 255, 255, 255, 255, 255, 0, 100, 200, 50, 128], &mut rgb);
        // The last one by Pillow: Image.frombytes("CMYK", (1, 1), bytes([155, 55, 205, 127])).convert("RGB").
        assert_eq!(rgb, [255, 255, 255, 0, 255, 255, 0, 0, 0, 50, 100, 25]);
    }

    #[test]
    fn scaling_never_exceeds_its_factors() {
        for a in 0..=255 {
            for b in 0..=255 {
                let exact = f64::from(a) * f64::from(b) / 255.0;
                assert!((f64::from(scale(a, b)) - exact).abs() <= 0.5, "{a} {b}");
                assert!(scale(a, b) <= b);
            }
        }
    }
}
