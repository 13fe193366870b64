//! What `keras.applications` does to an image before a network sees it.

#[cfg(target_arch = "x86_64")]
mod avx512;

use std::fmt;
use std::str::FromStr;

use crate::augment::flip_horizontal;
#[cfg(target_arch = "x86_64")]
use crate::cpu::Avx512;
use crate::error::LoaderError;

/// How an RGB image in `0..=255` is standardised: the modes of `keras.applications`' `preprocess_input`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preprocessing {
    /// RGB as it is, `0.0..=255.0`.
    #[default]
    None,
    /// BGR minus the ImageNet means `[103.939, 116.779, 123.68]`, unscaled: ResNet50, VGG.
    Caffe,
    /// RGB in `-1.0..=1.0`: `x / 127.5 - 1`: Xception, MobileNet.
    Tf,
    /// RGB, `x / 255` minus the ImageNet means `[0.485, 0.456, 0.406]`, over the deviations
    /// `[0.229, 0.224, 0.225]`: DenseNet.
    Torch,
}

/// Means of [`Preprocessing::Caffe`], in the order of its channels, BGR.
const CAFFE_MEANS: [f32; 3] = [103.939, 116.779, 123.68];

/// Means of [`Preprocessing::Torch`], RGB.
const TORCH_MEANS: [f32; 3] = [0.485, 0.456, 0.406];

/// Standard deviations of [`Preprocessing::Torch`], RGB.
const TORCH_DEVIATIONS: [f32; 3] = [0.229, 0.224, 0.225];

/// [`Preprocessing::Torch`] of every level of every channel: looking up is faster than two divisions.
static TORCH_LEVELS: [[f32; 256]; 3] = [torch_levels(0), torch_levels(1), torch_levels(2)];

impl Preprocessing {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 4] = [Self::None, Self::Caffe, Self::Tf, Self::Torch];

    /// Writes the standardised `rgb` (HWC, `u8`) to `out` (HWC, `f32`), in single precision in the order of
    /// operations of Keras, so that the numbers are the same to the last bit.
    ///
    /// # Panics
    ///
    /// When the two lengths differ. [`Caffe`](Self::Caffe) and [`Torch`](Self::Torch) also when they are not
    /// multiples of 3; [`check_channels`](Self::check_channels) tells beforehand.
    pub fn apply(self, rgb: &[u8], out: &mut [f32]) {
        assert_eq!(rgb.len(), out.len(), "one number a pixel and channel");
        #[cfg(target_arch = "x86_64")]
        if let (Some(avx512), true) = (Avx512::detect(), rgb.len() >= avx512::TOGETHER) {
            self.check_whole_pixels(rgb.len());
            return avx512.standardize(self, rgb, out);
        }
        self.apply_portable(rgb, out);
    }

    /// The same of the image mirrored left to right: `rgb` has rows of `width` pixels.
    ///
    /// # Panics
    ///
    /// As [`apply`](Self::apply), and when `width` and `channels` do not divide the length.
    pub fn apply_mirrored(self, rgb: &[u8], (width, channels): (usize, usize), out: &mut [f32]) {
        assert_eq!(rgb.len(), out.len(), "one number a pixel and channel");
        let stride = (width * channels).max(1);
        assert!(rgb.len().is_multiple_of(stride), "rows of {width} pixels");
        for (rgb, out) in rgb.chunks_exact(stride).zip(out.chunks_exact_mut(stride)) {
            #[cfg(target_arch = "x86_64")]
            if let (Some(avx512), true, 3) = (Avx512::detect(), rgb.len() >= avx512::TOGETHER, channels) {
                avx512.standardize_mirrored(self, rgb, out);
                continue;
            }
            self.apply_portable(rgb, out);
            flip_horizontal(out, width, channels);
        }
    }

    fn apply_portable(self, rgb: &[u8], out: &mut [f32]) {
        match self {
            Self::None => {
                for (out, &value) in out.iter_mut().zip(rgb) {
                    *out = f32::from(value);
                }
            }
            Self::Caffe => {
                for (out, rgb) in pixels_mut(out).iter_mut().zip(rgb.as_chunks::<3>().0) {
                    *out = caffe(rgb.map(f32::from));
                }
            }
            Self::Tf => {
                for (out, &value) in out.iter_mut().zip(rgb) {
                    *out = tf(f32::from(value));
                }
            }
            Self::Torch => {
                let [reds, greens, blues] = &TORCH_LEVELS;
                for (out, &[red, green, blue]) in pixels_mut(out).iter_mut().zip(rgb.as_chunks::<3>().0) {
                    *out = [reds[usize::from(red)], greens[usize::from(green)], blues[usize::from(blue)]];
                }
            }
        }
    }

    /// Standardises `rgb` (HWC, `f32`) in place; levels need not be whole numbers, or in `0..=255`. The same numbers
    /// to the last bit as Keras on a `float32` array, and as [`apply`](Self::apply) on whole levels.
    ///
    /// # Panics
    ///
    /// [`Caffe`](Self::Caffe) and [`Torch`](Self::Torch) when the length is not a multiple of 3.
    pub fn apply_in_place(self, rgb: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Caffe => {
                for pixel in pixels_mut(rgb) {
                    *pixel = caffe(*pixel);
                }
            }
            Self::Tf => {
                for value in rgb {
                    *value = tf(*value);
                }
            }
            Self::Torch => {
                for pixel in pixels_mut(rgb) {
                    for (channel, value) in pixel.iter_mut().enumerate() {
                        *value = torch(*value, channel);
                    }
                }
            }
        }
    }

    /// Whether images of so many channels can be standardised so: [`Caffe`](Self::Caffe) and [`Torch`](Self::Torch)
    /// are for RGB. (Keras fails on one channel, and turns RGBA into ABGR.)
    ///
    /// # Errors
    ///
    /// [`LoaderError::InvalidOption`] that says which preprocessing and how many channels.
    pub fn check_channels(self, channels: usize) -> Result<(), LoaderError> {
        match self {
            Self::Caffe | Self::Torch if channels != 3 => Err(LoaderError::InvalidOption {
                option: "preprocessing",
                expected: "none or tf for images that are not RGB",
                got: format!("{self} for images of {channels} channel{}", if channels == 1 { "" } else { "s" }),
            }),
            _ => Ok(()),
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn check_whole_pixels(self, length: usize) {
        let of_colours = matches!(self, Self::Caffe | Self::Torch);
        assert!(!of_colours || length.is_multiple_of(3), "three values a pixel");
    }

    /// Whether pixels stay the `u8` that they were.
    pub const fn is_identity(self) -> bool {
        matches!(self, Self::None)
    }
}

fn pixels_mut(values: &mut [f32]) -> &mut [[f32; 3]] {
    let (pixels, rest) = values.as_chunks_mut::<3>();
    assert!(rest.is_empty(), "three values a pixel");
    pixels
}

fn caffe([red, green, blue]: [f32; 3]) -> [f32; 3] {
    let [blue_mean, green_mean, red_mean] = CAFFE_MEANS;
    [blue - blue_mean, green - green_mean, red - red_mean]
}

fn tf(value: f32) -> f32 {
    value / 127.5 - 1.0
}

const fn torch(value: f32, channel: usize) -> f32 {
    (value / 255.0 - TORCH_MEANS[channel]) / TORCH_DEVIATIONS[channel]
}

const fn torch_levels(channel: usize) -> [f32; 256] {
    let mut levels = [0.0; 256];
    let mut level = 0;
    while level < levels.len() {
        levels[level] = torch(level as f32, channel);
        level += 1;
    }
    levels
}

impl fmt::Display for Preprocessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Caffe => "caffe",
            Self::Tf => "tf",
            Self::Torch => "torch",
        })
    }
}

impl FromStr for Preprocessing {
    type Err = LoaderError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|preprocessing| preprocessing.to_string() == name).ok_or_else(|| {
            LoaderError::InvalidOption {
                option: "preprocessing",
                expected: "none, caffe, tf or torch",
                got: name.to_owned(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::at_every_level;

    fn apply(preprocessing: Preprocessing, rgb: &[u8]) -> Vec<f32> {
        let mut out = vec![0.0; rgb.len()];
        preprocessing.apply(rgb, &mut out);
        out
    }

    // keras.applications.resnet50.preprocess_input and xception.preprocess_input, Keras 3.15.1, on
    // np.array([[0, 128, 255], [17, 3, 200]], np.float32).
    #[test]
    fn caffe_is_bgr_minus_means() {
        let expected = [255.0 - 103.939, 128.0 - 116.779, 0.0 - 123.68, 200.0 - 103.939, 3.0 - 116.779, 17.0 - 123.68];
        assert_eq!(apply(Preprocessing::Caffe, &[0, 128, 255, 17, 3, 200]), expected);
    }

    #[test]
    fn tf_is_minus_one_to_one() {
        let expected = [-1.0, 0.003_921_628, 1.0, -0.866_666_7, -0.976_470_6, 0.568_627_4];
        for (value, expected) in apply(Preprocessing::Tf, &[0, 128, 255, 17, 3, 200]).into_iter().zip(expected) {
            assert!((value - expected).abs() < 2e-7_f32, "{value} {expected}");
        }
    }

    #[test]
    fn levels_and_numbers_give_the_same() {
        let rgb: Vec<u8> = (0..=255).flat_map(|level: u8| [level, 255 - level, level ^ 90]).collect();
        for preprocessing in Preprocessing::ALL {
            let mut numbers: Vec<f32> = rgb.iter().copied().map(f32::from).collect();
            preprocessing.apply_in_place(&mut numbers);
            assert_eq!(apply(preprocessing, &rgb), numbers, "{preprocessing}");
        }
    }

    #[test]
    fn vectors_give_the_numbers_of_the_portable_one_to_the_last_bit() {
        let bits = |numbers: &[f32]| numbers.iter().copied().map(f32::to_bits).collect::<Vec<_>>();
        // Every level in every channel.
        let all: Vec<u8> = (0..768).map(|at| (at * 85 % 256) as u8).collect();
        for preprocessing in Preprocessing::ALL {
            for width in (1..70).chain([224, 256]) {
                for channels in [1, 3, 4] {
                    if preprocessing.check_channels(channels).is_err() || width * channels > all.len() {
                        continue;
                    }
                    let rgb = [&all[..width * channels], &all[all.len() - width * channels..]].concat();
                    let (mut simple, mut out) = (vec![0.0; rgb.len()], vec![0.0; rgb.len()]);
                    preprocessing.apply_portable(&rgb, &mut simple);
                    let mut mirrored = simple.clone();
                    flip_horizontal(&mut mirrored, width, channels);
                    at_every_level(|level| {
                        preprocessing.apply(&rgb, &mut out);
                        assert_eq!(bits(&out), bits(&simple), "{level:?} {preprocessing} {width}");
                        out.fill(0.0);
                        preprocessing.apply_mirrored(&rgb, (width, channels), &mut out);
                        assert_eq!(bits(&out), bits(&mirrored), "{level:?} {preprocessing} {width}");
                    });
                }
            }
        }
    }

    #[test]
    fn colour_means_are_for_colours() {
        for preprocessing in Preprocessing::ALL {
            assert!(preprocessing.check_channels(3).is_ok());
            let of_colours = matches!(preprocessing, Preprocessing::Caffe | Preprocessing::Torch);
            assert_eq!(preprocessing.check_channels(1).is_err(), of_colours);
            assert_eq!(preprocessing.check_channels(4).is_err(), of_colours);
        }
        let error = Preprocessing::Caffe.check_channels(1).unwrap_err().to_string();
        assert!(error.contains("caffe for images of 1 channel"), "{error}");
    }

    #[test]
    fn names_read_back() {
        for preprocessing in Preprocessing::ALL {
            assert_eq!(preprocessing.to_string().parse::<Preprocessing>().unwrap(), preprocessing);
        }
        assert!("rescale".parse::<Preprocessing>().is_err());
    }
}
