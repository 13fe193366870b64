//! Every mode to RGB, RGBA or grey, as Pillow's `Image.convert` does it (`Convert.c`).

use super::options::{Alpha, ColorMode, DecodeOptions, Depth16};
use super::raster::{Mode, Raster};
use super::{Deep, DeepKind, Image, cmyk};

/// Moves the picture to `image`, in the colours that `options` ask for.
pub(super) fn convert(raster: &mut Raster, options: &DecodeOptions, image: &mut Image) {
    image.width = raster.width;
    image.height = raster.height;
    image.channels = options.color_mode.channels();
    let kind = match raster.mode {
        Mode::I16 => Some(DeepKind::I16),
        Mode::I32From16 | Mode::I32 => Some(DeepKind::I32),
        _ => None,
    };
    if let (Some(kind), ColorMode::Grayscale, Depth16::Clip) = (kind, options.color_mode, options.depth16) {
        image.pixels.clear();
        image.deep = Some(Deep { kind, values: std::mem::take(&mut raster.values) });
        return;
    }
    if raster.mode.channels() == 0 {
        to_bytes(raster, options.depth16);
    }
    let over = match options.alpha {
        Alpha::Composite(color) if options.color_mode != ColorMode::Rgba => Some(color),
        _ => None,
    };
    let as_it_is = match raster.mode {
        Mode::L => options.color_mode == ColorMode::Grayscale && over.is_none(),
        Mode::Rgb => options.color_mode == ColorMode::Rgb && over.is_none(),
        Mode::Rgba => options.color_mode == ColorMode::Rgba,
        _ => false,
    };
    if as_it_is {
        std::mem::swap(&mut image.pixels, &mut raster.bytes);
    } else {
        pixels(raster, options.color_mode, over, &mut image.pixels);
    }
}

fn pixels(raster: &Raster, color_mode: ColorMode, over: Option<[u8; 3]>, out: &mut Vec<u8>) {
    out.resize(raster.width * raster.height * color_mode.channels(), 0);
    let bytes = &raster.bytes[..];
    let opacity = |color: [u8; 3]| if Some(color) == raster.transparent { 0 } else { 255 };
    match raster.mode {
        Mode::L => each(bytes, color_mode, over, out, |&[grey]: &[u8; 1]| [grey, grey, grey, opacity([grey; 3])]),
        Mode::La => each(bytes, color_mode, over, out, |&[grey, alpha]: &[u8; 2]| [grey, grey, grey, alpha]),
        Mode::Rgb => each(bytes, color_mode, over, out, |&[red, green, blue]: &[u8; 3]| {
            [red, green, blue, opacity([red, green, blue])]
        }),
        Mode::Rgba => each(bytes, color_mode, over, out, |pixel: &[u8; 4]| *pixel),
        Mode::Palette => each(bytes, color_mode, over, out, |&[index]: &[u8; 1]| raster.palette[usize::from(index)]),
        Mode::Cmyk => each(bytes, color_mode, over, out, |&inks: &[u8; 4]| {
            let [red, green, blue] = cmyk::pixel(inks);
            [red, green, blue, 255]
        }),
        Mode::I16 | Mode::I16Big | Mode::I32From16 | Mode::I32 => {}
    }
}

/// Runs `rgba` over pixels of `N` bytes and keeps of its colours what `color_mode` has, laid over `over`.
#[inline(always)]
fn each<const N: usize>(
    bytes: &[u8],
    color_mode: ColorMode,
    over: Option<[u8; 3]>,
    out: &mut [u8],
    rgba: impl Fn(&[u8; N]) -> [u8; 4],
) {
    let pixels = bytes.as_chunks::<N>().0;
    let rgb = |pixel: &[u8; N]| {
        let [red, green, blue, alpha] = rgba(pixel);
        over.map_or([red, green, blue], |under| composite([red, green, blue], alpha, under))
    };
    match color_mode {
        ColorMode::Rgb => {
            for (out, pixel) in out.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
                *out = rgb(pixel);
            }
        }
        ColorMode::Rgba => {
            for (out, pixel) in out.as_chunks_mut::<4>().0.iter_mut().zip(pixels) {
                *out = rgba(pixel);
            }
        }
        ColorMode::Grayscale => {
            for (out, pixel) in out.iter_mut().zip(pixels) {
                *out = luma(rgb(pixel));
            }
        }
    }
}

/// `L24` of `Convert.c`: ITU-R 601-2 with 16 fractional bits. Grey stays what it is.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    ((u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471 + 0x8000) >> 16) as u8
}

/// `ImagingAlphaComposite` over an opaque colour: 7 fractional bits, and a division by 255 that rounds.
fn composite(color: [u8; 3], alpha: u8, under: [u8; 3]) -> [u8; 3] {
    const PRECISION_BITS: u32 = 7;
    let above = u32::from(alpha) << PRECISION_BITS;
    let below = (255 << PRECISION_BITS) - above;
    std::array::from_fn(|channel| {
        let sum = u32::from(color[channel]) * above + u32::from(under[channel]) * below + (0x80 << PRECISION_BITS);
        ((((sum >> 8) + sum) >> 8) >> PRECISION_BITS) as u8
    })
}

/// Grey of more than 8 bits to 8.
fn to_bytes(raster: &mut Raster, depth16: Depth16) {
    let scale = depth16 == Depth16::Scale && raster.mode != Mode::I32;
    let value = |value: i32| if scale { value >> 8 } else { value };
    let mut clipped = false;
    raster.bytes.clear();
    raster.bytes.extend(raster.values.iter().map(|&deep| {
        let byte = value(deep).clamp(0, 255);
        clipped |= byte != value(deep);
        byte as u8
    }));
    raster.clipped |= clipped;
    raster.mode = Mode::L;
}

#[cfg(test)]
mod tests {
    use super::*;

    // By Pillow 13: Image.alpha_composite of a pixel over (200, 100, 0, 255).
    #[test]
    fn colours_are_laid_over_another_as_in_pillow() {
        let under = [200, 100, 0];
        assert_eq!(composite([10, 20, 30], 0, under), under);
        assert_eq!(composite([10, 20, 30], 255, under), [10, 20, 30]);
        assert_eq!(composite([10, 20, 30], 128, under), [105, 60, 15]);
        assert_eq!(composite([255, 255, 255], 1, under), [200, 101, 1]);
    }

    #[test]
    fn grey_is_its_own_luma() {
        for grey in 0..=255 {
            assert_eq!(luma([grey; 3]), grey);
        }
    }
}
