//! In which floating-point type a backbone's arithmetic runs.

use std::fmt;
use std::str::FromStr;

use crate::device::Device;
use crate::error::BackboneError;

/// The type of weights and activations. Statistics, the average over a feature map and the features are f32 in either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Precision {
    /// 32 bits: the numbers of Keras.
    #[default]
    Fp32,
    /// bfloat16: 8 bits of exponent, 7 of fraction; sums of products are in f32. Features of untrained, calibrated
    /// networks differ by 1 % (Xception) to 6 % (ResNet50) of their norm on photos, since such networks enlarge any
    /// difference block by block; those of PyTorch in bf16 do as well. They come twice as fast where the processor
    /// multiplies bfloat16 itself.
    Bf16,
}

impl Precision {
    /// Every precision, in the order in which they are listed to users.
    pub const ALL: [Self; 2] = [Self::Fp32, Self::Bf16];

    /// As in `--precision bf16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
        }
    }

    /// Refuses what `device` would do slower than [`Precision::Fp32`].
    ///
    /// # Errors
    /// bf16 on a processor that has no instructions for it.
    pub fn check(self, device: Device) -> Result<(), BackboneError> {
        match (self, device) {
            (Self::Fp32, _) | (Self::Bf16, Device::Cuda(_)) => Ok(()),
            (Self::Bf16, Device::Cpu) => {
                cpu_multiplies_bf16().map_err(|reason| BackboneError::Precision { precision: self, device, reason })
            }
        }
    }

    pub(crate) fn kind(self) -> tch::Kind {
        match self {
            Self::Fp32 => tch::Kind::Float,
            Self::Bf16 => tch::Kind::BFloat16,
        }
    }

    /// Bytes of one value.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Fp32 => 4,
            Self::Bf16 => 2,
        }
    }
}

/// Whether oneDNN computes in bf16 with instructions that are made for it; where it would convert back and forth, why.
///
/// AMX (`amx_bf16`) is always found together with AVX512-BF16.
fn cpu_multiplies_bf16() -> Result<(), &'static str> {
    #[cfg(target_arch = "x86_64")]
    let has = std::is_x86_feature_detected!("avx512bf16") && std::is_x86_feature_detected!("avx512vl");
    #[cfg(not(target_arch = "x86_64"))]
    let has = false;
    if !has {
        return Err("this processor has no AVX512-BF16 or AMX, and bf16 would be slower than fp32");
    }
    if !tch::utils::has_mkldnn() {
        return Err("this libtorch is built without oneDNN, and bf16 would be slower than fp32");
    }
    Ok(())
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Precision {
    type Err = BackboneError;

    /// `fp32` or `bf16`, or as libtorch calls them: `float32`, `bfloat16`.
    fn from_str(name: &str) -> Result<Self, BackboneError> {
        match name {
            "fp32" | "float32" => Ok(Self::Fp32),
            "bf16" | "bfloat16" => Ok(Self::Bf16),
            _ => Err(BackboneError::UnknownPrecision { name: name.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_unknown_ones_are_named() {
        for precision in Precision::ALL {
            assert_eq!(precision.to_string().parse::<Precision>().unwrap(), precision);
        }
        assert_eq!("bfloat16".parse::<Precision>().unwrap(), Precision::Bf16);
        let message = "fp16".parse::<Precision>().unwrap_err().to_string();
        assert_eq!(message, "unknown precision `fp16`; there are fp32, bf16");
    }

    #[test]
    fn bf16_is_refused_with_a_reason_where_the_processor_lacks_it() {
        Precision::Fp32.check(Device::Cpu).unwrap();
        match (Precision::Bf16.check(Device::Cpu), cpu_multiplies_bf16()) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(reason)) => {
                assert_eq!(error.to_string(), format!("precision bf16 cannot be used on cpu: {reason}"));
            }
            (checked, has) => panic!("{checked:?} {has:?}"),
        }
    }
}
