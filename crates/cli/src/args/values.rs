//! Single values of the command line: how they are written, and which of them are refused.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use xfer_backbones::Architecture;
use xfer_loader::ZoomRange;

use super::usage_error;

/// Height and width in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ImageSize {
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl ImageSize {
    const MAX: usize = 16_384;

    /// Refuses what the backbone cannot take.
    pub(crate) fn check(self, backbone: Architecture, verb: &str) -> Result<(), clap::Error> {
        let least = backbone.min_image_size();
        if self.height.min(self.width) < least {
            let message = format!(
                "--image-size {self} is too small for {backbone}, which takes images from {least}x{least} pixels"
            );
            return Err(usage_error(verb, message));
        }
        Ok(())
    }
}

impl FromStr for ImageSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (height, width) = text.split_once(['x', 'X']).unwrap_or((text, text));
        let side = |side: &str| match side.parse() {
            Ok(side @ 1..=Self::MAX) => Ok(side),
            _ => Err(format!("expected N or HEIGHTxWIDTH, with sides of 1 to {} pixels", Self::MAX)),
        };
        Ok(Self { height: side(height)?, width: side(width)? })
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}

/// Where the weights of a backbone come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WeightsChoice {
    /// The published ones.
    Imagenet,
    /// Drawn from a seed.
    Random(u64),
    /// A file.
    File(PathBuf),
}

impl WeightsChoice {
    /// The seed of `random` alone.
    const DEFAULT_SEED: u64 = 123;
}

impl FromStr for WeightsChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(seed) = text.strip_prefix("random:") {
            return seed
                .parse()
                .map(Self::Random)
                .map_err(|_| format!("`{seed}` is no seed; expected a whole number from 0"));
        }
        match text {
            "" => Err("expected imagenet, a path, or random[:SEED]".to_owned()),
            "imagenet" => Ok(Self::Imagenet),
            "random" => Ok(Self::Random(Self::DEFAULT_SEED)),
            path => Ok(Self::File(path.into())),
        }
    }
}

impl fmt::Display for WeightsChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Imagenet => f.write_str("imagenet"),
            Self::Random(seed) => write!(f, "random:{seed}"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// Where metrics are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricsAddress {
    Off,
    At(SocketAddr),
}

impl FromStr for MetricsAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            address => address
                .parse()
                .map(Self::At)
                .map_err(|_| "expected IP:PORT, such as 127.0.0.1:9464 (port 0: any free one), or off".to_owned()),
        }
    }
}

/// A number of things of which there must be one at least.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    match text.parse::<u32>() {
        Ok(count @ 1..) => usize::try_from(count).map_err(|error| error.to_string()),
        _ => Err(format!("expected a whole number from 1 to {}", u32::MAX)),
    }
}

/// Photos of one batch.
pub(crate) fn batch_size(text: &str) -> Result<usize, String> {
    const MAX: usize = 65_536;
    count(text).ok().filter(|&size| size <= MAX).ok_or_else(|| format!("expected a whole number from 1 to {MAX}"))
}

/// A rate that descends: positive and finite, also as the f32 that it is used as.
pub(crate) fn learning_rate(text: &str) -> Result<f64, String> {
    let fits = |rate: &f64| *rate as f32 > 0.0 && (*rate as f32).is_finite();
    number(text).filter(fits).ok_or_else(|| "expected a number above 0, such as 0.01".to_owned())
}

/// A number above 0.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    number(text).filter(|number| *number > 0.0).ok_or_else(|| "expected a number above 0".to_owned())
}

/// A number from 0.
pub(crate) fn not_negative(text: &str) -> Result<f64, String> {
    number(text).filter(|number| *number >= 0.0).ok_or_else(|| "expected a number from 0".to_owned())
}

/// A number from 0 to 1.
pub(crate) fn number_in_unit_interval(text: &str) -> Result<f64, String> {
    number(text).filter(|number| (0.0..=1.0).contains(number)).ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

/// A number from 0 to below 1.
pub(crate) fn below_one(text: &str) -> Result<f64, String> {
    number(text)
        .filter(|number| (0.0..1.0).contains(number))
        .ok_or_else(|| "expected a number from 0 to below 1".to_owned())
}

pub(crate) fn epsilon(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(epsilon) if epsilon >= 0.0 && epsilon.is_finite() => Ok(epsilon),
        _ => Err("expected a number from 0, such as 1.001e-5".to_owned()),
    }
}

/// Seconds, from 0.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..=1e9).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected seconds, such as 60 or 0.5".to_owned())
}

/// Two numbers, such as `0.8,1.2`.
pub(crate) fn pair(text: &str) -> Result<(f64, f64), String> {
    let numbers = text.split_once(',').and_then(|(low, high)| Some((number(low)?, number(high)?)));
    numbers.ok_or_else(|| "expected two numbers, such as 0.8,1.2".to_owned())
}

/// A zoom: a number z for 1-z to 1+z, or both factors.
pub(crate) fn zoom(text: &str) -> Result<ZoomRange, String> {
    match number(text) {
        Some(z) => Ok(z.into()),
        None => pair(text).map(|(low, high)| ZoomRange { low, high }),
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// Only the form; whether the device is there is found out when it is used.
pub(crate) fn device(text: &str) -> Result<String, String> {
    let number = text.strip_prefix("cuda:").is_some_and(|number| number.parse::<u16>().is_ok());
    if number || ["auto", "cpu", "cuda"].contains(&text) {
        Ok(text.to_owned())
    } else {
        Err("expected auto, cpu, cuda or cuda:N".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_squares_or_height_by_width() {
        assert_eq!("224".parse(), Ok(ImageSize { height: 224, width: 224 }));
        assert_eq!("192x256".parse(), Ok(ImageSize { height: 192, width: 256 }));
        for bad in ["", "0", "224x", "x224", "-1", "224x0", "2x2x2", "99999", "224.5"] {
            assert!(bad.parse::<ImageSize>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_below_what_the_backbone_takes_are_usage_errors() {
        let size = |text: &str| text.parse::<ImageSize>().unwrap();
        assert!(size("32").check(Architecture::ResNet50, "train").is_ok());
        for (text, backbone) in [("31", Architecture::ResNet50), ("224x70", Architecture::Xception)] {
            let error = size(text).check(backbone, "extract").unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("too small"), "{error}");
        }
    }

    #[test]
    fn weights_are_published_drawn_or_a_file() {
        assert_eq!("imagenet".parse(), Ok(WeightsChoice::Imagenet));
        assert_eq!("random".parse(), Ok(WeightsChoice::Random(123)));
        assert_eq!("random:7".parse(), Ok(WeightsChoice::Random(7)));
        assert_eq!("./random".parse(), Ok(WeightsChoice::File("./random".into())));
        for bad in ["random:", "random:x", "random:-1", ""] {
            assert!(bad.parse::<WeightsChoice>().is_err(), "{bad}");
        }
        assert_eq!(WeightsChoice::Random(7).to_string(), "random:7");
    }

    #[test]
    fn metrics_are_off_or_at_an_address() {
        assert_eq!("off".parse(), Ok(MetricsAddress::Off));
        assert_eq!("[::1]:80".parse(), Ok(MetricsAddress::At("[::1]:80".parse().unwrap())));
        for bad in ["", "9464", "localhost", "127.0.0.1"] {
            assert!(bad.parse::<MetricsAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn counts_begin_at_1() {
        assert_eq!(count("6"), Ok(6));
        assert_eq!(batch_size("65536"), Ok(65_536));
        for bad in ["0", "-1", "1.5", "", "4294967296"] {
            assert!(count(bad).is_err(), "{bad}");
            assert!(batch_size(bad).is_err(), "{bad}");
        }
        assert!(batch_size("65537").is_err());
    }

    #[test]
    fn a_learning_rate_is_positive_and_finite() {
        assert_eq!(learning_rate("1e-3"), Ok(0.001));
        for bad in ["0", "-0.1", "nan", "inf", "1e-60", "1e60", "fast", ""] {
            assert!(learning_rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_epsilon_is_not_negative() {
        assert_eq!(epsilon("1.001e-5"), Ok(1.001e-5));
        assert_eq!(epsilon("0"), Ok(0.0));
        for bad in ["-1e-5", "nan", "inf", "x"] {
            assert!(epsilon(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges_are_a_number_or_two() {
        assert_eq!(zoom("0.5"), Ok(ZoomRange { low: 0.5, high: 1.5 }));
        assert_eq!(zoom("0.8, 1.2"), Ok(ZoomRange { low: 0.8, high: 1.2 }));
        assert_eq!(pair("0.5,1.5"), Ok((0.5, 1.5)));
        for bad in ["", "1", "1,", "a,b", "1,2,3", "nan,1"] {
            assert!(pair(bad).is_err(), "{bad}");
        }
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["-1", "nan", "soon", ""] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn devices_are_named_as_libtorch_names_them() {
        for good in ["auto", "cpu", "cuda", "cuda:3"] {
            assert_eq!(device(good).as_deref(), Ok(good));
        }
        for bad in ["", "gpu", "cuda:", "cuda:x", "cuda:-1"] {
            assert!(device(bad).is_err(), "{bad}");
        }
    }
}
