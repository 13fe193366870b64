//! The batch-norm statistics of a set of weights, to be taken out and put back by name.

use std::collections::BTreeMap;

use super::Weights;
use crate::error::BackboneError;
use crate::layers::Variable;

/// Mean and variance of each batch norm, by the name of its layer (`conv1_bn`).
pub type BatchNormStatistics = BTreeMap<String, Moments>;

/// Mean and (population) variance by channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Mean of each channel.
    pub mean: Vec<f32>,
    /// Variance of each channel.
    pub variance: Vec<f32>,
}

impl Weights {
    /// Mean and variance of every batch norm.
    pub fn batch_norm_statistics(&self) -> BatchNormStatistics {
        let mut all = BatchNormStatistics::new();
        for (spec, values) in self.specs.iter().zip(&self.values) {
            let Some((layer, _)) = spec.name.split_once('/') else { continue };
            match spec.variable {
                Variable::MovingMean => moments(&mut all, layer).mean = values.to_vec(),
                Variable::MovingVariance => moments(&mut all, layer).variance = values.to_vec(),
                _ => {}
            }
        }
        all
    }

    /// Replaces mean and variance of the layers named; the digest becomes that of the tensors.
    ///
    /// # Errors
    /// When a layer is unknown, a length is not that of the layer, or a value is not finite or a variance negative.
    /// Nothing is changed then.
    pub fn set_batch_norm_statistics(&mut self, statistics: &BatchNormStatistics) -> Result<(), BackboneError> {
        let mut changed = self.values.clone();
        for (layer, moments) in statistics {
            for (variable, values) in
                [(Variable::MovingMean, &moments.mean), (Variable::MovingVariance, &moments.variance)]
            {
                let refuse = |reason| BackboneError::Statistics { layer: layer.clone(), reason };
                let name = format!("{layer}/{}", variable.name());
                let Some(index) = self.specs.iter().position(|s| s.name == name) else {
                    return Err(refuse(format!("{} has no such batch norm", self.architecture)));
                };
                let expected = self.specs[index].len();
                if values.len() != expected {
                    return Err(refuse(format!(
                        "{} has {} values, expected {expected}",
                        variable.name(),
                        values.len()
                    )));
                }
                let allowed = |v: &f32| v.is_finite() && (variable == Variable::MovingMean || *v >= 0.0);
                if let Some(channel) = values.iter().position(|v| !allowed(v)) {
                    return Err(refuse(format!("{} of channel {channel} is {}", variable.name(), values[channel])));
                }
                changed[index] = values.clone().into();
            }
        }
        self.values = changed;
        self.digest = self.tensor_digest();
        Ok(())
    }
}

fn moments<'a>(all: &'a mut BatchNormStatistics, layer: &str) -> &'a mut Moments {
    all.entry(layer.to_owned()).or_insert_with(|| Moments { mean: Vec::new(), variance: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Architecture;

    #[test]
    fn statistics_are_replaced_by_name_and_change_the_digest() {
        let mut weights = Weights::random(Architecture::ResNet50, 1);
        let before = weights.digest().to_owned();
        let all = weights.batch_norm_statistics();
        assert_eq!(all.len(), 53);
        assert_eq!(all["conv1_bn"].mean.len(), 64);

        let changed = Moments { mean: vec![0.5; 64], variance: vec![2.0; 64] };
        weights.set_batch_norm_statistics(&[("conv1_bn".to_owned(), changed.clone())].into()).unwrap();
        assert_eq!(weights.batch_norm_statistics()["conv1_bn"], changed);
        assert_eq!(weights.batch_norm_statistics()["conv5_block3_3_bn"], all["conv5_block3_3_bn"]);
        assert_ne!(weights.digest(), before);
        weights.set_batch_norm_statistics(&all).unwrap();
        assert_eq!(weights.digest(), before);
    }

    #[test]
    fn statistics_that_do_not_fit_change_nothing() {
        let mut weights = Weights::random(Architecture::ResNet50, 1);
        let before = weights.batch_norm_statistics();
        let good = Moments { mean: vec![0.0; 64], variance: vec![1.0; 64] };
        let cases = [
            ("nowhere_bn", good.clone(), "`nowhere_bn`: resnet50 has no such"),
            ("conv1_bn", Moments { mean: vec![0.0; 63], ..good.clone() }, "moving_mean has 63 values, expected 64"),
            ("conv1_bn", Moments { variance: vec![-1.0; 64], ..good.clone() }, "moving_variance of channel 0 is -1"),
            ("conv1_bn", Moments { mean: vec![f32::NAN; 64], ..good }, "moving_mean of channel 0 is NaN"),
        ];
        for (layer, moments, expected) in cases {
            let error = weights.set_batch_norm_statistics(&[(layer.to_owned(), moments)].into()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert_eq!(weights.batch_norm_statistics(), before);
    }
}
