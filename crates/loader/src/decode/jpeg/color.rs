//! What samples mean, and their way to RGB (libjpeg's `jdcolor.c`).

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
    #[inline(always)]
    pub(super) fn row(self, samples: [&[u8]; 4], out: &mut [u8]) {
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
