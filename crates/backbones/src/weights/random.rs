//! Seeded weights for a backbone that nobody has trained.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::values::Values;
use crate::layers::{TensorSpec, Variable};

/// Draws every tensor from its own stream of ChaCha8, so that a tensor depends on the seed and its position alone.
///
/// Only exactly rounded operations are used (no logarithm, no cosine): the values are the same on every machine.
pub(super) fn draw(specs: &[TensorSpec], seed: u64) -> Vec<Values> {
    let draw_one = |(stream, spec): (usize, &TensorSpec)| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream as u64);
        let (low, high) = range(spec);
        let step = (high - low) / (1_u32 << 24) as f32;
        let values = (0..spec.len()).map(|_| low + step * (rng.next_u32() >> 8) as f32);
        values.collect::<Vec<f32>>().into()
    };
    specs.iter().enumerate().map(draw_one).collect()
}

/// The range of the uniform distribution of a tensor.
///
/// Kernels follow He et al. (2015, arXiv:1502.01852): variance `2 / fan_in`, that is, a limit of
/// `sqrt(6 / fan_in)`.
fn range(spec: &TensorSpec) -> (f32, f32) {
    match spec.variable {
        Variable::Kernel | Variable::PointwiseKernel | Variable::DepthwiseKernel => {
            let inputs = if spec.variable == Variable::DepthwiseKernel { 1 } else { spec.shape[2] };
            let fan_in = spec.shape[0] * spec.shape[1] * inputs;
            let limit = (6.0 / fan_in as f64).sqrt() as f32;
            (-limit, limit)
        }
        Variable::Bias => (-0.03, 0.03),
        Variable::Gamma => (0.7, 1.3),
        Variable::Beta => (-0.2, 0.2),
        Variable::MovingMean => (0.0, 0.0),
        Variable::MovingVariance => (1.0, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use crate::architecture::Architecture;
    use crate::weights::Weights;

    #[test]
    fn draw_is_fixed_by_seed_for_all_time() {
        let a = Weights::random(Architecture::ResNet50, 7);
        assert_eq!(a.digest(), Weights::random(Architecture::ResNet50, 7).digest());
        assert_ne!(a.digest(), Weights::random(Architecture::ResNet50, 8).digest());
        // Saved runs name the seed: these digests must never change.
        assert_eq!(a.digest(), "sha256:1d94ba11fbb4682a1035cc7ddc6c8005d8a13cb627d7ac6f5916a117ec3739bf");
        assert_eq!(
            Weights::random(Architecture::Xception, 7).digest(),
            "sha256:0420acb88246353f841b283d0d9119d6a1018d4a30ddddae0c6dff031a6943a8"
        );
    }

    #[test]
    fn kernels_have_he_variance_and_gammas_lie_near_one() {
        let weights = Weights::random(Architecture::ResNet50, 0);
        let kernel = weights.tensor("conv5_block3_2_conv/kernel").unwrap();
        let mean_square = kernel.values.iter().map(|v| f64::from(v * v)).sum::<f64>() / kernel.values.len() as f64;
        let expected = 2.0 / (9.0 * 512.0);
        assert!((mean_square / expected - 1.0).abs() < 0.01, "{mean_square} {expected}");
        let gamma = weights.tensor("conv1_bn/gamma").unwrap();
        assert!(gamma.values.iter().all(|v| (0.7..1.3).contains(v)));
        assert_eq!(weights.tensor("conv1_bn/moving_variance").unwrap().values, [1.0; 64]);
    }
}
