//! What samples mean, and their way to RGB (libjpeg's `jdcolor.c`).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

#[cfg(target_arch = "x86_64")]
use crate::cpu::{Avx2, Avx512};

/// The meaning of a file's channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColorSpace {
    Grey,
    Rgb,
    YCbCr,
    Cmyk,
    Ycck,
}

impl ColorSpace {
    /// Channels of a pixel after [`row`](Self::row): 3 of RGB, or 4 of inverted CMYK.
    pub(super) fn channels(self) -> usize {
        match self {
            Self::Grey | Self::Rgb | Self::YCbCr => 3,
            Self::Cmyk | Self::Ycck => 4,
        }
    }

    /// Channels as they are stored.
    pub(super) fn components(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb | Self::YCbCr => 3,
            Self::Cmyk | Self::Ycck => 4,
        }
    }

    /// Interleaves a row of samples, a slice a channel, into pixels.
    pub(super) fn row(self, samples: [&[u8]; 4], out: &mut [u8]) {
        #[cfg(target_arch = "x86_64")]
        if let (Some(avx512), true) = (Avx512::detect(), out.len() >= 3 * avx512::LANES) {
            let [a, b, c, _] = samples;
            match self {
                Self::Grey => return avx512::rgb(avx512, [a, a, a], out),
                Self::Rgb => return avx512::rgb(avx512, [a, b, c], out),
                Self::YCbCr => return avx512::ycbcr(avx512, [a, b, c], out),
                Self::Cmyk | Self::Ycck => {}
            }
        }
        #[cfg(target_arch = "x86_64")]
        if let (Some(avx2), true) = (Avx2::detect(), out.len() >= 3 * avx2::LANES) {
            let [a, b, c, _] = samples;
            match self {
                Self::Grey => return avx2::rgb(avx2, [a, a, a], out),
                Self::Rgb => return avx2::rgb(avx2, [a, b, c], out),
                Self::YCbCr => return avx2::ycbcr(avx2, [a, b, c], out),
                Self::Cmyk | Self::Ycck => {}
            }
        }
        self.row_portable(samples, out);
    }

    fn row_portable(self, samples: [&[u8]; 4], out: &mut [u8]) {
        let [a, b, c, d] = samples;
        match self {
            Self::Grey => {
                for (out, &grey) in out.as_chunks_mut::<3>().0.iter_mut().zip(a) {
                    *out = [grey; 3];
                }
            }
            Self::Rgb => {
                for (((out, &red), &green), &blue) in out.as_chunks_mut::<3>().0.iter_mut().zip(a).zip(b).zip(c) {
                    *out = [red, green, blue];
                }
            }
            Self::YCbCr => {
                for (((out, &y), &cb), &cr) in out.as_chunks_mut::<3>().0.iter_mut().zip(a).zip(b).zip(c) {
                    *out = to_rgb(y, cb, cr);
                }
            }
            Self::Cmyk => {
                for ((((out, &a), &b), &c), &d) in out.as_chunks_mut::<4>().0.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                    *out = [a, b, c, d];
                }
            }
            Self::Ycck => {
                for ((((out, &y), &cb), &cr), &k) in out.as_chunks_mut::<4>().0.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                    let [red, green, blue] = to_rgb(y, cb, cr);
                    *out = [255 - red, 255 - green, 255 - blue, k];
                }
            }
        }
    }
}

/// `x` with 16 fractional bits.
const fn fix(x: f64) -> i32 {
    (x * 65_536.0 + 0.5) as i32
}

const HALF: i32 = 1 << 15;

#[inline(always)]
fn to_rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let red = y + ((fix(1.402) * cr + HALF) >> 16);
    let green = y + ((-fix(0.34414) * cb - fix(0.71414) * cr + HALF) >> 16);
    let blue = y + ((fix(1.772) * cb + HALF) >> 16);
    [red, green, blue].map(|value| value.clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::at_every_level;

    #[test]
    fn vectors_give_every_colour_as_single_pixels_do() {
        let ramp: Vec<u8> = (0..=255).collect();
        for cb in 0..=255 {
            for cr in 0..=255 {
                let (mut row, mut portable) = ([0; 768], [0; 768]);
                let samples = [&ramp, &[cb; 256][..], &[cr; 256], &[]];
                ColorSpace::YCbCr.row_portable(samples, &mut portable);
                at_every_level(|level| {
                    ColorSpace::YCbCr.row(samples, &mut row);
                    assert!(row == portable, "{level:?} {cb} {cr}");
                });
            }
        }
    }

    #[test]
    fn rows_of_every_width_are_interleaved() {
        let channel = |factor: usize| -> Vec<u8> { (0..200).map(|x| (x * factor % 251) as u8).collect() };
        let (a, b, c) = (channel(7), channel(11), channel(113));
        for color in [ColorSpace::Grey, ColorSpace::Rgb, ColorSpace::YCbCr] {
            for width in 1..200 {
                let (mut row, mut portable) = (vec![0; width * 3], vec![0; width * 3]);
                // More samples than pixels, as after replication.
                color.row_portable([&a, &b, &c, &[]], &mut portable);
                at_every_level(|level| {
                    row.fill(0);
                    color.row([&a, &b, &c, &[]], &mut row);
                    assert_eq!(row, portable, "{level:?} {color:?} {width}");
                });
            }
        }
    }

    #[test]
    fn grey_has_no_tint_and_primaries_are_where_they_belong() {
        for y in 0..=255 {
            assert_eq!(to_rgb(y, 128, 128), [y; 3]);
        }
        // JFIF 1.02: Y, Cb, Cr of pure red, green and blue.
        for (sample, color) in
            [([76, 85, 255], [254, 0, 0]), ([150, 44, 21], [0, 255, 1]), ([29, 255, 107], [0, 0, 254])]
        {
            assert_eq!(to_rgb(sample[0], sample[1], sample[2]), color);
        }
    }
}
